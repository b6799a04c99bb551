#!/usr/bin/env python
"""Requests a second with 1 and 16 clients, and the real client's loop, against the stock server on the same host."""

import os
import pathlib
import statistics
import subprocess
import sys

from api import call, healthy, new_run
from hosts import SMOKE, both
from report import record
from wrk import wrk

ROUNDS, SECONDS = (1, 1) if SMOKE else (5, 3)
LOOP = str(pathlib.Path(__file__).with_name("client_loop.py"))
TESTS = {"log-metric": "runs/log-metric", "log-batch": "runs/log-batch", "experiments/get": "experiments/get", "runs/search": "runs/search"}
TARGETS = {("log-metric", 1): ">= 5", ("log-metric", 16): ">= 2"}
GUNICORN_TARGETS = {("log-metric", 16): ">= 3"}

host = both()
if not host.has("systemctl is-active --quiet mlflow-gunicorn"):
    host.site("throughput-gunicorn", "-e", "mlflow_service_name=mlflow-gunicorn mlflow_root=/mlflow-gunicorn mlflow_port=5003 mlflow_server_engine=gunicorn")
servers = {"ours": host.url(5001), "stock": host.url(5002), "gunicorn": host.url(5003)}
runs = {}
for name, url in servers.items():
    healthy(url)
    runs[name] = new_run(url)
    for number in range(50):
        call(url, "runs/log-metric", {"run_id": new_run(url), "key": "loss", "value": number, "timestamp": number, "step": 0})

errors = []


def load(name, test, clients):
    speed, _p99, faults = wrk(servers[name], test, runs[name], clients, SECONDS)
    errors.extend(f"{name} {test} {clients}: {fault}" for fault in faults)
    return speed


def client(name):
    words = [sys.executable, LOOP, servers[name], runs[name], str(SECONDS * 2)]
    quiet = {**os.environ, "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
    return float(subprocess.run(words, env=quiet, text=True, stdout=subprocess.PIPE, check=True).stdout)


measured = {}
# In turns, so that whatever else the machine does falls on all of them.
for _ in range(ROUNDS):
    for test in TESTS:
        for clients in (1, 16):
            for name in servers:
                measured.setdefault((test, clients), {}).setdefault(name, []).append(load(name, test, clients))
    for name in servers:
        measured.setdefault(("mlflow.log_metric", 1), {}).setdefault(name, []).append(client(name))

rows = []
for engine, targets in (("ours", {**TARGETS, ("mlflow.log_metric", 1): ">= 4"}), ("gunicorn", GUNICORN_TARGETS)):
    for (test, clients), results in measured.items():
        mine, stock = statistics.median(results[engine]), statistics.median(results["stock"])
        what = f"{test}, {clients} client{'s' if clients > 1 else ''}{', gunicorn' if engine == 'gunicorn' else ''}"
        rows.append((what, f"{mine:.0f}/s", f"{stock:.0f}/s", mine / stock if stock else float("inf"), targets.get((test, clients), "")))
own = [error for error in errors if not error.startswith("stock")]
record(
    "throughput",
    rows,
    [
        f"SQLite, four workers each, median of {ROUNDS} rounds in turns.",
        f"Errors of ours: {'; '.join(own) or 'none'}; of the stock server: {len(errors) - len(own)}.",
    ],
)
sys.exit(1 if own else 0)
