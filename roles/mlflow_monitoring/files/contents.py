#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How large the backend store is, and what is in it. Nothing is written, neither into it nor beside it. Source: https://www.sqlite.org/wal.html."""

from __future__ import annotations

import os
import re
import shutil

import postgresql
import store

# One statement, one look at each table: kind, state and count.
CONTENTS = """
SELECT 'runs', CASE lifecycle_stage WHEN 'active' THEN status ELSE lifecycle_stage END, count(*) FROM runs GROUP BY 2
UNION ALL SELECT 'experiments', lifecycle_stage, count(*) FROM experiments GROUP BY 2
UNION ALL SELECT 'models', '', count(*) FROM registered_models
UNION ALL SELECT 'versions', '', count(*) FROM model_versions WHERE current_stage <> 'Deleted_Internal'
UNION ALL SELECT 'schema', version_num, 1 FROM alembic_version
"""
SIZE = "UNION ALL SELECT 'bytes', '', pg_database_size(current_database())"
# What is told of each kind, and the label that its state goes by.
TOLD = {
    "runs": ("mlflow_runs", "Runs by state.", "state"),
    "experiments": ("mlflow_experiments", "Experiments by state.", "state"),
    "models": ("mlflow_registered_models", "Registered models.", ""),
    "versions": ("mlflow_model_versions", "Versions of registered models.", ""),
    "schema": ("mlflow_schema_info", "Revision of the database's schema.", "revision"),
}
# So that a graph has them before the first one is there.
STATES = ("RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED", "deleted")


def database(page, settings, fact):
    """Size and contents of SQLite, or of PostgreSQL where the host has psql. Another database has an exporter of its own."""
    kind = re.split(r"[+:]", fact["backend_store"])[0]
    tools = settings["postgresql_tools"]
    if kind == "sqlite":
        size, rows = sqlite(page, fact["backend_store"][len("sqlite:///"):], settings["seconds"])
    elif kind == "postgresql" and shutil.which(os.path.join(tools, "psql")):
        found = postgresql.rows(postgresql.uri(fact["config_dir"]), CONTENTS + SIZE, settings["seconds"], tools)
        size = sum(int(count) for name, _state, count in found if name == "bytes")
        rows = [(name, state, int(count)) for name, state, count in found if name != "bytes"]
    else:
        return
    page.tell("mlflow_database_bytes", "Size of the database.", size)
    counts = {("runs", state): 0 for state in STATES} | {(kind, state): count for kind, state, count in rows}
    for (kind, state), count in counts.items():
        name, text, label = TOLD[kind]
        page.tell(name, text, count, **({label: state} if label else {}))


def sqlite(page, file, seconds):
    """Size of the file, and the rows of CONTENTS. What lies beside the file is told even where it cannot be read."""
    sizes = {suffix: (about or {}).get("size", 0) for suffix, about in store.files(file).items()}
    page.tell("mlflow_database_wal_bytes", "Size of the write-ahead log beside the database.", sizes["-wal"])
    connection = store.connect(file, seconds)
    try:
        return sizes[""], connection.execute(CONTENTS).fetchall()
    finally:
        connection.close()
