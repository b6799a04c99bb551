#!/usr/bin/env python
"""The same sixteen clients on SQLite (stock and ours) and on PostgreSQL with one and with two servers: requests a second, p99, artifacts."""

import concurrent.futures
import http.client
import os
import statistics
import time

from api import healthy, new_run
from hosts import LOGS, SMOKE, Host, both, site
from report import record
from wrk import wrk

ROUNDS, SECONDS, MEGABYTES = (1, 1, 4) if SMOKE else (5, 4, 64)
CLIENTS = 16
TESTS = ("log-metric", "log-batch", "runs/search")
PIECE = os.urandom(1 << 20)

INVENTORY = """\
mlflow_databases:
  hosts:
    mlflow-bench-database:
mlflow_servers:
  hosts:
    mlflow-bench-first:
    mlflow-bench-second:
  vars:
    mlflow_artifacts_destination: /mlflow/artifacts
all:
  vars:
    ansible_connection: community.docker.docker
    mlflow_database_password: benchmark-of-shapes
    mlflow_crypto_kek_passphrase: benchmark-of-shapes
"""

single = both()
host = {name: Host(name) for name in ("database", "first", "second")}
inventory = LOGS / "shapes.yml"
inventory.write_text(INVENTORY)
site(str(inventory))
first, second = host["first"].url(5001), host["second"].url(5001)
# Each shape is where its clients are: half of them on each of two servers.
shapes = {"stock": [single.url(5002)], "ours": [single.url(5001)], "one": [first], "two": [first, second]}
runs = {}
for address in {address for addresses in shapes.values() for address in addresses}:
    healthy(address)
    runs[address] = new_run(address)
errors = []


def load(address, test, clients):
    """Requests a second, and the p99 in milliseconds."""
    per_second, p99, faults = wrk(address, test, runs[address], clients, SECONDS)
    errors.extend(f"{test}: {fault}" for fault in faults)
    return per_second, p99


def transfer(address, name):
    """Put an artifact and get it again; megabytes a second."""
    begin = time.monotonic()
    path = f"/api/2.0/mlflow-artifacts/artifacts/shapes/{name}"
    for method, body in (("PUT", PIECE * MEGABYTES), ("GET", None)):
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=120)
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        while answer.read(1 << 20):
            pass
        if answer.status != 200:
            raise SystemExit(f"{method} of an artifact answers {answer.status}")
    return 2 * MEGABYTES / (time.monotonic() - begin)


def at_once(work, addresses, *words):
    with concurrent.futures.ThreadPoolExecutor(len(addresses)) as pool:
        return list(pool.map(lambda address: work(address, *words), addresses))


speed, wait = {}, {}
# In turns, so that whatever else the machine does falls on all of them.
for number in range(ROUNDS):
    for test in TESTS:
        for shape, addresses in shapes.items():
            measured = at_once(load, addresses, test, CLIENTS // len(addresses))
            speed.setdefault((test, shape), []).append(sum(each for each, _p99 in measured))
            wait.setdefault((test, shape), []).append(max(p99 for _each, p99 in measured))
    for shape, addresses in shapes.items():
        speed.setdefault(("artifacts", shape), []).append(sum(at_once(transfer, addresses, f"{shape}-{number}")))

NAMES = {"ours": "SQLite", "one": "PostgreSQL, one server", "two": "PostgreSQL, two servers"}
rows = []
for test in (*TESTS, "artifacts"):
    unit = " MB/s" if test == "artifacts" else "/s"
    for shape, name in NAMES.items():
        mine, stock = (statistics.median(speed[test, each]) for each in (shape, "stock"))
        rows.append((f"{test}, {name}", f"{mine:.0f}{unit}", f"{stock:.0f}{unit}", mine / stock, ""))
for test in TESTS:
    for shape, name in NAMES.items():
        mine, stock = (statistics.median(wait[test, each]) for each in (shape, "stock"))
        rows.append((f"{test}, p99, {name}", f"{mine:.0f} ms", f"{stock:.0f} ms", mine / stock, ""))
record(
    "shapes",
    rows,
    [
        f"{CLIENTS} clients, median of {ROUNDS} rounds in turns; the plain way is the stock server on SQLite. All hosts share the cores of this machine.",
        f"Errors, the stock server's among them: {len(errors)}. Artifacts: one client for each server, {MEGABYTES} MB up and down.",
    ],
)
