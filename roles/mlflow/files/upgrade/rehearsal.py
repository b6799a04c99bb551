#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Migrate a copy of the live database with another image, and tell how it went. The server goes on; nothing is left behind."""

from __future__ import annotations

import shutil
import time

import database
import forward
import host
import steps
from host import Failure

# Between asking a server to stop and it being gone, without requests that go on.
STOP_SECONDS = 1.5


def start_seconds(unit):
    """How long the unit's last start took."""
    words = host.systemctl("show", "--property=InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic", unit).split()
    times = {name: int(value) for name, _equals, value in (word.partition("=") for word in words)}
    return max(0.0, (times["ActiveEnterTimestampMonotonic"] - times["InactiveExitTimestampMonotonic"]) / 1e6)


def rehearse(plan):
    if not plan["database"]:
        raise Failure("mlflow_backend_store_uri is a database server. Rehearse on a copy of it, with another mlflow_service_name, mlflow_root and mlflow_port.")
    seen = forward.examine(plan, plan["image"])
    room = forward.needed(plan)
    told = {
        "image": plan["image"], "version": plan["version"], "previous_version": steps.deployed(plan)["version"], "database_bytes": room["size"],
        "bytes_needed": room["needed"], "bytes_free": room["free"], "migrates": seen["migrates"], "schema": seen["store"]["schema"],
    }
    seconds = {"start": start_seconds(plan["unit"]), "stop": STOP_SECONDS}
    if seen["migrates"]:
        seconds.update(on_a_copy(plan, told))
    told["seconds"] = {step: round(value, 2) for step, value in seconds.items()}
    told["expected_window_seconds"] = round(sum(seconds.values()), 1)
    return told


def on_a_copy(plan, told):
    seconds, migration = {}, None
    work = forward.work_folder(plan, "rehearsal")
    try:
        copied = str(work / "mlflow.db")
        begin = time.monotonic()
        database.copy_live(plan["database"], copied)
        database.settle(copied)
        seconds["copy"] = time.monotonic() - begin
        wrong = database.faults(copied)
        if wrong:
            raise Failure(f"{plan['database']} is damaged: {wrong}")
        told["rows_before"] = database.look(copied)["counts"]
        # Beside the real one's: both may be needed at once.
        migration = forward.Migration({**plan, "service": f"{plan['service']}-rehearsal"}, plan["image"], work, work.parent / "rehearsal.log")
        seconds["migrate"] = migration.go()
        begin = time.monotonic()
        database.settle(copied)
        wrong = database.faults(copied, quick=True)
        if wrong:
            raise Failure(f"the migrated copy is damaged: {wrong}")
        after = database.look(copied)
        seconds["check"] = time.monotonic() - begin
        told.update(rows_after=after["counts"], schema_after=after["schema"], bytes_after=database.size(copied))
        told["moved"] = forward.same_rows(told["rows_before"], after["counts"])
    finally:
        if migration:
            migration.end()
        shutil.rmtree(work, ignore_errors=True)
        (work.parent / "rehearsal.log").unlink(missing_ok=True)
    return seconds
