#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an upgrade leaves behind: the images and databases that a way back needs, and no more of them than asked for. And what is told of it."""

from __future__ import annotations

import glob
import json
import pathlib
import re
import shutil

import forward
import host
from host import Failure, say
from journal import write


def repository(image):
    """mlflow of mlflow:3.17.2-0123, registry:5000/mlflow of registry:5000/mlflow@sha256:..."""
    return re.sub(r"(:[^/:]*)?(@.*)?$", "", image)


def wanted_elsewhere(plan):
    """Images that another server of this host runs, or would go back to."""
    found = set()
    for file in set(glob.glob("/etc/ansible/facts.d/*.fact")) - {plan["fact"], plan["upgrade_fact"]}:
        with open(file, encoding="utf-8") as text:
            found.update(re.findall(r'"(?:image|previous_image)": *"([^"]+)"', text.read()))
    return found


def prune_images(plan, image):
    """Remove images of this server beyond those to keep, oldest first; never one that a container uses or a server of this host is recorded with."""
    names = host.run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository(image)).split()
    used = set(host.run("docker", "container", "ls", "--all", "--format", "{{.Image}}").split())
    listed = [name for name in dict.fromkeys(names) if name != image and not name.endswith(":<none>")]
    removed = []
    # Newest first, as the Engine lists them. The one to go back to counts as the first.
    listed.sort(key=lambda name: name != plan["previous"])
    for name in listed[plan["images_keep"]:]:
        if name in used | wanted_elsewhere(plan):
            continue
        try:
            host.run("docker", "image", "rm", name)
            removed.append(name)
        except Failure as reason:
            say(f"{name} stays: {reason}")
    return removed


def prune_backups(journal, plan):
    """Remove the databases and records of upgrades beyond those to keep. Databases that an undone upgrade left count too."""
    removed = []
    records = sorted(journal.closed("done") + journal.closed("undone") + journal.closed("rolled back"), key=lambda record: record["id"])
    kept = [record for record in records if (record["backup"] or record.get("users")) and (forward.folder_of(record["plan"]) / record["id"]).exists()]
    for record in kept[:max(0, len(kept) - plan["backups_keep"])]:
        shutil.rmtree(forward.folder_of(record["plan"]) / record["id"], ignore_errors=True)
        removed.append(record["id"])
    for record in records[:-10]:
        if record["id"] in removed or not (record["backup"] or record.get("users")):
            shutil.rmtree(journal.folder / record["id"], ignore_errors=True)
    return removed


def window(record):
    """Seconds from asking the old server to stop to the new one's answer; None where none was running."""
    return round(record["served_at"] - record["stopped_at"], 1) if record["active"] and "served_at" in record else None


def summary(record):
    return {
        "upgrade": record["id"], "previous_image": record["from"]["image"], "previous_version": record["from"]["version"], "image": record["to"]["image"],
        "version": record["to"]["version"], "window_seconds": window(record), "seconds": record["seconds"], "backup": record["backup"],
        "moved": record.get("moved", []), "rows": {name: rows for name, rows in record.get("counts", {}).items() if rows},
    }


def commit(journal, record):
    """The new server is accepted: write the fact, remove what is not to be kept, close the record."""
    plan = record["plan"]
    if plan["database"]:
        shutil.rmtree(forward.folder_of(plan) / "work", ignore_errors=True)
    journal.close(record, "done")
    told = summary(record)
    # Its own file: the fact of the deployment is worked out from variables alone, and these are measured.
    write_fact(plan, told)
    told["removed_images"] = prune_images({**plan, "previous": record["from"]["image"]}, record["to"]["image"])
    told["removed_backups"] = prune_backups(journal, plan)
    return told


def write_fact(plan, told):
    pathlib.Path(plan["upgrade_fact"]).parent.mkdir(parents=True, exist_ok=True)
    write(plan["upgrade_fact"], (json.dumps(told, indent=2, sort_keys=True) + "\n").encode(), 0o644)
