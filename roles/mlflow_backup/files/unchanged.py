#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether anything has changed since the last snapshot: if not, that one is the backup, as with --skip-if-unchanged of restic 0.17.

A file counts as unchanged while its inode, size, mode, owner and times are what they were, which is how restic finds unchanged files.
Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time

import database

# Times of files are coarse: what was written so shortly before it was looked at may be written once more within the same time.
RACY_NS = 2_000_000_000


class Seen:
    """Adds up what was seen, in whatever order. proof is a hexadecimal digest, empty where the sight proves nothing."""

    def __init__(self):
        self.begin, self.total, self.newest = time.time_ns(), 0, 0

    def add(self, path, about, changed=None):
        """about: os.stat_result; changed: when it was changed, in nanoseconds, if not as about says."""
        changed = changed or about.st_ctime_ns
        line = repr((path, about.st_ino, about.st_size, about.st_mode, about.st_uid, about.st_gid, about.st_mtime_ns, changed))
        digest = hashlib.blake2b(line.encode("utf-8", "surrogateescape"), digest_size=16).digest()
        self.total = (self.total + int.from_bytes(digest, "big")) % (1 << 128)
        self.newest = max(self.newest, changed)

    @property
    def proof(self):
        return f"{self.total:032x}" if self.newest < self.begin - RACY_NS else ""


def files(folder, seen=None):
    """Yield (path, size in bytes, time in nanoseconds) of each regular file below a folder; what vanishes meanwhile is passed over.

    seen (unchanged.Seen) is shown whatever is there.
    """
    pending = [folder]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except FileNotFoundError:
            continue
        for entry in entries:
            try:
                about = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if seen:
                seen.add(entry.path, about)
            if stat.S_ISDIR(about.st_mode):
                pending.append(entry.path)
            elif stat.S_ISREG(about.st_mode):
                yield entry.path, about.st_size, about.st_mtime_ns


def stores(settings, deployed, databases):
    """Proof of the SQLite databases and of the settings; empty with a database server, which has no file to look at."""
    if not deployed.database:
        return ""
    seen = Seen()
    written = [settings.fact, deployed.unit_file, deployed.environment_file, settings.environment_file, settings.password_file,
               settings.ssh_key_file, settings.known_hosts_file, os.path.join(settings.folder, "backup.json")]
    for file in written:
        if os.path.lexists(file):
            seen.add(file, os.stat(file))
    # A write is in the log or in the database. Readers touch the shared memory beside it; and each connection of root gives the log
    # to its owner anew, which is a change of the file but not of what is in it.
    for file in (file for base in databases for file in database.companions(base) if not file.endswith("-shm")):
        about = os.stat(file)
        seen.add(file, about, about.st_mtime_ns)
    return seen.proof


def stands(known, stores_now, deployed):
    """Whether the snapshot that `known` tells of (status of the last backup) holds what is there now."""
    if not stores_now or stores_now != known.get("stores"):
        return False
    seen = Seen()
    for folder in deployed.folders():
        for _file in files(folder, seen):
            pass
    return seen.proof == known["trees"] != ""
