#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an upgrade has done so far, on disk before the next step begins.

    FOLDER/pending.json   the record of an upgrade that is neither confirmed nor undone
    FOLDER/plan.json      what the next run of the program is asked to do; holds secrets, gone once it is read
    FOLDER/result.json    what the last run of the program came to
    FOLDER/ID/            one upgrade: record.json once it is over, old/ and new/ with the files of the service, migration.log

The states of a record: planned, stopped, migrated, swapped, serving, done; undoing and undone. Until `swapped` the database in use is the old one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import time

from database import sync
from host import say

WINDOW = {"stopped": "stopped_at", "serving": "served_at"}


def write(file, content, mode=0o600):
    """Write a file as a whole or not at all; it is on disk on return."""
    part = pathlib.Path(f"{file}.part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    with os.fdopen(handle, "wb") as out:
        os.fchmod(handle, mode)
        out.write(content)
        out.flush()
        os.fsync(handle)
    os.rename(part, file)
    sync(part.parent)


class Journal:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    @contextlib.contextmanager
    def locked(self):
        """Two operators may run the playbook at the same time: one waits."""
        with open(self.folder / "lock", "w", encoding="ascii") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def read(self, name):
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def put(self, name, content):
        write(self.folder / name, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())

    def remove(self, name):
        with contextlib.suppress(FileNotFoundError):
            (self.folder / name).unlink()

    def pending(self):
        return self.read("pending.json")

    def enter(self, record, state):
        """The record is in a state from now on. The first and last moments of the time without service are kept with it."""
        record["state"] = state
        if state in WINDOW:
            record.setdefault(WINDOW[state], time.time())
        self.put("pending.json", record)
        say(f"{record['id']}: {state}")

    def close(self, record, state):
        record["state"] = state
        shutil.rmtree(self.folder / record["id"] / "new", ignore_errors=True)
        self.put(f"{record['id']}/record.json", record)
        self.remove("pending.json")
        say(f"{record['id']}: {state}")

    def closed(self, state):
        """Records that ended in a state, oldest first."""
        files = sorted(self.folder.glob("*/record.json"))
        records = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        return [record for record in records if record["state"] == state]

    def keep_files(self, record, files):
        """Keep what the service's files are, and what they shall be. Those that are to be restored only have no content."""
        record["files"] = []
        for side in ("old", "new"):
            (self.folder / record["id"] / side).mkdir(mode=0o700, parents=True, exist_ok=True)
        for number, file in enumerate(files):
            entry = {"dest": file["dest"], "old": None, "new": None}
            if os.path.exists(file["dest"]):
                entry["old"] = f"{os.stat(file['dest']).st_mode & 0o7777:o}"
                write(self.folder / record["id"] / "old" / str(number), pathlib.Path(file["dest"]).read_bytes())
            if "content" in file:
                entry["new"] = file.get("mode", "0644")
                write(self.folder / record["id"] / "new" / str(number), file["content"].encode())
            record["files"].append(entry)

    def put_files(self, record, side):
        """Put one side's files in their places; what did not exist on the old side is removed. Files that are right already are not touched."""
        for number, entry in enumerate(record["files"]):
            dest = pathlib.Path(entry["dest"])
            if entry[side] is None:
                if side == "old":
                    with contextlib.suppress(FileNotFoundError):
                        dest.unlink()
                continue
            content = (self.folder / record["id"] / side / str(number)).read_bytes()
            if not dest.exists() or hashlib.sha256(dest.read_bytes()).digest() != hashlib.sha256(content).digest():
                dest.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                write(dest, content, int(entry[side], 8))
