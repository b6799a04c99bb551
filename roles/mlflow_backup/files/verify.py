#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which snapshot is meant, and whether what came out of it is what went into it. Standard library only."""

from __future__ import annotations

import json
import os

import database
import postgresql_restore
import store
from settings import Refused


def described(snapshot):
    return f"{snapshot['short_id']} ({snapshot['time'][:19]}, {snapshot['hostname']})"


def choose(repository, settings, wanted="latest", host=""):
    """The snapshot that is wanted by its id, or the newest: of the host that is named, else of this one, else of the only one that there is."""
    found = repository.snapshots()
    if not found:
        raise Refused(f"There is no snapshot of {settings.service} in {repository.conceal(repository.address)}.")
    if wanted != "latest":
        meant = [snapshot for snapshot in found if len(wanted) >= 8 and snapshot["id"].startswith(wanted)]
        if len(meant) != 1:
            newest = ", ".join(described(snapshot) for snapshot in found[:-6:-1])
            raise Refused(f"There is no snapshot '{wanted}' of {settings.service}. The newest are: {newest}. Give one of these, with 8 letters or more.")
        return meant[0]
    hosts = sorted({snapshot["hostname"] for snapshot in found})
    source = host or (settings.host if settings.host in hosts or len(hosts) > 1 else hosts[0])
    if source not in hosts:
        raise Refused(f"There is no snapshot of {source}. There are some of {', '.join(hosts)}: name one of these in mlflow_backup_restore_host.")
    return [snapshot for snapshot in found if snapshot["hostname"] == source][-1]


def manifest_of(repository, snapshot):
    """The manifest of a snapshot, with the folder that it lies in as `stage`."""
    stage = next(path for path in snapshot["paths"] if path.endswith("/stage"))
    manifest = json.loads(repository.read(snapshot["id"], os.path.join(stage, "manifest.json")))
    if manifest["format"] > store.FORMAT_DUMP:
        raise Refused(f"Snapshot {described(snapshot)} was made by a newer version of this role. Restore it with that version.")
    return {**manifest, "stage": stage, "snapshot": snapshot["id"]}


def as_pattern(path):
    """A path as restic's --include takes it: to the letter."""
    return "".join("\\" + letter if letter in "*?[\\" else letter for letter in path)


def compare_databases(manifest, folder):
    """Say what is wrong with the copies of the databases that were restored into a folder."""
    for entry in manifest["databases"]:
        file, name = folder + entry["copy"], entry["path"]
        if not os.path.isfile(file):
            yield f"{name} is missing"
        elif database.sha256(file) != entry["sha256"]:
            yield f"{name} has another checksum than it had"
        elif database.problem(file):
            yield f"{name} is damaged: {database.problem(file)}"
        else:
            now = database.contents(file)
            yield from (f"{name}: table {table} has {now['tables'].get(table)} rows, and had {rows}"
                        for table, rows in entry["tables"].items() if now["tables"].get(table) != rows)
            if now["schema"] != entry["schema"]:
                yield f"{name} has schema {now['schema']}, and had {entry['schema']}"


def compare_dump(manifest, folder):
    """Say what is wrong with a dump that was restored into a folder, as far as it can be seen without its server."""
    entry = manifest.get("dump")
    if entry and not os.path.isfile(folder + entry["copy"]):
        yield "the dump of the backend store is missing"
    elif entry and database.sha256(folder + entry["copy"]) != entry["sha256"]:
        yield "the dump of the backend store has another checksum than it had"


def rehearse_dump(settings, manifest, folder):
    """How far the restore of a dump was rehearsed, in words; nothing where there is none."""
    entry = manifest.get("dump")
    if not entry:
        return {}
    server = store.server(settings, settings.deployed())
    done = postgresql_restore.rehearse(server, folder + entry["copy"], entry, f"mlflow_rehearsal_{os.getpid()}")
    return {"dump": "restored into a scratch database and counted" if done else "read, but not restored: the role may not create a database"}


def same(path, size, when):
    """Whether a restored file is the one that was listed. One that is younger was written while the backup ran, and is whole for all that is known."""
    about = os.stat(path)
    return about.st_mtime_ns > when or (about.st_mtime_ns == when and about.st_size == size)


def compare_sample(manifest, folder):
    """Say which files of the sample, restored into a folder, are not what they were."""
    for entry in manifest["sample"]:
        file = folder + entry["path"]
        if not os.path.isfile(file):
            continue
        if not same(file, entry["bytes"], entry["mtime_ns"]):
            yield f"{entry['path']} has another size or time than it had"
        elif os.stat(file).st_mtime_ns == entry["mtime_ns"] and database.sha256(file) != entry["sha256"]:
            yield f"{entry['path']} has another checksum than it had"


def compare_list(manifest, folder):
    """Compare every file with the list: what is wrong, and the paths of those that vanished while the backup ran."""
    wrong, vanished = [], []
    with open(folder + os.path.join(manifest["stage"], "files.jsonl"), encoding="utf-8") as lines:
        for line in lines:
            path, size, when = json.loads(line)
            if not os.path.lexists(folder + path):
                vanished.append(path)
            elif not same(folder + path, size, when):
                wrong.append(f"{path} has another size or time than it had")
    return wrong, vanished


def refuse(wrong, manifest):
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise Refused(f"Snapshot {manifest['snapshot'][:8]} does not give back what went in: {'; '.join(wrong[:3])}{more}.")


def rehearse(settings, repository, folder):
    """Restore the newest snapshot's databases and sample into an empty folder, compare, and tell what was compared."""
    manifest = manifest_of(repository, choose(repository, settings, host=settings.host))
    patterns = [as_pattern(path) for path in [manifest["stage"], *(entry["path"] for entry in manifest["sample"])]]
    repository.restore(manifest["snapshot"], folder, [word for pattern in patterns for word in ("--include", pattern)])
    missing = [entry["path"] for entry in manifest["sample"] if not os.path.isfile(folder + entry["path"])]
    wrong = [*compare_databases(manifest, folder), *compare_dump(manifest, folder), *compare_sample(manifest, folder)]
    refuse(wrong, manifest)
    entries = [*manifest["databases"], *([manifest["dump"]] if "dump" in manifest else [])]
    rows = sum(sum(entry["tables"].values()) for entry in entries)
    return {"snapshot": manifest["snapshot"][:8], "rows": rows, "files": len(manifest["sample"]) - len(missing), "vanished": len(missing),
            **rehearse_dump(settings, manifest, folder)}
