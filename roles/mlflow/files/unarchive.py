#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the runs of an archive back. Runs in the server's container, beside server.py; the environment comes through standard input.

    unarchive.py plan ARCHIVE     read and prove the archive, tell what would come back, and change nothing
    unarchive.py apply ARCHIVE    bring it back: artifacts first, then the rows of each family in one transaction, then compare

Prints one JSON object; its `report` is for people. Runs come back under their ids, into the experiments of their names. What is there
already is passed over when it is the same, and nothing is brought back when it is not. The archive stays.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import time

import archive_folder
import archive_read
import archive_rows
import cleanup
import cleanup_artifacts
import server
import unarchive_rows
from archive_file import Trouble

ROOM = 1.05


class Work:
    def __init__(self, options, result):
        self.options, self.result, self.applies = options, result, options.verb == "apply"
        self.store = cleanup_artifacts.Artifacts(os.environ["MLFLOW_ARTIFACTS_DESTINATION"])
        if not self.store.root:
            raise Trouble("artifacts of this server lie in an object store, and those of an archive go to a local one only")
        if not os.path.isfile(options.archive):
            raise Trouble(f"there is no file {options.archive}")
        self.manifest = archive_read.verify(options.archive)
        self.told = archive_read.artifacts(self.manifest)
        unarchive_rows.known_schema(self.manifest["schema"])
        self.rows = archive_rows.Rows()
        self.target = unarchive_rows.Target(self.rows, self.manifest)

    def run(self):
        families = self.manifest["families"]
        self.result["experiments"] = self.target.missing
        states = {family["runs"][0]: self.state(family) for family in families}
        differing = [f"run {key}: {state}" for key, state in states.items() if state not in ("equal", "absent")]
        if differing:
            raise Trouble("nothing was brought back, because of what is here already under the same ids and is not the same: " + "; ".join(differing))
        come = [family for family in families if states[family["runs"][0]] == "absent"]
        self.result["same"] = [family for family in families if family not in come]
        if self.applies and come:
            self.check_room(come)
            self.bring(come)
        elif come:
            self.result["families"] = come

    def place(self, key, uri):
        place = self.store.place(uri)
        if not self.store.within(place):
            raise Trouble(f"artifacts of {key} would go to {place}, which is outside the artifact store")
        return place

    def places(self, family):
        """Where the artifacts of a family go, by run and model."""
        return {key: self.place(key, uri) for key, uri in self.target.uris(family).items()}

    def state(self, family):
        """What of a family is here: nothing (`absent`), all of it (`equal`), or what differs."""
        places = self.places(family)
        with self.rows.engine.connect() as connection:
            found = self.target.compare(connection, family)
        if found == "equal":
            for key, files in self.told.items():
                for name, told in files.items() if key in places else ():
                    if archive_read.checksum(os.path.join(places[key], name)) != told[2]:
                        return f"its artifact {name}"
        return found if found in ("equal", "absent") else f"its rows in table {found}"

    def check_room(self, families):
        needed = int(ROOM * sum(told[0] for family in families for key in (*family["runs"], *family["models"]) for told in self.told.get(key, {}).values()))
        free = shutil.disk_usage(self.store.root).free
        if needed > free:
            raise Trouble(f"the artifacts take {cleanup.human(needed)}, and {self.store.root} has {cleanup.human(free)} free. Nothing was brought back")

    def bring(self, families):
        # Nobody goes on with removing what comes back, and it is not archived again on the next occasion.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.options.archive + archive_folder.MARK)
        folder = os.path.dirname(self.options.archive)
        now = int(time.time() * 1000)
        archive_folder.put(os.path.join(folder, archive_folder.RESTORED),
                           archive_folder.restored(folder) | {key: now for family in families for key in family["runs"]})
        self.target.make_experiments()
        waiting = {family["runs"][0]: family for family in families}
        places = {key: place for family in families for key, place in self.places(family).items()}
        with self.rows.engine.connect() as connection:
            for name, file in archive_read.members(self.options.archive):
                kind, key = name.split("/")[0], name.split("/")[-1].removesuffix(".jsonl")
                if kind == "artifacts" and name.split("/")[1] in places:
                    archive_read.unpack(file, os.path.join(places[name.split("/")[1]], *name.split("/")[2:]), self.manifest["members"][name])
                elif kind == "rows" and key in waiting:
                    with connection.begin():
                        self.target.insert(connection, map(json.loads, file))
                        found = self.target.compare(connection, waiting[key])
                        if found != "equal":
                            raise Trouble(f"run {key} came out differently in table {found} and was not brought back")
                    self.result["families"].append(waiting[key])


def report(result):
    done, lines = result["verb"] == "apply", []
    for words, families in (("brought back" if done else "would bring back", result["families"]), ("is here already", result["same"])):
        for family in families:
            more = f" and {len(family['runs']) - 1} with it" if len(family["runs"]) > 1 else ""
            lines.append(f"{words}: run {family['runs'][0]} ({family['name']}){more} of experiment {family['experiment']}")
    lines += [f"experiment {name} {'was made' if done else 'would be made'}" for name in result["experiments"] if result["families"]]
    came, same = (sum(len(family["runs"]) for family in result[kind]) for kind in ("families", "same"))
    lines.append(f"{came} runs {'brought back, rows and artifacts are equal' if done else 'would be brought back'}, {same} were here already")
    return lines + [f"FAILED: {failure}" for failure in result["failed"]]


def main(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["plan", "apply"])
    parser.add_argument("archive")
    options = parser.parse_args(words)
    server.read_environment()
    result = {"verb": options.verb, "failed": [], "families": [], "same": [], "experiments": []}
    with cleanup.alone(), contextlib.redirect_stdout(sys.stderr):
        try:
            Work(options, result).run()
        except Exception as error:
            result["failed"].append(str(error) if isinstance(error, Trouble) else cleanup.harmless(error))
    result["changed"] = bool(result["families"])
    for kind in ("families", "same"):
        result[kind] = [{key: family[key] for key in ("runs", "models", "name", "experiment")} for family in result[kind]]
    print(json.dumps({**result, "report": report(result)}))
    return int(bool(result["failed"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
