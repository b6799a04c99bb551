#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Room that is kept on the disk of the tree while an upgrade is under way. See posix_fallocate(3)."""

from __future__ import annotations

import os

import forward
from host import Failure

# What a server needs to start: a disk that becomes full on the way takes it from nobody.
TICKET_BYTES = 32_000_000


def ticket_of(plan):
    return forward.folder_of(plan) / "ticket"


def take_room(plan):
    """Keep room for the start of a server, the new one or the old one. A Failure where there is none."""
    with open(forward.keep_folder(plan) / ticket_of(plan).name, "wb") as handle:
        try:
            os.posix_fallocate(handle.fileno(), 0, TICKET_BYTES)
        except OSError as reason:
            raise Failure(f"mlflow_root is '{plan['root']}', which has become full: {reason.strerror}. Free some room.") from None


def give_room(plan):
    if plan["database"]:
        ticket_of(plan).unlink(missing_ok=True)
