#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Artifacts of a server that is taken over: what there is, how it is copied, and which URIs must name another place. Called by adopt.py."""

from __future__ import annotations

import os
import pathlib
import re
import shutil

# Where MLflow keeps the place of artifacts. Tables that an old MLflow has not yet are there after its schema was migrated.
COLUMNS = (
    ("experiments", "artifact_location", "1 = 1"), ("runs", "artifact_uri", "1 = 1"), ("logged_models", "artifact_location", "1 = 1"),
    ("model_versions", "source", "1 = 1"), ("model_versions", "storage_location", "1 = 1"), ("trace_tags", "value", "key = 'mlflow.artifactLocation'"),
)
LOCAL = re.compile(r"(?!(?!file:)[a-z][a-z0-9+.-]*:)")


def folders(options):
    """Pairs (folder of the original, folder below the artifact store): all of an artifact folder, or the artifacts in a file store."""
    if options.artifacts:
        return [(options.artifacts, "")]
    pairs = []
    for experiment in experiments(options.filestore):
        for folder in sorted(experiment.glob("*/artifacts")) + sorted(experiment.glob("models/*/artifacts")) + sorted(experiment.glob("traces/*/artifacts")):
            pairs.append((str(folder), str(pathlib.Path(experiment.name, folder.relative_to(experiment)))))
    return pairs


def experiments(filestore):
    """Folders of the experiments in a file store, deleted ones among them."""
    if not filestore:
        return []
    root = pathlib.Path(filestore)
    root = root / "mlruns" if (root / "mlruns").is_dir() else root
    return sorted(folder.parent for pattern in ("*/meta.yaml", ".trash/*/meta.yaml") for folder in root.glob(pattern) if folder.parent.name.isdigit())


def count_filestore(filestore):
    """Rows that a file store amounts to. What cannot be read is passed over by MLflow, and would be missed."""
    found = experiments(filestore)
    root = pathlib.Path(filestore)
    root = root / "mlruns" if (root / "mlruns").is_dir() else root
    runs = [meta for experiment in found for meta in experiment.glob("*/meta.yaml") if re.fullmatch("[0-9a-f]{32}", meta.parent.name)]
    lines = [set(file.read_bytes().splitlines()) for run in runs for file in run.parent.joinpath("metrics").rglob("*") if file.is_file()]
    params = [file for run in runs for file in run.parent.joinpath("params").rglob("*") if file.is_file()]
    return {"metrics": sum(map(len, lines)), "params": len(params), "experiments": len(found), "runs": len(runs),
            "registered_models": len(list(root.glob("models/*/meta.yaml"))),
            "model_versions": len(list(root.glob("models/*/version-*/meta.yaml")))}


def measure(options):
    """Bytes and files to be copied, and room where they go. Bytes of the database count too."""
    size = files = 0
    for origin, _target in folders(options):
        for parent, _folders, names in os.walk(origin):
            files += len(names)
            size += sum(os.lstat(os.path.join(parent, name)).st_size for name in names)
    if options.database:
        size += 3 * os.path.getsize(options.database)
    root = os.path.dirname(os.environ["MLOPS_SQLITE_FILE"])
    return {"bytes": size, "files": files, "free_bytes": shutil.disk_usage(root).free}


def rewrite(connection, brought):
    """Let local places of artifacts name the artifact store. Returns how many were rewritten, and how many local ones stay as they are.

    An experiment ID lies in PREFIX/ID, unless somebody chose another place; what begins with such a prefix is brought along.
    """
    prefixes = set()
    for number, place in connection.execute("SELECT experiment_id, artifact_location FROM experiments"):
        if LOCAL.match(place or "") and place.rstrip("/").endswith(f"/{number}"):
            prefixes.add(place.rstrip("/")[: -len(str(number))])
    # The same folder may stand there as a path and as a URI.
    paths = {re.sub("^file:(//)?", "", prefix) for prefix in prefixes}
    prefixes = sorted((form + path for path in paths for form in ("", "file:", "file://")), key=len, reverse=True) if brought else []
    done = left = 0
    for table, column, which in COLUMNS:
        for rowid, place in connection.execute(f"SELECT rowid, {column} FROM {table} WHERE {which} AND {column} IS NOT NULL").fetchall():
            if place == "" or not LOCAL.match(place):
                continue
            prefix = next((prefix for prefix in prefixes if place.startswith(prefix)), None)
            if prefix is None:
                left += 1
                continue
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", ("mlflow-artifacts:/" + place[len(prefix):], rowid))
            done += 1
    return done, left


def copy(origin, target, uid, gid):
    """Copy a folder for the server's user. What is there already is written anew, so that a run that was cut short is finished by the next."""
    shutil.copytree(origin, target, symlinks=True, dirs_exist_ok=True)
    for parent, names, files in os.walk(origin):
        here = os.path.join(target, os.path.relpath(parent, origin))
        for name in ["."] + files + [name for name in names if os.path.islink(os.path.join(parent, name))]:
            os.lchown(os.path.join(here, name), uid, gid)
    # Folders above it that were made for it.
    above = os.path.dirname(target.rstrip("/"))
    while above.startswith(os.environ["MLFLOW_ARTIFACTS_DESTINATION"].rstrip("/") + "/"):
        os.chown(above, uid, gid)
        above = os.path.dirname(above)
