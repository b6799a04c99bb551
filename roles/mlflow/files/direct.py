#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether clients are told that they may go to the object store themselves: launch.py calls `heed`.

From 3.17 on, a server with an object store says so to every client that asks what it can do (/server-info), and upstream has no switch: clients then fetch
artifacts by presigned URLs, from a store that they may neither reach nor trust. Here they are told so only where the operator says that they can.
"""

from __future__ import annotations

import os
import sys

MODULES = ("mlflow.server.handlers", "mlflow.server.server_info_api")
NAME = "build_server_info_payload"


def through(build):
    """What build() tells, without the ways past the server."""

    def told():
        return {name: False if name.startswith("multipart_") else value for name, value in build().items()}

    return told


def heed():
    if os.environ.pop("MLOPS_ARTIFACTS_DIRECT", "false") == "true":
        return
    for module in [sys.modules[name] for name in MODULES if hasattr(sys.modules.get(name), NAME)]:
        setattr(module, NAME, through(getattr(module, NAME)))
