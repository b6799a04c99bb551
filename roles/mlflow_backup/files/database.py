#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SQLite: a consistent copy of a database in use, and what a copy holds. Standard library only."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time

BUSY_SECONDS = 60
STEP_PAGES = 4096
# Without a write-ahead log a writer makes the copy begin anew. After so long it is made in one step, which writers wait for.
PATIENCE_SECONDS = 30
MAGIC = b"SQLite format 3\0"


class Restarted(Exception):
    """Writers have made the copy begin anew for too long."""


def connect(file, mode="rw"):
    connection = sqlite3.connect(f"file:{file}?mode={mode}", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    return contextlib.closing(connection)


def is_database(file):
    with contextlib.suppress(OSError), open(file, "rb") as handle:
        return handle.read(16) == MAGIC
    return False


def copy(source, target):
    """Copy a database that others read and write into a new file, as it was at one moment. See sqlite.org/backup.html.

    A reader of a write-ahead log keeps no writer waiting, so there the copy is made within one read transaction.
    """
    with connect(source) as origin, contextlib.closing(sqlite3.connect(target)) as duplicate:
        if origin.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            origin.execute("BEGIN")
            origin.execute("SELECT count(*) FROM sqlite_master").fetchone()
            origin.backup(duplicate, pages=STEP_PAGES, sleep=0.01)
        else:
            deadline = time.monotonic() + PATIENCE_SECONDS

            def give_up(_status, _remaining, _total):
                if time.monotonic() > deadline:
                    raise Restarted

            try:
                origin.backup(duplicate, pages=STEP_PAGES, progress=give_up, sleep=0.01)
            except Restarted:
                origin.backup(duplicate, pages=-1)
        # One file that needs no log beside it. The server sets the mode that it wants at its start.
        duplicate.execute("PRAGMA journal_mode=DELETE")


def problem(file):
    """What SQLite finds wrong with a database, in one line; nothing if it is whole."""
    try:
        with connect(file, "ro") as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else " ".join(found.split())


def contents(file, mode="ro"):
    """Alembic's revision, empty without one, and rows by table: {"schema": str, "tables": {name: int}}."""
    with connect(file, mode) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")]
        # More than one row is a migration that branches, which MLflow has none of.
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if "alembic_version" in names else None
        tables = {name: connection.execute('SELECT count(*) FROM "{}"'.format(name.replace('"', '""'))).fetchone()[0] for name in names}
    tables.pop("alembic_version", None)
    return {"schema": row[0] if row else "", "tables": tables}


def sha256(file):
    digest = hashlib.sha256()
    with open(file, "rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def companions(file):
    """A file, and what SQLite keeps beside it if it is a database, as far as they are there. The file comes last."""
    return [name for name in (file + "-wal", file + "-shm", file + "-journal", file) if os.path.lexists(name)]
