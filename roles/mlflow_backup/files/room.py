#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether there is room for a backup, and whether its repository lies where it may. Standard library only."""

from __future__ import annotations

import contextlib
import os
import shutil

from settings import Refused

MARGIN_BYTES = 32 << 20


def need_room(folder, needed, what):
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    free = shutil.disk_usage(folder).free
    if free < needed + MARGIN_BYTES:
        raise Refused(f"No room for {what}: {folder} has {free >> 20} MiB left, {(needed + MARGIN_BYTES) >> 20} MiB needed. "
                      "Free some or enlarge it; the snapshots that are there stay as they are.")


def make_room(repository, needed):
    """What was forgotten takes room until the next check frees it: where that is wanted now, it is freed now."""
    try:
        need_room(repository.local, needed, "the snapshot")
    except Refused:
        with contextlib.suppress(Refused):
            repository.prune("--max-repack-size", "0")
        need_room(repository.local, needed, "the snapshot")


def refuse_inside(repository, deployed):
    """A repository below a folder that is backed up would hold itself."""
    local = os.path.realpath(repository.local) if repository.local else ""
    if local and (local + "/").startswith(os.path.realpath(deployed.root) + "/"):
        raise Refused(f"{repository.local} lies in {deployed.root}, which is what is backed up. Name another place in mlflow_backup_repository.")
