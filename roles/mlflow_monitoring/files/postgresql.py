#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A backend store in PostgreSQL, asked by psql. The password comes from the server's own environment file and reaches psql in its environment alone."""

from __future__ import annotations

import os
import subprocess
import urllib.parse

# What may stand behind the ? of the URI, and where libpq reads it from.
OPTIONS = {"host": "PGHOST", "port": "PGPORT", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
           "options": "PGOPTIONS", "channel_binding": "PGCHANNELBINDING"}


def uri(folder):
    """The backend store of the server whose configuration lies there. What its container has as /run/mlflow is in the folder `entry`."""
    with open(os.path.join(folder, "mlflow.env"), encoding="utf-8") as lines:
        told = dict(line.rstrip("\n").split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return told["MLFLOW_BACKEND_STORE_URI"].replace("=/run/mlflow/", f"={folder}/entry/")


def environment(store, seconds):
    """Variables of libpq for a URI. The session reads alone, for so long at most."""
    parts = urllib.parse.urlsplit(store)
    named = {"PGHOST": parts.hostname, "PGPORT": parts.port, "PGUSER": parts.username, "PGPASSWORD": parts.password, "PGDATABASE": parts.path[1:]}
    given = {name: urllib.parse.unquote(str(value)) for name, value in named.items() if value}
    given.update({OPTIONS[name]: value for name, value in urllib.parse.parse_qsl(parts.query) if name in OPTIONS})
    limits = f"-c statement_timeout={seconds * 1000} -c default_transaction_read_only=on"
    given["PGOPTIONS"] = f"{given.get('PGOPTIONS', '')} {limits}".strip()
    return {"PGCONNECT_TIMEOUT": str(seconds), "PGAPPNAME": "mlflow-monitoring", **given}


def rows(store, statement, seconds, tools=""):
    """Rows of a statement as text, each a list of columns. Raises RuntimeError with the last words of psql, which hold no password."""
    about = environment(store, seconds)
    command = [os.path.join(tools, "psql"), "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", statement]
    done = subprocess.run(command, env={**os.environ, **about}, capture_output=True, text=True, check=False, timeout=2 * seconds)
    if done.returncode:
        said = " ".join(done.stderr.split())[-300:]
        raise RuntimeError(said.replace(about["PGPASSWORD"], "***") if about.get("PGPASSWORD") else said)
    return [line.split("\t") for line in done.stdout.splitlines()]
