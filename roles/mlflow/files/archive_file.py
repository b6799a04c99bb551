#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file that holds archived runs: a compressed tar that proves itself. Written here; archive_read.py reads it.

    artifacts/ID/PATH    the artifacts of a run or logged model, those of a family before its rows
    rows/RUN.jsonl       the rows of a family, named after its first run: a line {"table", "columns"}, then a line for each row
    manifest.json        the last member: the format, the schema, and length and SHA-256 of every other member
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
import tempfile

FORMAT = 1
MANIFEST = "manifest.json"
LEVEL = 6
# Rows of a family are held in memory up to this size, then in the folder of the archives.
SPOOL = 16 * 2**20


class Trouble(Exception):
    """What stands in the way, in words for the operator."""


class Hashed:
    """A file that is read once, and the checksum of what was read."""

    def __init__(self, file):
        self.file, self.sum, self.bytes = file, hashlib.sha256(), 0

    def read(self, size=-1):
        data = self.file.read(size)
        self.sum.update(data)
        self.bytes += len(data)
        return data


def files(place):
    """Yield (path below the place, path) of every file, in order. What is no plain file has no place in an archive."""
    for parent, folders, names in os.walk(place):
        folders.sort()
        for name in sorted(names) + [name for name in folders if os.path.islink(os.path.join(parent, name))]:
            path = os.path.join(parent, name)
            if not stat.S_ISREG(os.lstat(path).st_mode):
                raise Trouble(f"{path} is no plain file")
            yield os.path.relpath(path, place), path


def state(path):
    """What changes when somebody writes to a file."""
    about = os.lstat(path)
    return [about.st_size, about.st_mtime_ns]


class Writer:
    """Writes an archive under a temporary name. Nothing of it counts before `finish`."""

    def __init__(self, path):
        self.path, self.members = path, {}
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        self.raw = os.fdopen(descriptor, "wb")
        # No name and no time in the gzip header: they would only say when it was written.
        self.packed = gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=self.raw, mtime=0)
        self.tar = tarfile.open(fileobj=self.packed, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - finish and abandon close it

    def add(self, name, file, size, mtime_ns=0):
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = size, mtime_ns // 10**9, 0o640
        hashed = Hashed(file)
        self.tar.addfile(entry, hashed)
        self.members[name] = [size, mtime_ns, hashed.sum.hexdigest()]

    def add_artifact(self, name, path):
        with open(path, "rb") as file:
            size, mtime_ns = state(path)
            self.add(name, file, size, mtime_ns)

    def add_rows(self, name, lines):
        with tempfile.SpooledTemporaryFile(SPOOL, dir=os.path.dirname(self.path)) as file:
            for line in lines:
                file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            size = file.tell()
            file.seek(0)
            self.add(name, file, size)

    def finish(self, manifest):
        """Write the manifest and let all of it reach the disk."""
        data = json.dumps({"format": FORMAT, **manifest, "members": self.members}).encode()
        self.add(MANIFEST, io.BytesIO(data), len(data))
        self.tar.close()
        self.packed.close()
        self.raw.flush()
        os.fsync(self.raw.fileno())
        self.raw.close()

    def close(self):
        for part in (self.tar, self.packed, self.raw):
            with contextlib.suppress(OSError, ValueError):
                part.close()

    def abandon(self):
        self.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
