#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rows of runs in a backend store, whichever database it is: read, removed and put back whole. Called by archive.py and unarchive.py.

Rows are removed here and not with the store's methods: those remove a run, its models and its inputs in a transaction each, and the
first two leave `inputs` behind. Here a family goes in one transaction, after its rows have been compared with the archive in that very
transaction. Tables are read from the database, so that columns of other versions of MLflow come along.
"""

from __future__ import annotations

import os

import sqlalchemy
from checksum import Sum

# The rows of a family, by what names them; in an order in which they can be inserted. Data sets are shared by runs and are never removed.
OWN = {"runs": "run_uuid", "metrics": "run_uuid", "latest_metrics": "run_uuid", "params": "run_uuid", "tags": "run_uuid",
       "logged_models": "model_id", "logged_model_metrics": "model_id", "logged_model_params": "model_id", "logged_model_tags": "model_id",
       "inputs": "", "input_tags": "input_uuid"}
SHARED = "datasets"
ENDS = {"source": {"DATASET", "RUN_INPUT", "RUN_OUTPUT"}, "destination": {"RUN", "MODEL_INPUT", "MODEL_OUTPUT"}}
URIS = {"runs": "artifact_uri", "logged_models": "artifact_location"}
CHUNK, FETCHED, BUSY_SECONDS = 400, 5000, 60


def connect():
    engine = sqlalchemy.create_engine(os.environ["MLFLOW_BACKEND_STORE_URI"], poolclass=sqlalchemy.pool.NullPool)
    if engine.dialect.name == "sqlite":
        pragmas = f"PRAGMA foreign_keys=ON; PRAGMA busy_timeout={BUSY_SECONDS * 1000}"
        sqlalchemy.event.listen(engine, "connect", lambda connection, _record: connection.executescript(pragmas))
    return engine


class Rows:
    def __init__(self, engine=None):
        self.engine = engine or connect()
        everything = sqlalchemy.MetaData()
        everything.reflect(self.engine)
        self.tables, self.made = everything.tables, {}
        with self.engine.connect() as connection:
            self.schema = connection.scalar(sqlalchemy.text("SELECT version_num FROM alembic_version"))
            table = self.tables["inputs"]
            self.ends = {end: known.union(connection.scalars(sqlalchemy.select(table.c[f"{end}_type"]).distinct())) for end, known in ENDS.items()}

    def columns(self, name):
        return [column for column in self.tables[name].columns if column.computed is None]

    def statements(self, name):
        """What reads and what removes the rows of a table that some ids name; compiled once."""
        if name not in self.made:
            table, ids = self.tables[name], sqlalchemy.bindparam("ids", expanding=True)
            if name == "inputs":
                which = sqlalchemy.or_(*(sqlalchemy.and_(table.c[f"{end}_type"].in_(sorted(kinds)), table.c[f"{end}_id"].in_(ids))
                                         for end, kinds in self.ends.items()))
            else:
                which = table.c[OWN.get(name, "dataset_uuid")].in_(ids)
            self.made[name] = (sqlalchemy.select(*self.columns(name)).where(which).execution_options(yield_per=FETCHED), table.delete().where(which))
        return self.made[name]

    def ids(self, name, connection, family):
        """What names the rows of a family in a table."""
        if name == "inputs":
            return [*family["runs"], *family["models"]]
        if name in ("input_tags", SHARED):
            names = [column.name for column in self.columns("inputs")]
            key = names.index("input_uuid" if name == "input_tags" else "source_id")
            return sorted({row[key] for row in self.read("inputs", connection, family)})
        return family["runs" if OWN[name] == "run_uuid" else "models"]

    def read(self, name, connection, family):
        """Yield the rows of a family in a table, each once."""
        seen = set()
        for some in chunks(self.ids(name, connection, family)):
            for row in connection.execute(self.statements(name)[0], {"ids": some}):
                # Both ends of an input may be of the family, and in two chunks.
                if name != "inputs" or tuple(row) not in seen:
                    seen.update([tuple(row)] if name == "inputs" else [])
                    yield list(row)

    def own(self):
        return [name for name in OWN if name in self.tables]

    def lines(self, connection, family):
        """Yield what an archive holds of a family. What is told of its tables, data sets and experiments goes into `family`."""
        family.update(tables={}, datasets=[], experiments=[], uris={})
        for name in [SHARED, *self.own()]:
            total, names = Sum(), [column.name for column in self.columns(name)]
            for row in self.read(name, connection, family):
                if not total.rows:
                    yield {"table": name, "columns": names}
                total.add([row])
                told = dict(zip(names, row))
                if name == SHARED:
                    family["datasets"].append([told[column] for column in ("dataset_uuid", "experiment_id", "name", "digest")])
                if told.get(URIS.get(name)):
                    family["uris"][told[OWN[name]]] = [told[URIS[name]], told["experiment_id"]]
                if told.get("experiment_id") not in (None, *family["experiments"]):
                    family["experiments"].append(told["experiment_id"])
                yield row
            if name != SHARED:
                family["tables"][name] = total.tell()

    def experiments(self, connection, families):
        """What a server needs to know of the experiments of some families, by their ids."""
        found, table, tags = {}, self.tables["experiments"].c, self.tables["experiment_tags"].c
        for key in sorted({key for family in families for key in family["experiments"]}):
            name, place = connection.execute(sqlalchemy.select(table.name, table.artifact_location).where(table.experiment_id == key)).one()
            told = connection.execute(sqlalchemy.select(tags.key, tags.value).where(tags.experiment_id == key))
            found[key] = {"name": name, "place": place, "tags": list(map(list, told))}
        return found

    def compare(self, connection, family, translate=None):
        """Rows of a family here and in its archive: `absent`, `equal`, or the name of the first table that differs."""
        found = {}
        for name, told in family["tables"].items():
            if name not in self.tables:
                return name
            total = Sum()
            names = [column.name for column in self.columns(name)]
            for row in self.read(name, connection, family):
                total.add([translate(name, dict(zip(names, row))) if translate else row])
            found[name] = total.tell() == told
            if name == "runs" and not total.rows:
                return "absent"
        return next((name for name, equal in found.items() if not equal), "equal")

    def remove(self, families):
        """Remove families that are here as they are in their archive, all in one transaction. Returns what `compare` found of each."""
        with self.engine.begin() as connection:
            if self.engine.dialect.name == "sqlite":
                # From here on nobody else writes.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                # Nobody adds rows to a run that is locked.
                key = self.tables["runs"].c.run_uuid
                for some in chunks([run for family in families for run in family["runs"]]):
                    connection.execute(sqlalchemy.select(key).where(key.in_(some)).with_for_update()).all()
            found = [self.compare(connection, family) for family in families]
            for family in (family for family, outcome in zip(families, found) if outcome == "equal"):
                ids = {name: self.ids(name, connection, family) for name in self.own() if family["tables"][name]["rows"]}
                for name in reversed(ids):
                    for some in chunks(ids[name]):
                        connection.execute(self.statements(name)[1], {"ids": some})
        return found


def chunks(ids):
    return [ids[start:start + CHUNK] for start in range(0, len(ids), CHUNK)]
