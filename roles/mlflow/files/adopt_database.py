#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A SQLite database that is taken over: a copy of it while it may be in use, and what it holds in numbers. Called by adopt.py."""

from __future__ import annotations

import os
import shutil
import sqlite3

# What an old database and a new one both have, by the names that they have had since MLflow 1.
TABLES = ("experiments", "runs", "metrics", "latest_metrics", "params", "tags", "registered_models", "model_versions")


class Trouble(Exception):
    """What stands in the way, in words for the operator."""


def count(connection):
    """Rows by table, of those tables that are there."""
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES if name in there}


def traces_of(file):
    """What changes when somebody writes to a database: time and size of its files."""
    return [(os.stat(file + end).st_mtime_ns, os.stat(file + end).st_size) if os.path.exists(file + end) else None for end in ("", "-wal", "-journal")]


def snapshot(file, copy):
    """A consistent copy of a SQLite database that may be open elsewhere."""
    try:
        source = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=20)
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        # A log without the file that goes with it, and no right to make one here: SQLite sorts that out in a copy.
        for end in ("", "-wal", "-journal"):
            if os.path.exists(file + end):
                shutil.copyfile(file + end, copy + ".raw" + end)
        source = sqlite3.connect(copy + ".raw", timeout=20)
    target = sqlite3.connect(copy)
    with source, target:
        source.backup(target)
        counts = count(target)
        fault = target.execute("PRAGMA quick_check(1)").fetchone()[0]
    source.close()
    target.close()
    if fault != "ok":
        raise Trouble(f"the database is damaged: {fault}")
    if not counts.get("experiments"):
        raise Trouble("the database holds no experiments: it is none of MLflow, or an empty one")
    return counts


def own_runs(file):
    """Runs and registered models that the server has already."""
    if not os.path.exists(file):
        return 0
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=20)
    counts = count(connection)
    connection.close()
    return counts.get("runs", 0) + counts.get("registered_models", 0)
