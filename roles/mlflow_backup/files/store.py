#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The backend store: a SQLite file that is copied, or a database of PostgreSQL that is dumped. Standard library only."""

from __future__ import annotations

import postgresql
from settings import Refused

# A snapshot with a dump is of the second kind, which older versions of this role cannot restore.
FORMAT, FORMAT_DUMP = 1, 2


def refuse(deployed):
    if deployed.store_kind not in ("sqlite", "postgresql"):
        raise Refused(f"The backend store is a database of {deployed.store_kind}, and this role backs up SQLite and PostgreSQL. Back it up with the tools of "
                      "its own server and set mlflow_backup_enabled to false, or move to PostgreSQL. Nothing was backed up.")


def server(settings, deployed):
    return postgresql.Server(deployed.uri(), settings.postgresql_tools)


def entry_of(manifest):
    """What the manifest says about the backend store: the dump, or the first of the files."""
    return manifest.get("dump") or manifest["databases"][0]
