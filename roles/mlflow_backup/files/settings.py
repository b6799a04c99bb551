#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of the backup, and what is deployed on the host, read anew at each run. Standard library only."""

from __future__ import annotations

import json
import os
import re


class Refused(Exception):
    """What is wrong, in words for the operator, with the way out."""


def read_pairs(file):
    """NAME=VALUE lines of a file as a dictionary; blank lines and comments are passed over."""
    with open(file, encoding="utf-8") as lines:
        return {name: value for name, mark, value in (line.rstrip("\n").partition("=") for line in lines) if mark and not name.startswith("#")}


def write_whole(file, text, mode=0o644):
    """Replace a file by a rename: whoever reads it sees the old text or the new one."""
    draft = file + ".new"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(draft, file)


class Settings:
    """backup.json of the configuration folder, with the names of the files that belong to it.

    Times are seconds, sizes are bytes. Its keys: service, host, keep, lock_wait_seconds, read_data_subset, extra_databases,
    sample_files, metrics_file, postgresql_tools, litestream, state, fact.
    """

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "backup.json"), encoding="utf-8") as handle:
            self.__dict__.update(json.load(handle))
        self.environment_file = os.path.join(folder, "restic.env")
        self.litestream_file = os.path.join(folder, "litestream.env")
        self.password_file = os.path.join(folder, "password")
        self.ssh_key_file = os.path.join(folder, "ssh_key")
        self.known_hosts_file = os.path.join(folder, "known_hosts")
        self.lock_file = os.path.join(self.state, "lock")
        self.status_file = os.path.join(self.state, "status.json")
        self.journal_file = os.path.join(self.state, "restore.json")
        self.prepared_file = os.path.join(self.state, "prepared")
        self.stage = os.path.join(self.state, "stage")
        self.scratch = os.path.join(self.state, "scratch")
        self.cache = os.path.join(self.state, "cache")

    def deployed(self):
        """What is deployed, as role mlflow recorded it."""
        try:
            with open(self.fact, encoding="utf-8") as handle:
                return Deployed(json.load(handle))
        except FileNotFoundError:
            raise Refused(f"{self.fact} is not there: no tracking server is deployed on this host. Run site.yml first.") from None


class Deployed:
    """The fact of a tracking server. uri() alone holds a secret."""

    def __init__(self, fact):
        self.fact = fact
        self.root, self.unit, self.image, self.version = fact["root"], fact["unit"], fact["image"], fact["version"]
        self.uid, self.gid = fact["uid"], fact["gid"]
        self.environment_file = os.path.join(fact["config_dir"], "mlflow.env")
        self.unit_file = os.path.join("/etc/systemd/system", self.unit)

    @property
    def database(self):
        """Path of the SQLite file, or nothing where the backend store is a server."""
        return self.fact["backend_store"][10:] if self.store_kind == "sqlite" else ""

    @property
    def store_kind(self):
        """sqlite, postgresql, mysql or mssql."""
        return self.fact["backend_store"].partition(":")[0].partition("+")[0]

    @property
    def artifacts(self):
        """Folder of the artifacts, or nothing where they lie in an object store."""
        return "" if self.artifacts_elsewhere else self.fact["artifacts_destination"]

    @property
    def artifacts_elsewhere(self):
        """The object store that the artifacts lie in, or nothing where they lie in a folder."""
        return shown(self.fact["artifacts_destination"]) if "://" in self.fact["artifacts_destination"] else ""

    def folders(self):
        """Folders that hold state and are there, outermost first."""
        found = [self.artifacts, os.path.join(self.root, "mlruns")]
        return [folder for folder in found if folder and os.path.isdir(folder)]

    def uri(self):
        """The backend store with its password. What the container has as /run/mlflow lies beside the environment file."""
        entry = os.path.join(os.path.dirname(self.environment_file), "entry")
        return read_pairs(self.environment_file)["MLFLOW_BACKEND_STORE_URI"].replace("=/run/mlflow/", f"={entry}/")


def shown(text):
    """A text without the passwords of the URLs in it."""
    return re.sub(r"://[^/@\s]*@", "://***@", text)
