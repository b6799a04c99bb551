#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read a file of archived runs: prove it, list it, put its artifacts back. archive_file.py says how it looks."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tarfile
import zlib

from archive_file import FORMAT, MANIFEST, Hashed, Trouble


def members(path):
    """Yield (name, file) of every member, in order."""
    with gzip.open(path) as unpacked:
        with tarfile.open(fileobj=unpacked, mode="r|") as tar:
            for entry in tar:
                if not entry.isreg() or entry.name.startswith("/") or ".." in entry.name.split("/"):
                    raise Trouble(f"{path} holds {entry.name}, which no archive of runs does")
                yield entry.name, tar.extractfile(entry)
        # The checksum of gzip stands at the very end.
        while unpacked.read(2**20):
            pass


def verify(path):
    """Read a whole archive and compare every checksum. Returns its manifest."""
    found, manifest = {}, None
    try:
        for name, file in members(path):
            if name == MANIFEST:
                manifest = json.loads(file.read())
                continue
            hashed = Hashed(file)
            while hashed.read(2**20):
                pass
            found[name] = (hashed.bytes, hashed.sum.hexdigest())
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise Trouble(f"{path} is damaged: {error}") from None
    if not manifest or manifest.get("format") != FORMAT:
        raise Trouble(f"{path} has no manifest of format {FORMAT}: it is not whole, or was not written by this collection, or by a newer one")
    differing = sorted(set(found) ^ set(manifest["members"])) + [
        name for name, (size, _time, checksum) in manifest["members"].items() if name in found and found[name] != (size, checksum)]
    if differing:
        raise Trouble(f"{path} is damaged: {len(differing)} of its members differ from its manifest, the first {differing[0]}")
    return manifest


def artifacts(manifest):
    """Files of an archive by run or logged model: {id: {path: [bytes, mtime_ns, checksum]}}."""
    found = {}
    for name, told in manifest["members"].items():
        kind, key = name.split("/")[:2]
        if kind == "artifacts":
            found.setdefault(key, {})[name.split("/", 2)[2]] = told
    return found


def checksum(path):
    """SHA-256 of a file, empty where there is none."""
    try:
        with open(path, "rb") as file:
            hashed = Hashed(file)
            while hashed.read(2**20):
                pass
            return hashed.sum.hexdigest()
    except FileNotFoundError:
        return ""


def unpack(file, path, told):
    """Write a member of an archive and read it again. What an interrupted run left in part is written anew."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as target:
        shutil.copyfileobj(file, target, 2**20)
        target.flush()
        os.fsync(target.fileno())
    os.utime(path, ns=(told[1], told[1]))
    if checksum(path) != told[2]:
        raise Trouble(f"{path} came out differently")
