#!/usr/bin/env python
"""Seconds without service of an upgrade that migrates the schema over seven minor releases, against a plain start of the new server."""

import json
import statistics
import time

from api import call, healthy, new_run
from hosts import ROOT, SMOKE, Host, run
from report import record

OLD = "3.10.1"


def fill(url, runs):
    """Runs with metrics, so that the migration has rows to move."""
    for number in range(runs):
        run_id = new_run(url)
        metrics = [{"key": f"m{key}", "value": key, "timestamp": number, "step": step} for key in range(5) for step in range(20)]
        call(url, "runs/log-batch", {"run_id": run_id, "metrics": metrics, "params": [{"key": "p", "value": "v"}]})


def window(host):
    return json.loads(host.sh("cat /etc/ansible/facts.d/mlflow_upgrade.fact"))["window_seconds"]


host = Host("upgrade", fresh=True)
host.site("upgrade-old", "-e", f"mlflow_version={OLD}")
fill(host.url(5001), 5 if SMOKE else 500)
windows, starts = [], []
for number in range(1 if SMOKE else 3):
    if number:
        run("ansible-playbook", "-i", host.inventory(), str(ROOT / "playbooks/rollback.yml"), "-e", f"mlflow_rollback_confirm={host.name}", cwd=ROOT)
    host.site(f"upgrade-{number}")
    windows.append(window(host))
    host.sh("systemctl stop mlflow")
    begin = time.monotonic()
    host.sh("systemctl start --no-block mlflow")
    healthy(host.url(5001))
    starts.append(time.monotonic() - begin)

without, start = statistics.median(windows), statistics.median(starts)
record(
    "upgrade",
    [(f"without service, {OLD} to the default version, against a plain start", f"{without:.1f} s", f"{start:.1f} s", without / start, "<= 1.5")],
    [f"Median of {len(windows)}; {'5' if SMOKE else '500'} runs with 100 metrics each.",
     "What migrates is loaded, and practised on an empty database, while the old server serves."],
)
