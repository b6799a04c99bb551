# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start the tracking server."""

from __future__ import annotations

import os


def run(options):
    os.execvp("mlflow", ["mlflow", "server", *options])
