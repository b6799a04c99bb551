#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which runs are archived, and which old ones stay for which reason. Reads the stores and changes nothing. Called by archive.py.

Runs that belong together go together or not at all: a family is a parent with its children, and runs that made, used or measured the same
logged model. What of a family would be left behind, would lead nowhere.
"""

from __future__ import annotations

import collections
import time

import cleanup_plan

QUERIES = {
    **cleanup_plan.QUERIES,
    "runs": "SELECT run_uuid AS id, experiment_id, lifecycle_stage, name, start_time, end_time, artifact_uri AS uri FROM runs",
    # The latest by step need not be the last that came: of runs that never ended, all are looked at.
    "signs": "SELECT run_uuid AS id, MAX(timestamp) AS at FROM latest_metrics GROUP BY run_uuid UNION ALL SELECT run_uuid, MAX(timestamp) FROM metrics"
             " WHERE run_uuid IN (SELECT run_uuid FROM runs WHERE end_time IS NULL) GROUP BY run_uuid",
    "parents": "SELECT run_uuid AS run, tags.value AS other FROM tags WHERE tags.key = 'mlflow.parentRunId'",
    "links": "SELECT source_id AS run, destination_id AS other FROM inputs WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT')",
    "measures": "SELECT DISTINCT run_id AS run, model_id AS other FROM logged_model_metrics",
}


def parts(nodes, edges):
    """Nodes that hang together, directly or through others."""
    leader = {node: node for node in nodes}

    def first(node):
        while leader[node] != node:
            leader[node] = node = leader[leader[node]]
        return node

    for one, other in edges:
        if one in leader and other in leader:
            leader[first(one)] = first(other)
    found = collections.defaultdict(list)
    for node in nodes:
        found[first(node)].append(node)
    return found.values()


class Plan:
    """`families`: those that go, as {runs, models, places, bytes}; `kept`: old runs that stay, as {id, reason}, one of each family.

    bound: what no archive holds and would lose a run, as {run: name of it}. restored: when a run came back from an archive, in ms.
    """

    def __init__(self, rows, store, days, experiments=(), bound=None, restored=None):
        self.rows, self.store, self.kept = rows, store, []
        self.bound, restored = bound or {}, restored or {}
        self.names = cleanup_plan.registered(rows)
        self.experiments = {row.id: row for row in rows["experiments"]}
        self.chosen = {key for key, row in self.experiments.items() if row.lifecycle_stage == "active" and (not experiments or row.name in experiments)}
        self.unknown = sorted(set(experiments) - {row.name for row in self.experiments.values()})
        self.runs, self.models = ({row.id: row for row in rows[kind]} for kind in ("runs", "models"))
        signs = collections.defaultdict(int)
        for row in rows["signs"]:
            signs[row.id] = max(signs[row.id], row.at)
        cutoff = (time.time() - days * 86400) * 1000
        # Who writes metrics is not over, whatever the run says of itself.
        self.old = {row.id for row in rows["runs"]
                    if 0 < max(row.end_time or row.start_time or 0, signs[row.id], restored.get(row.id, 0)) <= cutoff}
        self.due = {key for key in self.old if self.runs[key].lifecycle_stage == "active" and self.runs[key].experiment_id in self.chosen}
        self.families = []
        for members in self.parts():
            due = [key for key in members if key in self.due]
            reason = due and self.reason(members)
            if reason:
                self.keep(due, reason)
            elif due:
                self.families.append(self.family(members))
        self.keep_claimed()
        for family in self.families:
            family["bytes"] = sum(store.size(place) for place in set(family["places"].values()))

    def parts(self):
        edges = [(row.run, row.other) for name in ("parents", "links", "measures") for row in self.rows[name]]
        edges += [(row.source_run_id, row.id) for row in self.rows["models"]]
        # A family bears the name of its parent.
        children = {row.run for row in self.rows["parents"]}
        nodes = sorted(self.runs, key=lambda key: (key in children, self.runs[key].start_time or 0, key))
        return parts([*nodes, *self.models], edges)

    def reason(self, members):
        """Why a family stays; nothing if it may go."""
        for key in members:
            which = f"run {key}" if key in self.runs else f"logged model {key}"
            if key in self.names:
                return f"the registered model {self.names[key]} needs {which}"
            if key in self.bound:
                return f"{self.bound[key]} of {which} are in no archive"
            if key in self.models and self.models[key].source_run_id not in members:
                return f"{which} is not of these runs and stays"
            if key in self.runs and key not in self.due:
                run = self.runs[key]
                if run.lifecycle_stage != "active":
                    return f"{which} belongs with it and is deleted: it may be restored, or go with the clean-up"
                return f"{which} belongs with it and is younger" if key not in self.old else f"{which} belongs with it, and its experiment was not chosen"
        for key, place in self.places(members).items():
            if not self.store.within(place):
                return f"artifacts of {key} lie outside the artifact store, at {place}"
        return ""

    def places(self, members):
        uris = {key: (self.runs.get(key) or self.models[key]).uri for key in members}
        return {key: self.store.place(uri) for key, uri in uris.items() if uri}

    def keep(self, due, reason):
        more = f" (and {len(due) - 1} with it)" if len(due) > 1 else ""
        self.kept.append({"id": due[0], "runs": len(due), "reason": reason, "title": f"run {due[0]}{more}"})

    def family(self, members):
        runs = [key for key in members if key in self.runs]
        first = self.runs[runs[0]]
        return {"runs": runs, "models": [key for key in members if key in self.models], "places": self.places(members),
                "name": first.name, "experiment": self.experiments[first.experiment_id].name}

    def keep_claimed(self):
        """A place that something else names too stays, and its family with it; which may claim the place of another."""
        while True:
            going = {kind: {key for family in self.families for key in family[kind]} for kind in ("runs", "models")}
            claimed = cleanup_plan.claims(self.rows, {**going, "experiments": {}}, self.store)
            held = [family for family in self.families if any(claimed.touch(place) for place in family["places"].values())]
            if not held:
                return
            for family in held:
                self.families.remove(family)
                self.keep(family["runs"], "its artifacts are in use elsewhere")
