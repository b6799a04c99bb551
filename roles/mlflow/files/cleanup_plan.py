#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a clean-up removes, and what it leaves alone for which reason. Reads the stores and changes nothing. Called by cleanup.py."""

from __future__ import annotations

import collections
import os
import re
import time

import cleanup_artifacts as artifacts

QUERIES = {
    "experiments": "SELECT experiment_id AS id, name, lifecycle_stage, last_update_time AS since, artifact_location AS uri FROM experiments",
    "runs": "SELECT run_uuid AS id, experiment_id, lifecycle_stage, deleted_time AS since, artifact_uri AS uri FROM runs",
    "models": "SELECT model_id AS id, experiment_id, lifecycle_stage, last_updated_timestamp_ms AS since, artifact_location AS uri, source_run_id"
              " FROM logged_models",
    "versions": "SELECT name, version, run_id, source, storage_location FROM model_versions WHERE current_stage <> 'Deleted_Internal'",
    "traces": "SELECT request_id AS id, (SELECT value FROM trace_tags WHERE trace_tags.request_id = trace_info.request_id"
              " AND trace_tags.key = 'mlflow.artifactLocation') AS uri, experiment_id FROM trace_info",
}
YOUNG_DAYS = 1


def read_store(queries=None):
    """Rows of each query, by its name."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(os.environ["MLFLOW_BACKEND_STORE_URI"], poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        return {name: connection.execute(sqlalchemy.text(query)).all() for name, query in (queries or QUERIES).items()}


def registered(rows):
    """Every id that a version of a registered model names, with the version that does."""
    names = {}
    for version in rows["versions"]:
        for text in (version.run_id, version.source, version.storage_location):
            for word in re.split(r"[/:?#]+", text or ""):
                names.setdefault(word, f"{version.name} {version.version}")
    for model in rows["models"]:
        if model.id in names and model.source_run_id:
            names.setdefault(model.source_run_id, names[model.id])
    return names


def claims(rows, due, store):
    """Where the artifacts of all lie that stays: all but the runs, models and experiments in `due`."""
    uris = [row.uri for kind in ("runs", "models") for row in rows[kind] if row.id not in due[kind]]
    uris += [row.uri for row in rows["traces"] if row.experiment_id not in due["experiments"]]
    uris += [uri for row in rows["versions"] for uri in (row.source, row.storage_location) if not (uri or "").startswith(("runs:", "models:"))]
    return artifacts.Claims([store.place(uri) for uri in uris if uri])


class Plan:
    """What goes: `items` by kind, as {id, bytes, place}; `kept`: what is old enough and stays nevertheless, with the reason."""

    def __init__(self, rows, store, days):
        self.store, self.kept = store, []
        cutoff = (time.time() - days * 86400) * 1000
        due = {kind: {row.id: row for row in rows[kind] if row.lifecycle_stage == "deleted" and row.since is not None and row.since <= cutoff}
               for kind in ("experiments", "runs", "models")}
        names = registered(rows)
        due["experiments"] = {key: row for key, row in due["experiments"].items() if key != 0}
        # A deleted experiment takes its models along, deleted or not.
        due["models"].update({row.id: row for row in rows["models"] if row.experiment_id in due["experiments"]})
        for kind in ("runs", "models"):
            for key in [key for key in due[kind] if key in names]:
                self.keep(kind, due[kind].pop(key), f"the registered model {names[key]} needs it")
        claimed = claims(rows, due, store)
        for kind in ("runs", "models"):
            for key in [key for key, row in due[kind].items() if claimed.touch(store.place(row.uri))]:
                self.keep(kind, due[kind].pop(key), "its artifacts are in use elsewhere")
        self.keep_experiments(rows, due)
        self.claimed = claims(rows, due, store)
        self.items = {kind: [self.item(kind, row) for row in due[kind].values()] for kind in ("runs", "models", "experiments")}
        self.count_once()
        self.known = {str(row.id) for kind in ("runs", "models", "traces") for row in rows[kind]}

    def keep(self, kind, row, reason):
        self.kept.append({"kind": kind, "id": str(row.id), "reason": reason})

    def keep_experiments(self, rows, due):
        held = collections.Counter(row.experiment_id for kind in ("runs", "models") for row in rows[kind] if row.id not in due[kind])
        for key in [key for key in due["experiments"] if held[key]]:
            row = due["experiments"].pop(key)
            self.keep("experiments", row, f"{held[key]} of its runs and models stay")
            # Models that are not deleted themselves were on the list for its sake.
            for model in [model for model in due["models"].values() if model.experiment_id == key and model.lifecycle_stage != "deleted"]:
                del due["models"][model.id]

    def item(self, kind, row):
        place = self.store.place(row.uri) if row.uri else ""
        item = {"id": str(row.id), "bytes": 0, "place": place if place and self.store.within(place) else ""}
        if kind == "experiments":
            # A folder that somebody chose may hold other things.
            if not self.store.root or os.path.basename(place) != str(row.id) or self.claimed.touch(place):
                item["place"] = ""
            item["name"] = row.name
        if item["place"]:
            item["bytes"] = self.store.size(item["place"])
        return item

    def count_once(self):
        """The folder of an experiment is counted without the runs and models in it that go before it."""
        for experiment in [item for item in self.items["experiments"] if item["place"]]:
            experiment["bytes"] -= sum(item["bytes"] for kind in ("runs", "models") for item in self.items[kind]
                                       if item["place"].startswith(experiment["place"] + "/"))

    def orphans(self):
        """Folders of runs, models and traces that the backend store does not know and that nobody has touched for a day."""
        found = []
        going = tuple(item["place"] + "/" for item in self.items["experiments"] if item["place"])
        for key, folder in list(self.store.folders()) if self.store.root and os.path.isdir(self.store.root) else []:
            if key not in self.known and not folder.startswith(going) and not self.claimed.touch(folder):
                size, youngest = artifacts.tree(folder)
                if artifacts.days_since(youngest) >= YOUNG_DAYS:
                    found.append({"path": folder, "bytes": size, "days": int(artifacts.days_since(youngest))})
        return sorted(found, key=lambda orphan: orphan["path"])
