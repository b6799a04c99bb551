#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes into a snapshot besides the folders themselves: copies of the databases, the configuration, a manifest and a list of files.

The manifest tells what a restore must bring back. Files may come, change and go while a backup runs: a file counts as the one that was
listed while its size and time are those of the list.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time

import database
import postgresql
import store
from settings import Refused, read_pairs, shown
from unchanged import files

# Files larger than this are not read for the sample: a backup of an unchanged tree is to be quick.
SAMPLE_BYTES = 16 << 20
# And no more than this in all.
SAMPLE_TOTAL = 64 << 20
# Names whose values may be kept; whatever else is in the environment of the server may be a secret.
OPEN_NAMES = ("MLFLOW_SERVER_ALLOWED_HOSTS", "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "MLFLOW_DISABLE_TELEMETRY",
              "DO_NOT_TRACK", "MLFLOW_MODEL_CATALOG_URI", "MLOPS_PORTS", "MLOPS_STOP_TIMEOUT", "MLOPS_SQLITE_FILE", "MLOPS_SQLITE_WAL")


def databases(settings, deployed):
    """SQLite files to copy: the backend store first, then those beside it (the users' among them) and those that the operator named."""
    beside = sorted(entry.path for entry in os.scandir(deployed.root) if entry.name.endswith(".db") and database.is_database(entry.path))
    found = list(dict.fromkeys(([deployed.database] if deployed.database else []) + beside + settings.extra_databases))
    for file in found:
        if not database.is_database(file):
            raise Refused(f"{file} is no SQLite database, or is not there. See that the tree is whole, and mlflow_backup_extra_databases right.")
    return found


def copy_database(source, folder, number):
    target = os.path.join(folder, f"{number}-{os.path.basename(source)}")
    database.copy(source, target)
    wrong = database.problem(target)
    if wrong:
        raise Refused(f"{source} is damaged: {wrong}. Nothing was backed up; the snapshots before this one stay. See docs/backups.md.")
    return {"path": source, "copy": target, "bytes": os.path.getsize(target), "sha256": database.sha256(target), **database.contents(target)}


def list_files(folder, handle, sample, wanted, since, seen):
    """Write one line of JSON for each file; keep `wanted` of them, each as likely as the others, in the list sample. fresh: bytes younger than since."""
    count, size, fresh = 0, 0, 0
    for entry in files(folder, seen):
        handle.write(json.dumps(entry) + "\n")
        count, size = count + 1, size + entry[1]
        fresh += entry[1] if entry[2] > since * 1_000_000_000 else 0
        if entry[1] <= SAMPLE_BYTES:
            place = random.randrange(count)
            if len(sample) < wanted:
                sample.append(entry)
            elif place < wanted:
                sample[place] = entry
    return {"path": folder, "files": count, "bytes": size, "fresh": fresh}


def digests(sample):
    left = SAMPLE_TOTAL
    for path, size, when in sample:
        left -= size
        if left < 0:
            return
        try:
            yield {"path": path, "bytes": size, "mtime_ns": when, "sha256": database.sha256(path)}
        except FileNotFoundError:
            continue


def write_configuration(settings, deployed, folder):
    """What is needed to rebuild the host, without secrets."""
    os.makedirs(folder)
    for file in (settings.fact, deployed.unit_file, os.path.join(settings.folder, "backup.json")):
        if os.path.isfile(file):
            shutil.copy(file, folder)
    pairs = read_pairs(deployed.environment_file)
    with open(os.path.join(folder, "mlflow.env"), "w", encoding="utf-8") as handle:
        handle.writelines(f"{name}={shown(value) if name in OPEN_NAMES else '***'}\n" for name, value in pairs.items())


def size(settings, deployed):
    """Bytes that the copies of the databases will take, roughly where it is a dump."""
    store.refuse(deployed)
    files = sum(os.path.getsize(file) for file in databases(settings, deployed))
    return files if deployed.database else files + store.server(settings, deployed).bytes()


def gather(settings, deployed, since, seen):
    """Fill the stage and return the manifest. The database is copied first: whatever it names lies in the folders already.

    since: seconds since 1970; seen (unchanged.Seen) is shown whatever lies in the folders.
    """
    shutil.rmtree(settings.stage, ignore_errors=True)
    os.makedirs(settings.stage, mode=0o700)
    store.refuse(deployed)
    manifest = {
        "format": store.FORMAT if deployed.database else store.FORMAT_DUMP,
        "service": settings.service, "host": settings.host, "time": time.time(), "version": deployed.version, "image": deployed.image,
        "root": deployed.root, "uid": deployed.uid, "gid": deployed.gid, "artifacts": deployed.artifacts, "store": deployed.database,
        "artifacts_elsewhere": deployed.artifacts_elsewhere,
        "databases": [copy_database(file, settings.stage, number) for number, file in enumerate(databases(settings, deployed))],
    }
    if not deployed.database:
        manifest["dump"] = postgresql.dump(store.server(settings, deployed), os.path.join(settings.stage, "backend-store.dump"))
    manifest["schema"] = store.entry_of(manifest)["schema"]
    write_configuration(settings, deployed, os.path.join(settings.stage, "configuration"))
    sample = []
    with open(os.path.join(settings.stage, "files.jsonl"), "w", encoding="utf-8") as handle:
        manifest["folders"] = [list_files(folder, handle, sample, settings.sample_files, since, seen) for folder in deployed.folders()]
    manifest["sample"] = list(digests(sample))
    with open(os.path.join(settings.stage, "manifest.json"), "w", encoding="utf-8") as handle:
        json.dump(manifest, handle, indent=1)
    return manifest
