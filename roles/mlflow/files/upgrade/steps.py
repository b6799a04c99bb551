#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps of an upgrade. Each is entered in the journal before it begins; backward.py takes back what was done."""

from __future__ import annotations

import contextlib
import json
import pathlib
import time

import database
import forward
import host
import room
import users
from forward import Migration
from host import Failure


def deployed(plan):
    """What is deployed: the image that runs and what the host's own record says of it, or empty words. A run that was cut short may not have recorded it."""
    try:
        fact = json.loads(pathlib.Path(plan["fact"]).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        fact = {}
    image = plan["running_image"] or fact.get("image", "")
    return {"image": image, "version": fact.get("version", "") if image == fact.get("image") else "", "url": fact.get("local_url", plan["url"])}


def begin(journal, plan, seen):
    """The record of an upgrade that is about to begin. Nothing has happened yet."""
    # Names of records are in the order in which they were made.
    number = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f".{time.time_ns() // 10**6 % 1000:03}Z"
    files = plan.pop("files")
    record = {
        "id": number, "from": deployed(plan), "to": {"image": plan["image"], "version": plan["version"], "url": plan["url"]},
        "plan": {key: value for key, value in plan.items() if key != "environment"}, "active": host.state(plan["unit"]) == "active",
        "migrates": seen["migrates"], "schema": seen["store"]["schema"], "backup": "", "replaced": "", "seconds": {},
    }
    journal.keep_files(record, [*files, {"dest": plan["fact"]}])
    journal.enter(record, "planned")
    return record


@contextlib.contextmanager
def timed(record, step):
    begin_ = time.monotonic()
    yield
    record["seconds"][step] = round(time.monotonic() - begin_, 2)


def advance(journal, record, environment):
    """From the old server to the new one. A Failure leaves all as it is at that moment: undo() takes it back."""
    plan, migration = record["plan"], None
    folder = journal.folder / record["id"]
    if plan["database"] and record["migrates"]:
        room.take_room(plan)
    try:
        if record["migrates"]:
            work = forward.work_folder(plan) if plan["database"] else None
            migration = Migration({**plan, "environment": environment}, plan["image"], work, folder / "migration.log")
        journal.enter(record, "stopped")
        with timed(record, "stop"):
            host.stop(plan["unit"])
        users.keep(journal, record)
        if migration and plan["database"]:
            migrate_copy(journal, record, migration, work)
        elif migration:
            record["counts"] = forward.look({**plan, "environment": environment}, plan["image"])["counts"]
            journal.enter(record, "migrated")
            with timed(record, "migrate"):
                migration.go()
            record["moved"] = forward.same_rows(record["counts"], forward.look({**plan, "environment": environment}, plan["image"])["counts"],
                                                plan.get("shared", False))
        journal.enter(record, "swapped")
        finish(journal, record)
    finally:
        if migration:
            migration.end()


def migrate_copy(journal, record, migration, work):
    plan = record["plan"]
    file, copied = plan["database"], str(work / "mlflow.db")
    with timed(record, "copy"):
        database.settle(file)
        record["counts"] = database.look(file)["counts"]
        database.copy(file, copied)
    with timed(record, "migrate"):
        migration.go()
    with timed(record, "check"):
        database.settle(copied)
        wrong = database.faults(copied, quick=True)
        if wrong:
            raise Failure(f"the migrated database is damaged: {wrong}")
        record["moved"] = forward.same_rows(record["counts"], database.look(copied)["counts"])
        database.sync(copied)
    kept = forward.keep_folder(plan) / record["id"]
    kept.mkdir(mode=0o700, exist_ok=True)
    record["backup"] = str(kept / f"mlflow.db-{record['from']['version'] or record['schema']}")
    journal.enter(record, "migrated")
    database.replace(file, copied, record["backup"])


def finish(journal, record):
    """Put the new service's files in place and start it; also after a run that was cut short."""
    plan = record["plan"]
    with timed(record, "start"):
        journal.put_files(record, "new")
        room.give_room(plan)
        host.start(plan["unit"])
    answer = host.version(plan["url"], plan["env_file"])
    if answer != plan["version"]:
        raise Failure(f"the new server says that it is {answer}, and not {plan['version']}")
    journal.enter(record, "serving")
