#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Entry point of the tracking server's container. Standard library only; runs in any image that holds MLflow.

    server.py serve OPTION...    read the environment from standard input, prepare, become `mlflow server OPTION...`
    server.py gc OPTION...       read the environment from standard input, run `mlflow gc OPTION...` on the server's own backend store
    server.py ready URL SECONDS  return 0 once URL answers 200; 1 when SECONDS are over
    server.py analyze FILE       refresh the statistics that SQLite's query planner works with

The environment comes through standard input, as lines NAME=VALUE, because it holds secrets: what is handed to
`docker run` as arguments or variables can be read in process lists and in `docker inspect`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sqlite3
import sys
import time
import urllib.error
import urllib.request

import auth
import launch

BUSY_SECONDS = 60


def read_environment():
    """Take NAME=VALUE lines from standard input into the environment; blank lines and comments are passed over."""
    for line in sys.stdin.read().splitlines():
        name, separator, value = line.partition("=")
        if separator and not name.startswith("#"):
            os.environ[name] = value
    # The server must not hold on to the pipe of the client that started it.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def set_wal(file, wal):
    """Set the journal mode of a SQLite file, which stays in the file. Creates an empty database where there is none."""
    connection = sqlite3.connect(file, timeout=BUSY_SECONDS)
    try:
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        if (mode == "wal") != wal:
            connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
    finally:
        connection.close()


def empty(folder):
    """Remove what a killed server left in a folder of its own. The folder stays."""
    if folder and os.path.isdir(folder):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)


def release(package):
    """Version of an installed package as a tuple of its first two numbers."""
    return tuple(int(part) for part in importlib.metadata.version(package).split(".")[:2])


def allow_addresses(addresses, ports):
    """Let clients and browsers use the host's own addresses, alone and with each port."""
    hosts = [f"[{address}]" if ":" in address else address for address in addresses]
    hosts += [f"{host}:{port}" for host in hosts for port in ports]
    for name, more in (("MLFLOW_SERVER_ALLOWED_HOSTS", hosts), ("MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", [f"http://{host}" for host in hosts])):
        os.environ[name] = ",".join([os.environ[name], *more])


def serve(options):
    read_environment()
    allow_addresses(os.environ.pop("MLOPS_ADDRESSES", "").split(), os.environ.pop("MLOPS_PORTS").split())
    empty(os.environ.get("TMPDIR"))
    # Files of workers that are gone would be counted for ever.
    metrics = os.environ.get("MLFLOW_EXPOSE_PROMETHEUS")
    empty(metrics)
    if metrics:
        os.makedirs(metrics, exist_ok=True)
    wal = os.environ.pop("MLOPS_SQLITE_WAL", "") == "true"
    for database in filter(None, (os.environ.pop("MLOPS_SQLITE_FILE", ""), auth.prepare())):
        set_wal(database, wal)
    # With more than one worker, asyncio's own loop stalls each request of a kept connection by 44 ms (Kludex/uvicorn#3149).
    if "--gunicorn-opts" not in options:
        loop = "uvloop" if importlib.util.find_spec("uvloop") else "auto"
        grace = os.environ.pop("MLOPS_STOP_TIMEOUT", "10")
        # uvicorn kills a worker that gives no sign for 5 s, which on a busy machine is a worker that still imports: for ever.
        patience = "--timeout-worker-healthcheck 60" if release("uvicorn") >= (0, 37) else ""
        options += ["--uvicorn-opts", f"--loop {loop} --no-access-log --timeout-graceful-shutdown {grace} {patience}"]
    launch.become(options)


def collect(options):
    read_environment()
    auth.log_in()
    from mlflow.cli import cli

    # In this very process: the URI may hold a password, and arguments of a process can be read by everybody.
    cli.main(args=["gc", "--backend-store-uri", os.environ["MLFLOW_BACKEND_STORE_URI"], *options])


def ready(address, seconds):
    deadline = time.monotonic() + float(seconds)
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return 0
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    print(f"{address} did not answer within {seconds} s", file=sys.stderr)
    return 1


def analyze(file):
    connection = sqlite3.connect(f"file:{file}?mode=rw", uri=True, timeout=BUSY_SECONDS)
    started = time.monotonic()
    connection.execute("ANALYZE")
    connection.close()
    print(f"ANALYZE of {file} took {time.monotonic() - started:.2f} s", flush=True)
    return 0


if __name__ == "__main__":
    verbs = {"serve": serve, "gc": collect, "ready": lambda words: ready(*words), "analyze": lambda words: analyze(*words)}
    if len(sys.argv) < 2 or sys.argv[1] not in verbs:
        sys.exit(__doc__)
    sys.exit(verbs[sys.argv[1]](sys.argv[2:]))
