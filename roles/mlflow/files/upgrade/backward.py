#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way back, and the end of what was cut short. Each step can be done again."""

from __future__ import annotations

import os
import shutil

import database
import forward
import host
import room
import steps
import users
from host import Failure, say


def swapped(record):
    """Whether the migrated database is in its place. A link that was made just before that is removed."""
    backup, file = record["backup"], record["plan"]["database"]
    if not backup or not os.path.exists(backup):
        return False
    if os.path.exists(file) and os.path.samefile(backup, file):
        os.unlink(backup)
        return False
    return True


def undo(journal, record, state="undone"):
    """Back to the old database, files and server. The database that the new server used is kept as `replaced`."""
    plan, serves = record["plan"], record["state"] == "planned"
    journal.enter(record, "undoing")
    host.remove_container(f"{plan['service']}-migration")
    # On a full disk a server that serves goes on, and one that is stopped may not start again.
    if not serves:
        host.stop(plan["unit"])
    if swapped(record):
        database.settle(plan["database"])
        record["replaced"] = f"{os.path.dirname(record['backup'])}/mlflow.db-{record['to']['version']}"
        journal.enter(record, "undoing")
        database.replace(plan["database"], record["backup"], record["replaced"])
    users.put_back(record)
    if plan["database"]:
        shutil.rmtree(forward.folder_of(plan) / "work", ignore_errors=True)
    journal.put_files(record, "old")
    host.systemctl("daemon-reload")
    room.give_room(plan)
    if record["active"]:
        host.start(plan["unit"])
        answer = host.version(record["from"]["url"], plan["env_file"])
        if record["from"]["version"] not in ("", answer):
            raise Failure(f"the old server says that it is {answer}, and not {record['from']['version']}")
    journal.close(record, state)


def lost(record):
    """Rows that are in use now and not in the backup, by table; counted while the server runs. Nothing where no backup would be put back."""
    if not record["backup"]:
        return users.lost(record)
    now, then = database.look(record["plan"]["database"])["counts"], database.look(record["backup"])["counts"]
    return {**users.lost(record), **{name: rows - then.get(name, 0) for name, rows in now.items() if name in then and rows > then[name]}}


def resume(journal):
    """Bring an upgrade that was cut short to an end: before the new database was in place back, and after it forward, or back if that fails."""
    record = journal.pending()
    if not record or record["state"] == "serving":
        return record
    say(f"{record['id']} was cut short when it was {record['state']}")
    if record["state"] == "swapped" or (record["state"] == "migrated" and swapped(record)):
        try:
            steps.finish(journal, record)
            return record
        except Failure as reason:
            say(f"it cannot be finished: {reason}")
    undo(journal, record, record.get("ends_as", "undone"))
    return None
