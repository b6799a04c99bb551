#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A SQLite backend store as a file: what is in it, whether it is whole, copies of it.

Sizes are bytes. A damaged or foreign file raises sqlite3.DatabaseError. Nothing here creates a database where there is none.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess

from host import Failure

# The log of a database that is in use, beside it.
LOGS = ("-wal", "-shm", "-journal")
BUSY_SECONDS = 60


@contextlib.contextmanager
def connect(file):
    connection = sqlite3.connect(f"file:{file}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        yield connection
    finally:
        connection.close()


def look(file):
    """Return {"schema": Alembic's revision, "counts": {TABLE: ROWS}}; without a schema where MLflow has no tables in it, or there is no file."""
    if not os.path.exists(file):
        return {"schema": "", "counts": {}}
    with connect(file) as connection:
        connection.execute("BEGIN")
        counts = count(connection)
        schema = connection.execute("SELECT version_num FROM alembic_version").fetchone() if "alembic_version" in counts else None
        connection.execute("COMMIT")
    return {"schema": schema[0] if schema else "", "counts": counts if "alembic_version" in counts else {}}


def count(connection):
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'")]
    return {name: connection.execute('SELECT count(*) FROM "' + name.replace('"', '""') + '"').fetchone()[0] for name in sorted(tables)}


def rows(file):
    """Rows of each table of a database, whatever it is for."""
    with connect(file) as connection:
        return count(connection)


def faults(file, quick=False):
    """What SQLite finds wrong in a database, in its own words; empty where it is whole."""
    with connect(file) as connection:
        found = connection.execute("PRAGMA quick_check(5)" if quick else "PRAGMA integrity_check(5)").fetchall()
    return "" if found == [("ok",)] else "; ".join(row[0] for row in found)


def size(file):
    return sum(os.path.getsize(file + log) for log in ("", "-wal") if os.path.exists(file + log))


def settle(file):
    """Bring all that the log holds into the file, so that the file alone is the database. Its server must not run."""
    with connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    left = [file + log for log in LOGS if os.path.exists(file + log) and os.path.getsize(file + log)]
    if left:
        raise Failure(f"{', '.join(left)} is in use although the server is stopped. Find who has it open ('fuser -v {file}') and end that.")
    for log in LOGS:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file + log)


def copy(file, target):
    """Copy a settled database with owner and mode; at once where the file system shares blocks."""
    done = subprocess.run(["cp", "--preserve=all", "--reflink=auto", file, target], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"the database could not be copied: {done.stderr.strip()}")
    sync(target)


def copy_live(file, target):
    """Copy a database that is in use, by SQLite's online backup. Writers wait only where the database is not in write-ahead-log mode."""
    about = os.stat(file)
    # Made first: SQLite writes secrets of the store into it.
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with connect(file) as source, connect(target) as copied:
        source.backup(copied)
    os.chown(target, about.st_uid, about.st_gid)


def sync(path):
    """Have a file or the entries of a folder on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(file, new, kept):
    """Put new in the place of file, which is kept under another name, without a moment in which there is no file. All on one file system."""
    if not os.path.exists(kept):
        os.link(file, kept)
        sync(os.path.dirname(kept))
    os.rename(new, file)
    sync(os.path.dirname(file))


def differences(before, after):
    """Tables whose number of rows is not what it was, as {TABLE: [BEFORE, AFTER]}. New tables are no difference."""
    return {name: [rows, after.get(name, 0)] for name, rows in before.items() if after.get(name) != rows and (rows or name in after)}
