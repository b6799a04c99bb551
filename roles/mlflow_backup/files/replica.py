#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put the database of Litestream's replica into the place of the server's. Artifacts are in no replica, and stay as they are."""

from __future__ import annotations

import json
import os
import shutil
import time

import database
import litestream
import plan
import restore
from settings import Refused
from status import stamp


def fetch(settings, deployed, host, when, folder):
    """The newest state of a host's replica, or that of a time, as folder/mlflow.db. Returns what it holds, and when it was written."""
    words = [] if when == "latest" else ["-timestamp", when]
    code, printed, said = litestream.restored(settings, deployed, host, folder, "-dry-run", "-json", *words)
    newest = max(file["timestamp"] for file in json.loads(printed)["files"]) if not code else ""
    if not code:
        code, _printed, said = litestream.restored(settings, deployed, host, folder, *words)
    file = os.path.join(folder, "mlflow.db")
    if code:
        raise Refused(f"{litestream.url_of(settings, host)} gives no database back: {said}. Name the host that replicated in mlflow_backup_restore_host, and "
                      "a time such as 2026-01-31T12:00:00Z in mlflow_backup_restore_snapshot, or leave that out. Nothing was changed.")
    wrong = database.problem(file)
    if wrong:
        raise Refused(f"The replica of {host} is damaged: {wrong}. Restore a snapshot, or an earlier time of the replica. Nothing was changed.")
    # One file without a log beside it. The server sets the mode that it wants at its start.
    with database.connect(file) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    return {**database.contents(file), "newest": newest}


def put_back(settings, deployed, when, host, confirmed, dry):
    """The verb. when: a time in RFC 3339, or "latest". confirmed: the database that is there may be moved aside. dry: tell, and change nothing."""
    if not settings.litestream or not deployed.database:
        raise Refused("Litestream replicates SQLite, and mlflow_backup_litestream_enabled must be true. Nothing was changed.")
    finished = restore.finish(settings, deployed, dry)
    if finished:
        return finished
    source = host or settings.host
    folder, aside = (os.path.join(deployed.root, f".{word}-{stamp(time.time()).replace(':', '')}") for word in ("restore", "before-restore"))
    folder = settings.scratch if dry else folder
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o700)
    try:
        found = fetch(settings, deployed, source, when, folder)
        plan.refuse_schema({"schema": found["schema"], "version": "the version that wrote it"}, deployed)
        held = plan.holds(type("Bare", (), {"database": deployed.database, "artifacts": ""}))
        told = {"snapshot": "litestream", "from": source, "made": found["newest"], "version": "", "held": held, "files": 0,
                "tables": {name: rows for name, rows in found["tables"].items() if rows}}
        if held and not confirmed:
            raise Refused(f"{deployed.database} holds data: {held}. They would be moved aside for the replica of {source} "
                          f"({told['tables'].get('runs', 0)} runs). To do that, add -e mlflow_backup_restore_confirm={settings.host}.")
        if dry:
            return {**told, "dry": True}
        new = os.path.join(folder, "mlflow.db")
        os.chown(new, deployed.uid, deployed.gid)
        os.chmod(new, 0o644)
        journal = {"snapshot": "litestream", "folder": folder, "aside": aside, "told": told,
                   "moves": [[new, deployed.database, os.path.join(aside, os.path.basename(deployed.database))]]}
        restore.begin(settings, journal)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        if dry:
            shutil.rmtree(folder, ignore_errors=True)
    return restore.swap(settings, deployed, journal)
