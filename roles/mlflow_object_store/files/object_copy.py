#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the bucket of this host a copy of another store's, round after round. Standard library, and the collection's own s3.py beside it.

    object_copy.py CONFIG KEYS STATE STATUS

CONFIG: {"source": store, "target": store, "bucket", "keep_seconds", "pause_seconds"} as JSON, a store being what s3.Store wants; numbers may be texts, as
ansible-core 2.18 writes them. KEYS: access key and secret key, for both. STATE: what is remembered over a restart. STATUS: how the last round ended.

It compares what both stores list, so that whatever was missed, by a restart of either side or a lost disk, is made up for by the next round. What the source
has not any more is removed from the copy when it has been missing there for keep_seconds; and nothing is, while the source lists nothing at all.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from xml.etree import ElementTree

from s3 import Store, StoreError

SPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
PLAIN = 34


def listed(store, bucket):
    """Objects of a bucket: {key: (size, etag)}."""
    found, token = {}, {}
    while True:
        page = ElementTree.fromstring(store.do(f"listing bucket {bucket}", "GET", bucket, query={"list-type": "2", "max-keys": "1000", **token}))
        for entry in page.iter(SPACE + "Contents"):
            found[entry.findtext(SPACE + "Key")] = (int(entry.findtext(SPACE + "Size")), entry.findtext(SPACE + "ETag"))
        after = page.findtext(SPACE + "NextContinuationToken")
        if not after:
            return found
        token = {"continuation-token": after}


def differs(here, there, copied):
    """Whether an object of the source has to be copied. The tag of one that came in parts is no digest: then the one that was copied is remembered."""
    if not there or here[0] != there[0]:
        return True
    return here[1] != (there[1] if len(here[1]) == PLAIN == len(there[1]) else copied)


class Copier:
    def __init__(self, config, keys, state_file):
        self.bucket, self.keep, self.state_file = config["bucket"], int(config["keep_seconds"]), state_file
        self.source, self.target = (Store({"timeout": 60, "fingerprint": "", **config[name]}, *keys) for name in ("source", "target"))
        try:
            with open(state_file, encoding="utf-8") as handle:
                self.state = json.load(handle)
        except (OSError, ValueError):
            self.state = {"copied": {}, "missing": {}}

    def remember(self):
        write(self.state_file, self.state)

    def copy(self, key):
        with self.source.answer("GET", self.bucket, key) as got:
            if got.status == 404:
                return
            if got.status != 200:
                raise StoreError(f"reading {key}", got.status, got.read())
            headers = {"content-length": got.headers["Content-Length"], "content-type": got.headers["Content-Type"] or "binary/octet-stream"}
            with self.target.answer("PUT", self.bucket, key, headers=headers, stream=got) as put:
                if put.status != 200:
                    raise StoreError(f"writing {key}", put.status, put.read())
        self.state["copied"][key] = got.headers["ETag"]

    def round(self, tell):
        """Make the target what the source is. Returns how many objects were copied and removed, how many there are, and why some could not be copied."""
        # The target first: what is removed meanwhile is found missing once more, and not copied.
        there, here = listed(self.target, self.bucket), listed(self.source, self.bucket)
        wanted = [key for key, about in here.items() if differs(about, there.get(key), self.state["copied"].get(key))]
        tell(len(here))
        failed = []
        for number, key in enumerate(wanted, 1):
            try:
                self.copy(key)
            except StoreError as error:
                failed.append(str(error))
            if number % 100 == 0:
                self.remember()
        now, gone = time.time(), set(there) - set(here)
        self.state["missing"] = {key: self.state["missing"].get(key, now) for key in gone}
        removed = [key for key, since in self.state["missing"].items() if here and now - since >= self.keep]
        for key in removed:
            self.target.do(f"removing {key}", "DELETE", self.bucket, key)
        self.state["copied"] = {key: tag for key, tag in self.state["copied"].items() if key in here}
        self.remember()
        return len(wanted) - len(failed), len(removed), len(here), f"{len(failed)} not copied; the first: {failed[0]}" if failed else ""


def write(path, content):
    with open(path + ".new", "w", encoding="utf-8") as handle:
        json.dump(content, handle)
    os.replace(path + ".new", path)


def main(config_file, keys_file, state_file, status_file):
    with open(config_file, encoding="utf-8") as config, open(keys_file, encoding="ascii") as keys:
        config, keys = json.load(config), keys.read().split()[:2]
    copier, told = Copier(config, keys, state_file), None
    while True:
        began, problem, done = time.time(), "", [0, 0, 0]
        try:
            *done, problem = copier.round(lambda count, at=began: write(status_file, {"began": at, "objects": count, "problem": ""}))
        except (OSError, ValueError, ElementTree.ParseError, http.client.HTTPException, StoreError) as error:
            problem = f"{type(error).__name__}: {error}"
        write(status_file, {"began": began, "copied": done[0], "removed": done[1], "objects": done[2], "problem": problem})
        if problem != told or any(done[:2]):
            print(problem or f"{done[0]} copied, {done[1]} removed, {done[2]} in all", flush=True)
            told = problem
        # A store with very many objects is not listed all the time.
        time.sleep(max(int(config["pause_seconds"]), 5 * (time.time() - began) if not any(done[:2]) else 0))


if __name__ == "__main__":
    os.umask(0o077)
    main(*sys.argv[1:5])
