#!/usr/bin/env python
"""A backup of an unchanged tree of 1 GB against the first one, and how long a client waits while backups are made."""

import http.client
import itertools
import json
import statistics
import threading
import time

from api import healthy, new_run
from hosts import SMOKE, Host
from report import record

FILES, ROUNDS, SECONDS = (200, 1, 2) if SMOKE else (8000, 5, 10)
PASSWORD = "benchmark-of-backups"
OPTIONS = ["-e", "mlflow_backup_enabled=true", "-e", "mlflow_backup_repository=/srv/backup", "-e", f"mlflow_backup_password={PASSWORD}"]
# Artifacts of two sizes that nothing can compress: 8000 files make 512 MB, and 64 large ones as much again.
TREE = f"""
import os
for number in range({FILES}):
    folder = f"/mlflow/artifacts/1/{{number // 20:05d}}/artifacts"
    os.makedirs(folder, exist_ok=True)
    open(f"{{folder}}/{{number}}", "wb").write(os.urandom(64 << 10))
for number in range({FILES} // 125):
    open(f"/mlflow/artifacts/large-{{number}}", "wb").write(os.urandom(8 << 20))
"""
# A metric that is there already is not written again.
STEPS = itertools.count(1)
# A database of some 50 MB, so that its copy takes a while.
HISTORY = """
import sqlite3, sys
with sqlite3.connect("/mlflow/mlflow.db", timeout=60) as base:
    base.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) INSERT INTO metrics "
                 "(key, value, timestamp, run_uuid, step, is_nan) SELECT 'history', i, i, '{run}', i, 0 FROM n")
"""


def seconds(host, script):
    begin = time.monotonic()
    host.sh(script)
    return time.monotonic() - begin


def log(host, run_id, duration):
    """Log metric after metric on one connection; return the seconds that each took."""
    connection = http.client.HTTPConnection(host.address, 5001, timeout=60)
    took, end = [], time.monotonic() + duration
    while time.monotonic() < end:
        step = next(STEPS)
        body = json.dumps({"run_id": run_id, "key": "loss", "value": 1.0, "timestamp": step, "step": step})
        begin = time.monotonic()
        connection.request("POST", "/api/2.0/mlflow/runs/log-metric", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        took.append(time.monotonic() - begin)
        if answer.status != 200:
            raise SystemExit(f"log-metric answers {answer.status}")
    return took


def p99(took):
    return sorted(took)[int(len(took) * 0.99)] * 1000


host = Host("backup")
host.site("backup-site", *OPTIONS)
healthy(host.url(5001))
run = new_run(host.url(5001))
host.sh(f"rm -rf /mlflow/artifacts/* && python3 - <<'EOF'\n{TREE}\nEOF\n python3 - <<'EOF'\n{HISTORY.format(run=run, rows=FILES * 50)}\nEOF\n sync")
# Another day has begun: what the daily forgetting takes is measured by itself.
ANOTHER_DAY = "sed -i 's/\"forgot_epoch\": [0-9]*/\"forgot_epoch\": 1/' /var/lib/mlflow-backup/status.json"
first = seconds(host, "systemctl start mlflow-backup")
again, daily, copies = [], [], []
for _ in range(ROUNDS):
    again.append(seconds(host, "systemctl start mlflow-backup"))
    host.sh(ANOTHER_DAY)
    daily.append(seconds(host, "systemctl start mlflow-backup"))
    copies.append(seconds(host, "cp -a /mlflow /srv/copy && sync"))
    host.sh("rm -rf /srv/copy")
again, daily, copy = (statistics.median(each) for each in (again, daily, copies))

quiet, busy, backups = [], [], 0
for _ in range(ROUNDS):
    quiet += log(host, run, SECONDS)
    over = threading.Event()

    def keep_backing_up(over=over):
        global backups
        while not over.is_set():
            host.sh("systemctl start mlflow-backup")
            backups += 1

    maker = threading.Thread(target=keep_backing_up)
    maker.start()
    busy += log(host, run, SECONDS)
    over.set()
    maker.join()

record(
    "backup",
    [
        ("backup of an unchanged 1 GB, against the first backup", f"{again:.1f} s", f"{first:.1f} s", again / first, "<= 0.1"),
        ("the same, when old snapshots are forgotten", f"{daily:.1f} s", f"{first:.1f} s", daily / first, ""),
        ("backup of an unchanged 1 GB, against `cp -a` and `sync`", f"{again:.1f} s", f"{copy:.1f} s", again / copy, ""),
        ("log-metric while backups are made, p99, against none", f"{p99(busy):.1f} ms", f"{p99(quiet):.1f} ms", p99(busy) / p99(quiet), "<= 1.3"),
    ],
    [
        f"Median of {ROUNDS}; a local repository on the same disk. The plain way is the first backup, a copy, or a server without a backup.",
        f"One client on one connection, {len(quiet)} and {len(busy)} requests in turns, {backups} backups one after the other meanwhile.",
    ],
)
