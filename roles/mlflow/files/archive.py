#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Archive a tracking server's old runs. Runs in the server's container, beside server.py; the environment comes through standard input.

    archive.py plan OPTION...     tell what would be archived, and change nothing
    archive.py apply OPTION...    write it to a file, prove the file, and only then remove the runs from the stores

Prints one JSON object; its `report` is for people. Ends with status 1 when something could not be done.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys

import archive_bound
import archive_file
import archive_folder
import archive_plan
import archive_read
import archive_rows
import cleanup
import cleanup_artifacts
import cleanup_plan
import server
from archive_file import Trouble

ROOM = 1.05


class Work:
    def __init__(self, options, result):
        self.options, self.result, self.applies = options, result, options.verb == "apply"
        self.store = cleanup_artifacts.Artifacts(os.environ["MLFLOW_ARTIFACTS_DESTINATION"])
        if not self.store.root:
            raise Trouble("artifacts of this server lie in an object store, and archives hold those of a local one only")
        self.rows = archive_rows.Rows()

    def run(self):
        folder = self.options.folder
        self.finish(folder)
        plan = archive_plan.Plan(cleanup_plan.read_store(archive_plan.QUERIES), self.store, self.options.days, self.options.experiment,
                                 archive_bound.bound(self.rows), archive_folder.restored(folder))
        if plan.unknown:
            raise Trouble(f"there is no experiment {', '.join(plan.unknown)}: correct mlflow_archive_experiments")
        families = [family for family in plan.families if self.plain(family, plan)]
        self.result["kept"] = plan.kept
        if families:
            self.check_room(families)
        if families and self.applies:
            os.makedirs(folder, 0o750, exist_ok=True)
            path, manifest = archive_folder.write(folder, families, self.rows, self.options.days)
            families, stay = archive_folder.remove(path, manifest, self.rows, self.store)
            for family in manifest["families"]:
                if family["runs"][0] in stay:
                    plan.keep(family["runs"], stay[family["runs"][0]])
            if families:
                self.result.update(archive=path, packed_bytes=os.path.getsize(path))
        self.result["families"] = [{key: family[key] for key in ("runs", "models", "name", "experiment", "bytes")} for family in families]

    def finish(self, folder):
        """Go on where an earlier run was interrupted."""
        waiting = archive_folder.unfinished(folder)
        if not self.applies:
            self.result["finished"] = waiting
            return
        archive_folder.sweep(folder)
        for name in waiting:
            path = os.path.join(folder, name)
            try:
                archive_folder.remove(path, archive_read.verify(path), self.rows, self.store)
                self.result["finished"].append(name)
            except (Trouble, OSError) as error:
                self.result["failed"].append(f"{error}. Its runs stay where they are; once you know why, remove {path + archive_folder.MARK}")

    def plain(self, family, plan):
        """List the files of a family. What is no plain file keeps it where it is."""
        try:
            family["files"] = {f"artifacts/{key}/{name}": path for key, place in family["places"].items() for name, path in archive_file.files(place)}
        except Trouble as trouble:
            plan.keep(family["runs"], str(trouble))
            return False
        return True

    def check_room(self, families):
        needed = int(ROOM * (sum(family["bytes"] for family in families) + archive_bound.measure(self.rows, families)))
        folder = self.options.folder
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise Trouble(f"the archive takes up to {cleanup.human(needed)}, and {folder} has {cleanup.human(free)} free. Nothing was archived")


def report(result):
    done = result["verb"] == "apply"
    lines = [f"{'finished' if done else 'would finish'} what was interrupted with {name}" for name in result["finished"]]
    for family in result["families"]:
        more = f" and {len(family['runs']) - 1} with it" if len(family["runs"]) > 1 else ""
        lines.append(f"{'archived' if done else 'would archive'} run {family['runs'][0]} ({family['name']}){more} of experiment {family['experiment']}"
                     f" ({cleanup.human(family['bytes'])})")
    lines += [f"kept {kept['title']}: {kept['reason']}" for kept in result["kept"]]
    count, size = (sum(work(family) for family in result["families"]) for work in (lambda family: len(family["runs"]), lambda family: family["bytes"]))
    lines.append(f"{count} runs with {cleanup.human(size)} of artifacts {'archived' if done else 'would be archived'},"
                 f" {sum(kept['runs'] for kept in result['kept'])} old runs kept")
    if result["archive"]:
        lines.append(f"archive {result['archive']} ({cleanup.human(result['packed_bytes'])})")
    return lines + [f"FAILED: {failure}" for failure in result["failed"]]


def main(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["plan", "apply"])
    parser.add_argument("--days", type=float, required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--experiment", action="append", default=[])
    options = parser.parse_args(words)
    server.read_environment()
    result = {"verb": options.verb, "failed": [], "families": [], "kept": [], "finished": [], "archive": "", "packed_bytes": 0}
    with cleanup.alone(), contextlib.redirect_stdout(sys.stderr):
        try:
            Work(options, result).run()
        except Exception as error:
            result["failed"].append(str(error) if isinstance(error, Trouble) else cleanup.harmless(error))
    result["changed"] = bool(result["families"] or result["finished"])
    print(json.dumps({**result, "report": report(result)}))
    return int(bool(result["failed"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
