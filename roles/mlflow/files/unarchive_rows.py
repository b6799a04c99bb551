#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the rows of an archive become in a backend store: other ids of experiments, other places of artifacts. Called by unarchive.py."""

from __future__ import annotations

import os

import sqlalchemy
from archive_file import Trouble
from archive_rows import SHARED, URIS, chunks


def known_schema(revision):
    """Refuse a revision of the schema that the MLflow here does not know."""
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError
    from mlflow.store.db import utils

    try:
        ScriptDirectory.from_config(utils._get_alembic_config("")).get_revision(revision)
    except CommandError:
        raise Trouble(f"the archive has schema {revision}, which the MLflow here does not know: bring the server to the version that wrote it") from None


class Target:
    """The experiments and data sets of an archive as they are here. `missing`: names of experiments that are yet to be made."""

    def __init__(self, rows, manifest):
        self.rows, self.manifest, self.experiments, self.missing = rows, manifest, {}, []
        table = rows.tables["experiments"]
        with rows.engine.connect() as connection:
            for key, told in manifest["experiments"].items():
                found = connection.execute(sqlalchemy.select(table.c.experiment_id, table.c.artifact_location, table.c.lifecycle_stage)
                                           .where(table.c.name == told["name"])).first()
                if not found:
                    self.missing.append(told["name"])
                    # As it will be: by the server's own rule an experiment lies in a folder named after its id.
                    found = (-len(self.missing), f"mlflow-artifacts:/{-len(self.missing)}", "active")
                if found[2] != "active":
                    raise Trouble(f"experiment {told['name']} is deleted. Restore it, or let the clean-up remove it")
                self.experiments[int(key)] = (found[0], told["place"], found[1])
        self.back = {here: key for key, (here, *_places) in self.experiments.items()}
        self.datasets = {}
        self.learn_datasets()

    def learn_datasets(self):
        """An experiment has a data set once, under an id that runs name."""
        table = self.rows.tables[SHARED]
        told = [(key, self.experiments[experiment][0], name, digest)
                for family in self.manifest["families"] for key, experiment, name, digest in family["datasets"]]
        with self.rows.engine.connect() as connection:
            for key, *pk in told:
                found = connection.scalar(sqlalchemy.select(table.c.dataset_uuid).where(
                    table.c.experiment_id == pk[0], table.c.name == pk[1], table.c.digest == pk[2]))
                self.datasets[key] = found or key
        self.datasets_back = {here: key for key, here in self.datasets.items()}

    def make_experiments(self):
        from mlflow.entities import ExperimentTag
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        if self.missing:
            store = SqlAlchemyStore(os.environ["MLFLOW_BACKEND_STORE_URI"], "mlflow-artifacts:/")
            for told in self.manifest["experiments"].values():
                if told["name"] in self.missing:
                    store.create_experiment(told["name"], tags=[ExperimentTag(*tag) for tag in told["tags"]])
            missing = self.missing
            self.__init__(self.rows, self.manifest)
            self.missing = missing

    def moved(self, uri, experiment, back=False):
        """Where an artifact lies here, or lay there, whose experiment lies elsewhere."""
        if experiment not in self.experiments:
            return uri
        there, here = self.experiments[experiment][1:]
        old, new = (here, there) if back else (there, here)
        old, new = old.rstrip("/"), new.rstrip("/")
        return new + uri[len(old):] if uri and uri.startswith(old + "/") else uri

    def translate(self, table, row, back=False):
        """A row of the archive as it is here, or the other way round."""
        row = dict(row)
        if row.get("experiment_id") is not None:
            row["experiment_id"] = self.back.get(row["experiment_id"], -1) if back else self.experiments[row["experiment_id"]][0]
        if table in URIS:
            row[URIS[table]] = self.moved(row[URIS[table]], row["experiment_id"] if back else self.back[row["experiment_id"]], back)
        datasets = self.datasets_back if back else self.datasets
        for column in ("dataset_uuid", *(("source_id",) if table == "inputs" else ())):
            if row.get(column) in datasets:
                row[column] = datasets[row[column]]
        return row

    def compare(self, connection, family):
        """Rows of a family here and in the archive, whose form those of here are given."""
        columns = self.manifest["columns"]
        return self.rows.compare(connection, family, lambda table, row: [self.translate(table, row, back=True).get(name) for name in columns[table]])

    def uris(self, family):
        return {key: self.moved(uri, experiment) for key, (uri, experiment) in family["uris"].items()}

    def insert(self, connection, lines):
        """Insert the rows of a family. A table or column that is gone from MLflow is Trouble, and so is a new one that must not be empty."""
        name, columns, rows = "", [], []
        for line in lines:
            if isinstance(line, dict):
                self.put(connection, name, rows)
                name, columns, rows = line["table"], line["columns"], []
                if name not in self.rows.tables or not set(columns) <= set(self.rows.tables[name].columns.keys()):
                    raise Trouble(f"MLflow has no table {name} with {', '.join(columns)} any more")
                continue
            rows.append(self.translate(name, dict(zip(columns, line))))
            if len(rows) >= 5000:
                self.put(connection, name, rows)
                rows = []
        self.put(connection, name, rows)

    def put(self, connection, name, rows):
        if name == SHARED:
            there = [row["dataset_uuid"] for row in rows]
            table = self.rows.tables[SHARED]
            found = {key for some in chunks(there) for key in connection.scalars(sqlalchemy.select(table.c.dataset_uuid).where(table.c.dataset_uuid.in_(some)))}
            rows = [row for row in rows if row["dataset_uuid"] not in found]
        if rows:
            connection.execute(self.rows.tables[name].insert(), rows)
