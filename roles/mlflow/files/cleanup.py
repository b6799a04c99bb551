#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clean up a tracking server's stores. Runs in the server's container, beside server.py; the environment comes through standard input.

    cleanup.py plan OPTION...     tell what would go, and change nothing
    cleanup.py apply OPTION...    remove just that, and take care of a SQLite database

Prints one JSON object; its `report` is for people. Ends with status 1 when the database is damaged or something could not be removed.
What MLflow has for this (`mlflow gc`) knows nothing of registered models, takes experiments with it that still hold runs, and given some
ids removes everything else that is deleted too. The rows are therefore chosen here, and removed with the store's own methods.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import re
import sys

import cleanup_artifacts
import cleanup_plan
import cleanup_sqlite
import server

KINDS = {"runs": ("run", "_hard_delete_run"), "models": ("logged model", "_hard_delete_logged_model"), "experiments": ("experiment", "_hard_delete_experiment")}


def human(size):
    units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.{0 if units[0] == 'bytes' else 1}f} {units[0]}"


def harmless(error):
    """The message of an error without the password that a URI in it may hold."""
    return re.sub(r"://[^/@\s]*@", "://***@", f"{type(error).__name__}: {error}".splitlines()[0])


class Work:
    def __init__(self, options):
        self.options, self.failed, self.removed = options, [], 0
        self.store = cleanup_artifacts.Artifacts(os.environ["MLFLOW_ARTIFACTS_DESTINATION"])
        file = os.environ.get("MLOPS_SQLITE_FILE", "")
        self.database = cleanup_sqlite.Database(file) if file else None

    def run(self):
        result = {"verb": self.options.verb, "failed": self.failed, "runs": [], "models": [], "experiments": [], "orphans": [], "kept": []}
        if self.database:
            result["sqlite"] = self.database.sizes()
            faults = self.database.faults()
            self.failed += [f"{self.database.file} is damaged: {fault}" for fault in faults]
            if faults:
                return result
        plan = cleanup_plan.Plan(cleanup_plan.read_store(), self.store, self.options.deleted_days)
        result.update(plan.items, kept=plan.kept, orphans=plan.orphans() if self.options.orphans != "ignore" else [])
        if self.options.verb == "apply":
            self.remove(plan.items, result["orphans"] if self.options.orphans == "remove" else [])
            if self.database:
                result["sqlite"]["steps"] = self.database.tend(self.options.vacuum)
                result["sqlite"]["after"] = self.database.sizes()
        return result

    def remove(self, items, orphans):
        methods = None
        for kind, (noun, method) in KINDS.items():
            for item in items[kind]:
                with self.attempt(f"{noun} {item['id']}"):
                    methods = methods or self.backend_store()
                    if item["place"]:
                        self.store.remove(item["place"])
                    getattr(methods, method)(item["id"])
        for orphan in orphans:
            with self.attempt(orphan["path"]):
                self.store.remove(orphan["path"])

    @contextlib.contextmanager
    def attempt(self, what):
        """One thing that cannot be removed keeps no other from being removed."""
        try:
            yield
            self.removed += 1
        except Exception as error:
            self.failed.append(f"{what} could not be removed: {harmless(error)}")

    @staticmethod
    def backend_store():
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        return SqlAlchemyStore(os.environ["MLFLOW_BACKEND_STORE_URI"], "mlflow-artifacts:/")


def report(result, options):
    """Lines for people: what went or would go, what stays and why, what else there is."""
    done = options.verb == "apply"
    lines = []
    for kind, (noun, _method) in KINDS.items():
        for item in result[kind]:
            lines.append(f"{'removed' if done else 'would remove'} {noun} {item['id']} ({human(item['bytes'])})")
    for orphan in result["orphans"]:
        verb = {"remove": "removed" if done else "would remove"}.get(options.orphans, "found")
        lines.append(f"{verb} orphan {orphan['path']} ({human(orphan['bytes'])}, untouched for {orphan['days']} days)")
    lines += [f"kept {KINDS[kept['kind']][0]} {kept['id']}: {kept['reason']}" for kept in result["kept"]]
    goes = [item for kind in KINDS for item in result[kind]] + (result["orphans"] if options.orphans == "remove" else [])
    lines.append(f"{human(sum(item['bytes'] for item in goes))} of artifacts {'removed' if done else 'would go'}, {len(result['kept'])} kept,"
                 f" {len(result['orphans'])} orphans")
    if "sqlite" in result:
        sqlite = {**result["sqlite"], **result["sqlite"].get("after", {})}
        lines.append(f"database {human(sqlite['bytes'])}, {human(sqlite['unused_bytes'])} of it unused, log {human(sqlite['wal_bytes'])}")
        lines += [f"{step}: {took} s" if isinstance(took, float) else f"{step}: not done, {took}" for step, took in sqlite.get("steps", {}).items()]
    return lines + [f"FAILED: {failure}" for failure in result["failed"]]


@contextlib.contextmanager
def alone():
    """Nothing else that removes runs of this server goes on meanwhile."""
    if os.environ.get("MLFLOW_ENABLE_WORKSPACES", "").lower() in ("true", "1"):
        sys.exit("This server has workspaces, which are not handled here. For a clean-up, use 'mlflow gc --all-workspaces'.")
    with open(os.path.join(os.environ.get("TMPDIR", "/tmp"), "cleanup.lock"), "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("Another clean-up of this server, or the work with an archive, is going on.")
        yield


def main(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["plan", "apply"])
    parser.add_argument("--deleted-days", type=float, default=30)
    parser.add_argument("--orphans", choices=["ignore", "report", "remove"], default="report")
    parser.add_argument("--vacuum", action="store_true")
    options = parser.parse_args(words)
    server.read_environment()
    with alone():
        work = Work(options)
        result = work.run()
    goes = sum(len(result[kind]) for kind in KINDS) + (len(result["orphans"]) if options.orphans == "remove" else 0)
    result["changed"] = bool(goes and (work.removed or options.verb == "plan")) or "vacuum" in result.get("sqlite", {}).get("steps", {})
    print(json.dumps({**result, "report": report(result, options)}))
    return int(bool(result["failed"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
