#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be asked of the program, see __main__.py. Each returns what it came to, as the dictionary that is printed."""

from __future__ import annotations

import os
import pathlib
import sqlite3
import time

import backward
import forward
import host
import keep
import steps
from host import Failure
from journal import Journal

PROGRAM = pathlib.Path(__file__).resolve().parent
JOURNAL = Journal(PROGRAM.parent)


def environment(plan):
    """What the server will be told through its standard input. It holds the URI of a database server, and its password."""
    text = next(file["content"] for file in plan["files"] if file["dest"] == plan["env_file"])
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def upgrade(plan):
    plan["environment"] = environment(plan)
    try:
        record = backward.resume(JOURNAL)
    except (Failure, OSError, sqlite3.Error) as reason:
        return {"outcome": "broken", "message": f"An upgrade that was cut short can be neither finished nor undone: {reason}\nIts record is {JOURNAL.folder}."}
    if record and record["to"]["image"] == plan["image"]:
        return {"outcome": "upgraded", **keep.summary(record)}
    if record:
        keep.commit(JOURNAL, record)
    now = steps.deployed(plan)["image"]
    if not plan["database"] and now == plan["image"]:
        return {"outcome": "nothing"}
    seen = forward.examine(plan, plan["image"])
    if not seen["store"]["schema"] or (not seen["migrates"] and now in ("", plan["image"])):
        return {"outcome": "nothing"}
    record = steps.begin(JOURNAL, plan, seen)
    try:
        steps.advance(JOURNAL, record, plan["environment"])
    except (Failure, OSError, ValueError, sqlite3.Error) as reason:
        return back(record, str(reason))
    return {"outcome": "upgraded", **keep.summary(record)}


def back(record, reason):
    """Undo what failed, and tell of it."""
    plan, where = record["plan"], f"Its record is {JOURNAL.folder}/{record['id']}; journalctl -u {record['plan']['service']}-upgrade has each step."
    try:
        since = backward.lost(record) if record["state"] == "serving" else {}
        backward.undo(JOURNAL, record)
    except (Failure, OSError, sqlite3.Error) as worse:
        return {"outcome": "broken", "message": (
            f"The upgrade to {plan['image']} failed: {reason}\nGoing back failed too: {worse}\nThe database of before is"
            f" {record['backup'] or plan['database']}. Run site.yml again once the cause is gone: it goes on from here. {where}")}
    serves = f"{record['from']['version'] or 'The old server'} serves again" if record["active"] else "No server ran before and none runs now"
    if plan["database"]:
        kept = f" The database is as it was before.{' What the new server had made of it is ' + record['replaced'] + '.' if record['replaced'] else ''}"
        kept += f" Rows that clients wrote to the new server, which are only there: {since}." if since else ""
    else:
        kept = " The schema of the database server may be half migrated: compare, and restore your backup of it if the old server does not serve."
    return {"outcome": "failed", "message": f"The upgrade to {plan['image']} failed: {reason}\n{serves}.{kept} {where}"}


def undo(plan):
    """The role found fault with a server that this program had accepted."""
    record = JOURNAL.pending()
    return {**back(record, plan["reason"]), "upgrade": record["id"]} if record else {"outcome": "nothing"}


def last_done():
    """The upgrade that a way back would undo; a Failure where there is none."""
    done = JOURNAL.closed("done")
    if not done or not done[-1]["from"]["image"]:
        raise Failure("There is no earlier deployment to go back to: no upgrade of this server is recorded.")
    record = done[-1]
    now = steps.deployed({**record["plan"], "running_image": ""})["image"]
    if now != record["to"]["image"]:
        raise Failure(f"The server runs {now}, and the last upgrade was to {record['to']['image']}. Going back from there is not known to be safe.")
    if record["migrates"] and not os.path.exists(record["backup"]):
        raise Failure(f"The database of {record['from']['version']} is not there any more: {record['backup'] or 'it is a database server'}.")
    if not host.image_there(record["from"]["image"]):
        raise Failure(f"The image {record['from']['image']} is not on the host any more. Bring it back ('docker pull', 'docker load') and try again.")
    return record


def loss():
    record = last_done()
    return {"outcome": "nothing", **keep.summary(record), "lost": backward.lost(record)}


def rollback(_plan):
    backward.resume(JOURNAL)
    record = last_done()
    lost = backward.lost(record)
    record.update(active=True, ends_as="rolled back")
    begin = time.monotonic()
    backward.undo(JOURNAL, record, "rolled back")
    told = {**keep.summary(record), "window_seconds": round(time.monotonic() - begin, 1), "lost": lost, "replaced": record["replaced"], "rolled_back": True}
    keep.write_fact(record["plan"], told)
    return {"outcome": "undone", **told}


def commit():
    record = JOURNAL.pending()
    return {"outcome": "committed", **keep.commit(JOURNAL, record)} if record and record["state"] == "serving" else {"outcome": "nothing"}
