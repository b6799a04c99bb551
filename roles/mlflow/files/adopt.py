#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take over what another server left: its SQLite database or its file store, and its artifacts. Runs in a container of the server's image.

    adopt.py check OPTION...    tell what would be taken over and what stands in the way; change nothing
    adopt.py take OPTION...     do it; the server is stopped meanwhile

The environment of the server that takes over comes through standard input. Originals are mounted read-only: below /adopt/database,
/adopt/artifacts and /adopt/filestore. Prints one JSON object. Until the last step, which puts the new database into its place, the
server's own database is as it was.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

import adopt_artifacts
import adopt_database
import server


def build(options, fresh):
    """Make the new database. Returns rows by table that there must be in the end."""
    if options.database:
        from mlflow.store.db import utils

        written = adopt_database.traces_of(options.database)
        wanted = adopt_database.snapshot(options.database, fresh)
        engine = utils.create_sqlalchemy_engine_with_retry(f"sqlite:///{fresh}")
        utils._upgrade_db(engine)
        engine.dispose()
        if adopt_database.traces_of(options.database) != written:
            raise adopt_database.Trouble("somebody still writes to the database: stop the old server")
    else:
        # A process of its own: in this one, its connections would still be open.
        done = subprocess.run(["mlflow", "migrate-filestore", "--no-progress", "--source", options.filestore, "--target", f"sqlite:///{fresh}"],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise adopt_database.Trouble(f"mlflow migrate-filestore: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
        wanted = adopt_artifacts.count_filestore(options.filestore)
    return wanted


def take(options, fresh, result):
    result["source"] = build(options, fresh)
    with sqlite3.connect(fresh) as connection:
        result["rewritten"], result["left"] = adopt_artifacts.rewrite(connection, bool(options.artifacts or options.filestore))
    connection.execute("PRAGMA journal_mode=DELETE")
    result["counts"] = adopt_database.count(connection)
    connection.close()
    differing = [f"{name}: {rows} there, {result['counts'].get(name)} here" for name, rows in result["source"].items() if result["counts"].get(name) != rows]
    if differing:
        raise adopt_database.Trouble("counts differ, nothing was taken over: " + "; ".join(differing))


def put(options, fresh, result):
    """Copy the artifacts, put the server's own database aside and the new one into its place."""
    file, folder = os.environ["MLOPS_SQLITE_FILE"], os.environ["MLFLOW_ARTIFACTS_DESTINATION"]
    for origin, target in adopt_artifacts.folders(options):
        adopt_artifacts.copy(origin, os.path.join(folder, target), options.uid, options.gid)
    os.chown(fresh, options.uid, options.gid)
    os.chmod(fresh, 0o644)
    if os.path.exists(file):
        result["kept"] = f"{file}.before-adoption-{time.strftime('%Y%m%dT%H%M%S')}"
        with sqlite3.connect(file) as own:
            own.execute("PRAGMA journal_mode=DELETE")
        own.close()
        os.link(file, result["kept"])
    os.replace(fresh, file)


def main(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["check", "take"])
    for name in ("--database", "--artifacts", "--filestore", "--scratch"):
        parser.add_argument(name, default="")
    parser.add_argument("--confirmed", action="store_true")
    for name in ("--uid", "--gid"):
        parser.add_argument(name, type=int, required=True)
    options = parser.parse_args(words)
    server.read_environment()
    result = {"verb": options.verb, "trouble": ""}
    try:
        result["own_runs"] = adopt_database.own_runs(os.environ["MLOPS_SQLITE_FILE"])
        if result["own_runs"] and not options.confirmed:
            raise adopt_database.Trouble(f"this server holds {result['own_runs']} runs and registered models of its own, which would be put aside")
        result.update(adopt_artifacts.measure(options))
        if result["bytes"] * 1.1 > result["free_bytes"]:
            raise adopt_database.Trouble(f"{result['bytes']} bytes are to be copied, and {result['free_bytes']} are free")
        with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
            take(options, os.path.join(scratch, "adopted.db"), result)
            if options.verb == "take":
                put(options, os.path.join(scratch, "adopted.db"), result)
    except Exception as error:
        result["trouble"] = str(error) if isinstance(error, adopt_database.Trouble) else f"{type(error).__name__}: {error}"
    print(json.dumps(result))
    return int(bool(result["trouble"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
