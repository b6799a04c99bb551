#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Move a SQLite backend store to PostgreSQL. Runs in a container of the server's image, which needs a driver for PostgreSQL.

    migrate_backend.py check            tell what would be copied and what stands in the way; change nothing
    migrate_backend.py copy [--final]   copy all tables in one transaction, set the sequences, compare counts and checksums, or leave nothing

The environment comes through standard input: that of the server, and MLFLOW_MIGRATE_TARGET_URI. Prints one JSON object. The SQLite file is
only read. Unless the copy is final, a mark in PostgreSQL lets the next one replace it. MLflow has no tool for this.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sqlite3
import sys
import time

import server
import sqlalchemy
from checksum import Sum

MARK = "copied by mlops.mlflow, not served yet"
ROWS = 5000
LARGEST = 2**31 - 1
SCHEMA = "alembic_version"


class Trouble(Exception):
    """What stands in the way, in words for the operator."""


def look(engine):
    """Revision of the schema, empty where there is none, and names of the tables."""
    with engine.connect() as connection:
        tables = set(sqlalchemy.inspect(connection).get_table_names())
        return (connection.scalar(sqlalchemy.text(f"SELECT version_num FROM {SCHEMA}")) if SCHEMA in tables else ""), tables


def check_source(file):
    """Refuse what PostgreSQL would refuse, while the server is still up."""
    base = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=60)
    broken = base.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise Trouble(f"{len(broken)} rows name others that are gone, the first in table {broken[0][0]}: PRAGMA foreign_key_check on a copy shows them")
    if (base.execute("SELECT max(experiment_id) FROM experiments").fetchone()[0] or 0) > LARGEST:
        raise Trouble(f"an experiment has an ID above {LARGEST}, as file stores gave them, which MLflow's tables in PostgreSQL cannot hold")
    base.close()


def check_target(target, revision):
    """Refuse a target that holds something. Returns whether MLflow's tables are there already."""
    found, tables = look(target)
    if found and found != revision:
        raise Trouble(f"the schema there is {found}, and here it is {revision}: empty the target, or bring both to one MLflow version")
    with target.connect() as connection:
        mark = connection.scalar(sqlalchemy.text("SELECT obj_description(to_regclass('alembic_version'))"))
        used = "runs" in tables and connection.scalar(sqlalchemy.text(
            "SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM registered_models) + (SELECT count(*) FROM experiments WHERE experiment_id <> 0)"))
    if used and mark != MARK:
        raise Trouble(f"the target holds {used} experiments, runs and registered models already: give an empty database")
    return bool(found)


def copy(source, target, final):
    """Copy table after table. Returns what each holds, by name."""
    here, there = sqlalchemy.MetaData(), sqlalchemy.MetaData()
    here.reflect(source)
    there.reflect(target)
    strange = sorted(set(here.tables) - set(there.tables))
    tables = [table for table in there.sorted_tables if table.name in here.tables and table.name != SCHEMA]
    sums = {}
    with source.connect() as reader, target.begin() as writer:
        strange = [name for name in strange if reader.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(here.tables[name]))]
        if strange:
            raise Trouble(f"MLflow knows no table {', '.join(strange)}: its rows would be lost")
        for table in reversed([table for table in there.sorted_tables if table.name != SCHEMA]):
            writer.execute(table.delete())
        for table in tables:
            read, written = Sum(), Sum()
            columns = [column.name for column in here.tables[table.name].columns]
            for rows in reader.execute(sqlalchemy.select(here.tables[table.name])).partitions(ROWS):
                read.add(rows)
                try:
                    writer.execute(table.insert(), [dict(zip(columns, row)) for row in rows])
                except sqlalchemy.exc.DBAPIError as error:
                    raise Trouble(f"PostgreSQL refuses a row of table {table.name}: {str(error.orig).splitlines()[0]}") from None
            back = sqlalchemy.select(*[table.c[name] for name in columns]).execution_options(yield_per=ROWS)
            for rows in writer.execute(back).partitions():
                written.add(rows)
            if read.tell() != written.tell():
                raise Trouble(f"table {table.name} came out differently: {read.tell()} here, {written.tell()} there")
            sums[table.name] = read.tell()
            for column in table.columns:
                if "nextval" in str(getattr(column.server_default, "arg", "")) or column.identity:
                    writer.execute(sqlalchemy.text(f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'),"
                                                   f" (SELECT coalesce(max({column.name}), 0) + 1 FROM {table.name}), false)"))
        writer.execute(sqlalchemy.text(f"COMMENT ON TABLE {SCHEMA} IS {'NULL' if final else repr(MARK)}"))
    return sums


def work(options, result):
    file = os.environ.get("MLOPS_SQLITE_FILE", "")
    if not file:
        result["moved"] = True
        return
    source = sqlalchemy.create_engine(f"sqlite:///{file}", poolclass=sqlalchemy.pool.NullPool)
    target = sqlalchemy.create_engine(os.environ["MLFLOW_MIGRATE_TARGET_URI"], poolclass=sqlalchemy.pool.NullPool)
    revision, _tables = look(source)
    check_source(file)
    ready = check_target(target, revision)
    result["bytes"] = os.path.getsize(file)
    if options.verb == "copy":
        started = time.monotonic()
        if not ready:
            from mlflow.store.db import utils

            utils._initialize_tables(target)
            if look(target)[0] != revision:
                raise Trouble(f"the MLflow of this image made schema {look(target)[0]}, and here it is {revision}: take the image that serves the SQLite file")
        result["tables"] = copy(source, target, options.final)
        result["seconds"] = round(time.monotonic() - started, 1)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["check", "copy"])
    parser.add_argument("--final", action="store_true")
    options = parser.parse_args(arguments)
    server.read_environment()
    result = {"verb": options.verb, "trouble": "", "moved": False}
    try:
        work(options, result)
    except Exception as error:
        said = str(error) if isinstance(error, Trouble) else f"{type(error).__name__}: {error}".splitlines()[0]
        result["trouble"] = re.sub(r"://[^/@\s]*@", "://***@", said)
    print(json.dumps(result))
    return int(bool(result["trouble"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
