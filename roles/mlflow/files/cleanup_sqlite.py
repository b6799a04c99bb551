#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Care of a SQLite backend store that is in use: integrity, statistics, write-ahead log, unused pages. Called by cleanup.py."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time

BUSY_SECONDS = 60
INCREMENTAL = 2


class Database:
    def __init__(self, file):
        self.file = file
        self.connection = sqlite3.connect(f"file:{file}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None)

    def ask(self, pragma):
        return self.connection.execute(f"PRAGMA {pragma}").fetchone()[0]

    def faults(self):
        """What SQLite finds wrong with the file: at most five lines, none when all is well."""
        found = [row[0] for row in self.connection.execute("PRAGMA integrity_check(5)")]
        return [] if found == ["ok"] else found

    def sizes(self):
        """Bytes of the file, of its unused pages, and of the write-ahead log beside it."""
        page = self.ask("page_size")
        log = self.file + "-wal"
        return {"bytes": page * self.ask("page_count"), "unused_bytes": page * self.ask("freelist_count"),
                "wal_bytes": os.path.getsize(log) if os.path.exists(log) else 0}

    def can_shrink(self):
        return self.ask("auto_vacuum") == INCREMENTAL

    def tend(self, vacuum):
        """Refresh the statistics, give unused pages back, empty the log. Returns {step: seconds}; a step that could not be done says why."""
        steps = {}

        def step(name, work):
            started = time.monotonic()
            try:
                said = work()
            except sqlite3.OperationalError as error:
                said = str(error)
            steps[name] = said or round(time.monotonic() - started, 2)

        step("analyze", lambda: self.run("ANALYZE"))
        if vacuum and (self.ask("freelist_count") or not self.can_shrink()):
            step("vacuum", self.vacuum)
        elif self.can_shrink():
            step("incremental_vacuum", lambda: self.run("PRAGMA incremental_vacuum"))
        if self.ask("journal_mode") == "wal":
            step("checkpoint", self.checkpoint)
        return steps

    def run(self, statement):
        # A vacuum goes on only while its rows are fetched.
        self.connection.execute(statement).fetchall()

    def checkpoint(self):
        # Litestream always reads, to keep the log from being emptied by others: to wait for it would keep every writer waiting too.
        folder, name = os.path.split(self.file)
        if os.path.isdir(os.path.join(folder, f".{name}-litestream")):
            self.run("PRAGMA busy_timeout=0")
        return "readers were in the way" if self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] else ""

    def vacuum(self):
        # A copy in the folder for temporary files, then the write-ahead log.
        needed = 2 * self.sizes()["bytes"]
        free = min(shutil.disk_usage(folder).free for folder in (os.path.dirname(self.file), os.environ.get("TMPDIR", "/tmp")))
        if free < needed:
            return f"VACUUM needs {needed} bytes, and {free} are free"
        # From now on pages can be given back without writing the file anew.
        self.run(f"PRAGMA auto_vacuum={INCREMENTAL}")
        self.run("VACUUM")
        return ""
