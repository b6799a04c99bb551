#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What names a run and goes into no archive: traces, evaluations, and whatever later versions of MLflow bring; and how much room the
rows take that do. Called by archive.py."""

from __future__ import annotations

import sqlalchemy
from archive_rows import OWN, chunks

NAMES_A_RUN = ("run_uuid", "run_id", "source_run_id")
# Their versions are looked at by cleanup_plan: deleted ones need nothing.
ELSEWHERE = ("model_versions",)
# A row with its indexes, roughly; and of a run beside its metrics.
BYTES_OF_METRIC, BYTES_OF_RUN = 150, 8192


def bound(rows):
    """Runs and logged models that such rows name, as {id: what they are}."""
    found, tables = {}, rows.tables
    with rows.engine.connect() as connection:
        def note(what, query):
            found.update(dict.fromkeys((key for key in connection.scalars(query) if key), what))

        for name, table in tables.items():
            for column in table.columns if name not in (*OWN, *ELSEWHERE) else ():
                if column.name in NAMES_A_RUN or any(key.column.table.name in ("runs", "logged_models") for key in column.foreign_keys):
                    note(f"rows in {name}", sqlalchemy.select(column).distinct())
        if "entity_associations" in tables:
            table = tables["entity_associations"]
            for end in ("source", "destination"):
                note("associations", sqlalchemy.select(table.c[f"{end}_id"]).where(table.c[f"{end}_type"].in_(["run", "model"])).distinct())
        if "trace_request_metadata" in tables:
            table = tables["trace_request_metadata"]
            note("traces", sqlalchemy.select(table.c.value).where(table.c.key.in_(["mlflow.sourceRun", "mlflow.modelId"])).distinct())
    return found


def measure(rows, families):
    """Bytes that the rows of some families take at most, roughly."""
    table, runs = rows.tables["metrics"], [run for family in families for run in family["runs"]]
    count = sqlalchemy.select(sqlalchemy.func.count()).select_from(table).where(table.c.run_uuid.in_(sqlalchemy.bindparam("ids", expanding=True)))
    with rows.engine.connect() as connection:
        return sum(connection.scalar(count, {"ids": some}) for some in chunks(runs)) * BYTES_OF_METRIC + len(runs) * BYTES_OF_RUN
