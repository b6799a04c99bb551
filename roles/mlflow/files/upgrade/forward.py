#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From one image to another: look, refuse, migrate a copy of the database, put it in place, start. backward.py takes it back.

The database that the old server used is never migrated: a copy of it is, and takes its place when all is well. The old one is the backup.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import time

import database
import host
from host import Failure, say

# A migration builds tables anew beside the old ones, and logs what it writes.
ROOM = 3
SPARE_BYTES = 50_000_000
# What MLflow keeps about traces beside the traces themselves: 3.17 moves some of it into columns.
DERIVED = ("trace_tags", "trace_metrics", "trace_request_metadata", "span_metrics")


def human(size):
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def folder_of(plan):
    """Where copies of a SQLite file are: beside it, because only then can one take its place at once."""
    return pathlib.Path(os.path.dirname(plan["database"] or plan.get("users", "")), ".upgrade")


def keep_folder(plan):
    folder = folder_of(plan)
    folder.mkdir(mode=0o700, exist_ok=True)
    # The folder around it is the server's, which could have put anything there.
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid() or folder.stat().st_mode & 0o077:
        raise Failure(f"{folder} must be a folder of root with mode 0700, and is not. Move it away.")
    return folder


def look(plan, image):
    """The backend store: {"schema", "counts"}."""
    if plan["database"]:
        return database.look(plan["database"])
    return json.loads(host.run(*host.container(plan, image), "counts", text=json.dumps(plan["environment"]) + "\n", seconds=600))


def examine(plan, image):
    """What the image is and whether it can serve the store; a Failure says why not. Nothing is changed."""
    about = host.about(plan, image)
    if about["version"] != plan["version"]:
        raise Failure(f"mlflow_version is {plan['version']}, and {image} holds MLflow {about['version']}. Set mlflow_version to that, or give another image.")
    store = look(plan, image)
    if store["schema"] and store["schema"] not in about["revisions"]:
        raise Failure(
            f"mlflow_version is {plan['version']}, which does not know the schema {store['schema']} of the database: a newer MLflow has made it. Set"
            " mlflow_version to the newest version that has served it, or go back together with the database as it was then: playbooks/rollback.yml.")
    migrates = bool(store["schema"]) and store["schema"] not in about["heads"]
    if migrates and plan["database"]:
        wrong = database.faults(plan["database"])
        if wrong:
            raise Failure(f"{plan['database']} is damaged, and was not migrated: {wrong}. Restore it from a backup first.")
        room = needed(plan)
        if room["free"] < room["needed"]:
            raise Failure(
                f"mlflow_root is '{plan['root']}', where {human(room['free'])} are free; to back up and migrate {plan['database']} ({human(room['size'])})"
                f" takes {human(room['needed'])}. Free some room. Backups of earlier upgrades are in {folder_of(plan)}.")
    if migrates and not plan["database"] and not plan["external_backup"]:
        raise Failure(
            "mlflow_upgrade_external_backup_confirmed is false, and this upgrade changes the schema of a database server, which cannot be put back from here."
            " Back the database up, then set it to true for this run.")
    return {"about": about, "store": store, "migrates": migrates}


def needed(plan):
    size = database.size(plan["database"])
    return {"size": size, "needed": ROOM * size + SPARE_BYTES, "free": shutil.disk_usage(os.path.dirname(plan["database"])).free}


class Migration:
    """A container of the new image that is ready to migrate before the old server stops."""

    def __init__(self, plan, image, work, log):
        self.name, self.log = f"{plan['service']}-migration", log
        environment, options = plan.get("environment") or {}, []
        if plan["database"]:
            environment = {"MLFLOW_BACKEND_STORE_URI": "sqlite:////upgrade/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
            options = ["--volume", f"{work}:/upgrade", "--env", "SQLITE_TMPDIR=/upgrade", "--env", "TMPDIR=/upgrade"]
        host.remove_container(self.name)
        with open(log, "w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                [*host.container(plan, image, *options, name=self.name), "migrate"], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        self.tell(json.dumps(environment))
        self.expect("ready")

    def tell(self, line):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    def expect(self, word):
        for line in self.process.stdout:
            if line.strip() == word:
                return
        last = pathlib.Path(self.log).read_text(encoding="utf-8", errors="replace").strip().splitlines()[-12:]
        raise Failure(f"the migration of the database failed (its log is {self.log}):\n" + "\n".join(last))

    def go(self):
        """Migrate. Returns the seconds that it took."""
        begin = time.monotonic()
        self.tell("go")
        self.expect("done")
        return time.monotonic() - begin

    def end(self):
        host.remove_container(self.name)
        self.process.stdin.close()
        self.process.wait()


def work_folder(plan, name="work"):
    """A folder that the container may write, empty."""
    folder = keep_folder(plan) / name
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    os.chown(folder, plan["uid"], plan["gid"])
    return folder


def same_rows(before, after, shared=False):
    """Tables whose number of rows is another than before, in words. That is a Failure where no migration has a reason for it.

    shared: other servers write to this store meanwhile, so that more rows are no difference.
    """
    changed = {name: (was, now) for name, (was, now) in database.differences(before, after).items() if not (shared and now > was)}
    found = {name: f"{name} had {was} rows and has {now}" for name, (was, now) in changed.items()}
    wrong = [text for name, text in found.items() if name not in DERIVED]
    if wrong:
        raise Failure(f"the migration changed what it should keep: {', '.join(wrong)}")
    say(", ".join(found.values()) or f"{sum(before.values())} rows in {len(before)} tables are as they were")
    return list(found.values())
