#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The database of users, which a server migrates by itself when it starts: a copy of it is kept across a change of version, and put back."""

from __future__ import annotations

import os

import database
import forward


def file_of(record):
    """The SQLite file that users and permissions are in; empty where there is none, or where they are in a database server."""
    return record["plan"].get("users", "")


def keep(journal, record):
    """Copy it, while no server runs."""
    file = file_of(record)
    if not file or not os.path.exists(file) or record["from"]["version"] == record["to"]["version"]:
        return
    kept = forward.keep_folder(record["plan"]) / record["id"]
    kept.mkdir(mode=0o700, exist_ok=True)
    database.settle(file)
    backup = str(kept / f"{os.path.basename(file)}-{record['from']['version'] or record['schema']}")
    database.copy(file, backup)
    # From here on it is put back.
    record["users"] = backup
    journal.enter(record, record["state"])


def put_back(record):
    """Bring the copy back, while no server runs. What the new server made of it is kept beside it. Can be done again."""
    backup = record.get("users", "")
    if backup and os.path.exists(backup):
        file = file_of(record)
        if os.path.exists(file):
            database.settle(file)
            database.replace(file, backup, f"{os.path.dirname(backup)}/{os.path.basename(file)}-{record['to']['version']}")
        else:
            os.rename(backup, file)


def lost(record):
    """Rows of it that a way back would lose, by table."""
    backup = record.get("users", "")
    if not backup or not os.path.exists(backup):
        return {}
    then = database.rows(backup)
    return {name: rows - then[name] for name, rows in database.rows(file_of(record)).items() if rows > then.get(name, rows)}
