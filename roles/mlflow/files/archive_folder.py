#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The folder of archives: how an archive comes into it, and how its runs then leave the stores. Called by archive.py and unarchive.py.

    runs-TIME.tar.gz             an archive, whole and proven
    runs-TIME.tar.gz.json        which runs it holds, for people
    runs-TIME.tar.gz.removing    its runs are being removed from the stores, or were when somebody was interrupted
    runs-TIME.tar.gz.part        not whole; the next run removes it
    restored.json                when runs came back from an archive, in ms since 1970
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import time

import archive_file
import archive_read

END, PART, MARK, LIST, RESTORED = ".tar.gz", ".part", ".removing", ".json", "restored.json"
# Rows, in about a second.
TOGETHER = 20000


def sync(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def put(path, content):
    """Write a small file whole or not at all."""
    with open(path + PART, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + PART, path)
    sync(os.path.dirname(path))


def restored(folder):
    """When runs came back from an archive: from then on they are as young as on the day when they ended."""
    with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, RESTORED), encoding="utf-8") as file:
        return json.load(file)
    return {}


def unfinished(folder):
    """Archives whose runs may still be in the stores, in part."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(name for name in names if name.endswith(END) and name + MARK in names)


def sweep(folder):
    """Remove what an interrupted run left that nobody goes on with."""
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if name.endswith(PART) or (name.endswith(MARK) and not os.path.exists(os.path.join(folder, name[: -len(MARK)]))):
            os.unlink(os.path.join(folder, name))


def new_path(folder):
    started = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    paths = (os.path.join(folder, f"runs-{started}{more}{END}") for more in ("", *(f"-{number}" for number in range(2, 1000))))
    return next(path for path in paths if not os.path.exists(path))


def batches(families):
    """Families that go in one transaction: many small ones, or a large one. Writers wait meanwhile."""
    some, size = [], 0
    for family in families:
        rows = sum(told["rows"] for told in family["tables"].values())
        if some and size + rows > TOGETHER:
            yield some
            some, size = [], 0
        some.append(family)
        size += rows
    if some:
        yield some


def write(folder, families, rows, days):
    """Write the archive of some families, prove it, and only then give it its name. Returns its path and its manifest."""
    path = new_path(folder)
    writer = archive_file.Writer(path + PART)
    try:
        with rows.engine.connect() as connection:
            for family in families:
                for name, file in family.pop("files").items():
                    writer.add_artifact(name, file)
                writer.add_rows(f"rows/{family['runs'][0]}.jsonl", rows.lines(connection, family))
            experiments = rows.experiments(connection, families)
        writer.finish({"mlflow": importlib.metadata.version("mlflow-skinny"), "schema": rows.schema, "written": int(time.time()), "days": days,
                       "counts": {kind: sum(len(family[kind]) for family in families) for kind in ("runs", "models")},
                       "columns": {name: [column.name for column in rows.columns(name)] for name in rows.own()},
                       "experiments": experiments, "families": families})
        manifest = archive_read.verify(path + PART)
    except BaseException:
        writer.abandon()
        raise
    put(path + LIST, {key: manifest[key] for key in ("mlflow", "schema", "written", "days", "counts")} | {
        "families": [{key: family[key] for key in ("name", "experiment", "runs", "models")} for family in manifest["families"]]})
    put(path + MARK, {})
    os.rename(path + PART, path)
    sync(folder)
    return path, manifest


def remove(path, manifest, rows, store):
    """Remove the runs of a complete archive from the stores. Returns families that are gone, and {first run: why it stays}."""
    gone, stay, told = [], {}, archive_read.artifacts(manifest)
    for some in batches(manifest["families"]):
        changed = [next((file for key, place in family["places"].items() for name, file in archive_file.files(place)
                         if archive_file.state(file) != told.get(key, {}).get(name, [])[:2]), "") for family in some]
        stay.update({family["runs"][0]: f"it changed while it was archived: {file}" for family, file in zip(some, changed) if file})
        same = [family for family, file in zip(some, changed) if not file]
        for family, outcome in zip(same, rows.remove(same)):
            if outcome not in ("equal", "absent"):
                stay[family["runs"][0]] = f"it changed while it was archived: its rows in table {outcome}"
                continue
            # Also where nothing is left but the folders above.
            for place in filter(store.within, family["places"].values()):
                store.remove(place)
            gone.append(family)
    if not gone:
        # All of them are in the stores as they are: this file would only be in the way.
        os.unlink(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + LIST)
    os.unlink(path + MARK)
    sync(os.path.dirname(path))
    return gone, stay
