#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Backups of a tracking server, run on its host as root. Standard library and restic only.

    backup.py prepare                  make the repository where there is none, the status file and the fact
    backup.py backup                   make a snapshot if anything has changed, and forget old ones
    backup.py check                    verify the repository, and free the room of what was forgotten
    backup.py rehearse                 restore into a scratch folder, compare, remove
    backup.py restore [--from snapshot|litestream] [--snapshot ID] [--host NAME] [--confirmed] [--dry]

The last line of the output is what was done, as JSON. Exit code 1 and a sentence for the operator when it was not done.
Settings: backup.json of the folder above the program's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sqlite3
import sys
import time
import traceback

import content
import status
import store
import unchanged
import verify
from repository import Repository
from room import make_room, need_room, refuse_inside
from settings import Refused, Settings, write_whole

# Each call of restic opens the repository, which takes half a second and more: old snapshots are forgotten once a day.
FORGET_SECONDS = 20 * 3600


def prepare(settings, state, repository, _options):
    deployed = settings.deployed()
    refuse_inside(repository, deployed)
    address = repository.conceal(repository.address)
    known = state.values["repository_id"] if state.values["repository"] == address else ""
    state.values.update(host=settings.host, repository=address, repository_id=repository.open(known))
    state.write()
    link = settings.fact[:-len(".fact")] + "_backup.fact"
    if not os.path.islink(link):
        os.symlink(settings.status_file, link)
    write_whole(settings.prepared_file, "")
    return {"repository_id": state.values["repository_id"][:8]}


def backup(settings, state, repository, _options):
    started, deployed, known = time.time(), settings.deployed(), state.of("backup")
    refuse_inside(repository, deployed)
    sizes, stores = content.size(settings, deployed), unchanged.stores(settings, deployed, content.databases(settings, deployed))
    if unchanged.stands(known, stores, deployed) and repository.holds(known["snapshot"]):
        told = {"snapshot": known["snapshot"], "bytes_added": 0, "unchanged": True}
    else:
        told = {**make_snapshot(settings, repository, deployed, sizes, known.get("started_epoch", 0)), "stores": stores, "unchanged": False}
    # The snapshot counts also where the old ones could not be forgotten.
    known.update(told, started_epoch=int(started) - 1)
    if started - state.values.get("forgot_epoch", 0) > FORGET_SECONDS:
        repository.forget()
        state.values["forgot_epoch"] = int(started)
    return told


def make_snapshot(settings, repository, deployed, sizes, since):
    need_room(settings.state, sizes, "the copy of the database")
    try:
        seen = unchanged.Seen()
        manifest = content.gather(settings, deployed, since, seen)
        if repository.local:
            make_room(repository, sizes + sum(top["fresh"] for top in manifest["folders"]))
        summary = repository.backup([settings.stage, *(top["path"] for top in manifest["folders"])])
    finally:
        shutil.rmtree(settings.stage, ignore_errors=True)
    return {"snapshot": summary["snapshot_id"][:8], "bytes_added": summary["data_added"], "bytes_total": summary["total_bytes_processed"],
            "files": sum(top["files"] for top in manifest["folders"]), "runs": store.entry_of(manifest)["tables"].get("runs", 0),
            "artifacts_elsewhere": manifest["artifacts_elsewhere"], "trees": seen.proof}


def check(settings, _state, repository, _options):
    repository.run("check", *([f"--read-data-subset={settings.read_data_subset}"] if settings.read_data_subset else []))
    # Never before the repository has been found whole.
    repository.prune()
    return {"read_data_subset": settings.read_data_subset}


def rehearse(settings, _state, repository, _options):
    shutil.rmtree(settings.scratch, ignore_errors=True)
    try:
        os.makedirs(settings.scratch, mode=0o700)
        return verify.rehearse(settings, repository, settings.scratch)
    finally:
        shutil.rmtree(settings.scratch, ignore_errors=True)


def put_back(settings, _state, repository, options):
    import replica  # these need more modules than a backup, which is to be quick
    import restore

    if options.source == "litestream":
        return replica.put_back(settings, settings.deployed(), options.snapshot, options.host, options.confirmed, options.dry)
    return restore.restore(settings, repository, settings.deployed(), options.snapshot, options.host, options.confirmed, options.dry)


def options_of(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--from", dest="source", choices=("snapshot", "litestream"), default="snapshot")
    parser.add_argument("--snapshot", default="latest")
    parser.add_argument("--host", default="")
    parser.add_argument("--confirmed", action="store_true")
    parser.add_argument("--dry", action="store_true")
    return parser.parse_args(words)


VERBS = {"prepare": prepare, "backup": backup, "check": check, "rehearse": rehearse, "restore": put_back}


def main(words):
    options = options_of(words)
    settings = Settings(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    state, message, recorded = None, "", options.verb in status.VERBS and not options.dry
    try:
        with status.only_one(settings, options.verb):
            state, started = status.Status(settings), time.time()
            told = VERBS[options.verb](settings, state, Repository(settings), options)
            if recorded:
                state.succeed(options.verb, started, told)
            print(json.dumps({**told, "seconds": round(time.time() - started, 1)}))
            return 0
    except (Refused, sqlite3.Error, OSError) as error:
        message = f"{error} (see docs/backups.md)" if not isinstance(error, Refused) else str(error)
    except Exception as error:
        traceback.print_exc()
        message = f"{type(error).__name__}: {error}"
    print(f"{options.verb}: {message}", file=sys.stderr)
    if state and recorded:
        with contextlib.suppress(OSError):
            state.fail(options.verb, message)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
