#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The restic repository. Secrets reach restic in its environment and in files that only root reads, never as arguments.

Works with restic 0.14 and later; what it says is turned into what the operator can do about it. Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess

from meanings import GONE, LOCKED, MEANINGS
from settings import Refused, read_pairs, shown

TAG = "mlflow-backup"


def ssh_command(settings, repository):
    """The ssh command for sftp:USER@HOST:PATH and sftp://USER@HOST:PORT/PATH, with the key and the known hosts of the role."""
    match = re.match(r"sftp:(?://)?(?P<target>(?:[^@/]+@)?(?:\[[^]]+\]|[^:/]+))(?::(?P<port>\d+)(?=/))?", repository)
    words = ["ssh", "-o", "BatchMode=yes"]
    if repository.startswith("sftp://") and match["port"]:
        words += ["-p", match["port"]]
    if os.path.exists(settings.ssh_key_file):
        words += ["-i", settings.ssh_key_file, "-o", "IdentitiesOnly=yes"]
    if os.path.exists(settings.known_hosts_file):
        words += ["-o", f"UserKnownHostsFile={settings.known_hosts_file}", "-o", "StrictHostKeyChecking=yes"]
    return shlex.join([*words, match["target"].strip("[]"), "-s", "sftp"])


class Repository:
    def __init__(self, settings):
        self.settings = settings
        self.secrets = read_pairs(settings.environment_file)
        self.address = self.secrets["RESTIC_REPOSITORY"]
        self.options = ["-o", f"sftp.command={ssh_command(settings, self.address)}"] if self.address.startswith("sftp:") else []
        # Half of the processors are left to the server.
        quiet = {"GOMAXPROCS": str(max(1, (os.cpu_count() or 2) // 2))}
        self.environment = {**quiet, **os.environ, **self.secrets, "RESTIC_PASSWORD_FILE": settings.password_file, "RESTIC_CACHE_DIR": settings.cache,
                            "RESTIC_PROGRESS_FPS": "0.01"}

    @property
    def local(self):
        """Path of a repository on this host, or nothing."""
        return self.address[6:] if self.address.startswith("local:") else self.address if self.address.startswith("/") else ""

    def run(self, *words, allow=()):
        """Run restic; returns the finished process. Any exit code but 0 and those of allow is Refused, with what it means."""
        done = self.call(words)
        if done.returncode and (done.returncode == 11 or re.search(LOCKED, done.stderr + done.stdout)):
            # Each call opens the repository, so locks whose owners are gone are looked for only where a lock is in the way.
            self.call(["unlock"])
            # Those of other hosts are waited for since 0.16.
            release = re.match(r"restic (\d+)\.(\d+)", self.call(["version"]).stdout)
            done = self.call(["--retry-lock", "10m", *words] if (int(release[1]), int(release[2])) >= (0, 16) else words)
        if done.returncode not in (0, *allow):
            raise Refused(self.meaning(done))
        return done

    def call(self, words):
        return subprocess.run(["restic", *self.options, *words], env=self.environment, capture_output=True, text=True, check=False)

    def meaning(self, done):
        code, said = done.returncode, done.stderr + done.stdout
        # On standard output there is only progress.
        lines = [line.strip() for line in (done.stderr.strip() or done.stdout).splitlines() if line.strip() and "retrying after" not in line]
        words = self.conceal("; ".join(lines[-3:])[-600:]).rstrip(".")
        for number, pattern, text in MEANINGS:
            if code == number or re.search(pattern, said):
                return text.format(repository=self.conceal(self.address), words=words)
        return f"restic ended with {code} at {self.conceal(self.address)}: {words}."

    def conceal(self, text):
        for name, value in self.secrets.items():
            if value and name != "RESTIC_REPOSITORY":
                text = text.replace(value, "***")
        return shown(text)

    def identity(self):
        """Id of the repository, or nothing where there is none."""
        done = self.run("cat", "config", "--json", allow=(1, GONE))
        if done.returncode == 0:
            return json.loads(done.stdout)["id"]
        if done.returncode != GONE and not re.search(MEANINGS[1][1], done.stderr):
            raise Refused(self.meaning(done))
        return ""

    def open(self, known):
        """Id of the repository, made where there was none before. known: its id at an earlier run, or nothing."""
        found = self.identity()
        shown_address = self.conceal(self.address)
        if known and not found:
            raise Refused(f"{shown_address} is damaged or gone: it held repository {known[:8]} before. "
                          "Bring it back; see 'A damaged repository' in docs/backups.md.")
        if not found:
            if self.local and os.path.isdir(self.local) and os.listdir(self.local):
                raise Refused(f"{shown_address} is neither empty nor a repository. "
                              "Name an empty folder in mlflow_backup_repository, or repair the repository in it.")
            self.run("init")
            found = self.identity()
        return found

    def backup(self, paths):
        """Make a snapshot; returns restic's summary. Files that vanished meanwhile are no error, files that cannot be read are."""
        done = self.run("backup", "--json", "--host", self.settings.host, "--tag", TAG, "--tag", self.settings.service, *paths, allow=(3,))
        messages = [json.loads(line) for line in (done.stdout + done.stderr).splitlines() if line.startswith("{")]
        unread = [message.get("item", "") for message in messages if message.get("message_type") == "error"]
        unread = [item for item in unread if os.path.lexists(item)]
        if done.returncode and unread:
            raise Refused(f"{len(unread)} files could not be read, {unread[0]} among them. The snapshot lacks them.")
        return next(message for message in reversed(messages) if message.get("message_type") == "summary")

    def forget(self):
        """Forget old snapshots. Their room is freed by prune, which reads the whole index."""
        keep = [word for name, number in self.settings.keep.items() if number for word in (f"--keep-{name}", str(number))]
        self.run("forget", "--host", self.settings.host, "--tag", f"{TAG},{self.settings.service}", "--group-by", "host,tags", *keep)

    def prune(self, *words):
        self.run("prune", *words)

    def snapshots(self):
        """Every snapshot of this service, of all hosts, oldest first."""
        found = json.loads(self.run("snapshots", "--json", "--tag", f"{TAG},{self.settings.service}").stdout) or []
        return sorted(found, key=lambda snapshot: snapshot["time"])

    def holds(self, snapshot):
        """Whether a snapshot, by the first digits of its id, is still there. That of a folder is found without opening the repository."""
        if not self.local:
            return any(found["id"].startswith(snapshot) for found in self.snapshots())
        folder = os.path.join(self.local, "snapshots")
        whole = os.path.isfile(os.path.join(self.local, "config")) and os.path.isdir(folder)
        return whole and any(name.startswith(snapshot) for name in os.listdir(folder))

    def read(self, snapshot, path):
        return self.run("dump", snapshot, path).stdout

    def restore(self, snapshot, target, words=()):
        self.run("restore", snapshot, "--target", target, *words)
