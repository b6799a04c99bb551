# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what mlflow_diagnose saw to the lines of its table.

A judgement takes all that was seen and returns (status, value, next): V(ok), V(warn) or V(fail), what was found, and the command to run next.
It raises Unseen where its look failed. Nothing here asks a host, so that each judgement can be tried with any finding.
"""

from __future__ import annotations

from ansible_collections.mlops.mlflow.plugins.plugin_utils import judge_data, judge_host, judge_network, judge_server
from ansible_collections.mlops.mlflow.plugins.plugin_utils.judging import FAIL, OK, WARN, Unseen

# In the order in which one depends on another: the first that fails is likely the cause of those below it.
LINES = {
    "engine": judge_host.engine,
    "unit": judge_server.unit,
    "settings": judge_server.settings,
    "container": judge_server.container,
    "health": judge_server.health,
    "version": judge_server.version,
    "listener": judge_network.listener,
    "reachable": judge_network.reachable,
    "tracking URI": judge_network.tracking_uri,
    "disk": judge_host.disk,
    "inodes": judge_host.inodes,
    "tree": judge_host.tree,
    "database": judge_data.database,
    "schema": judge_data.schema,
    "integrity": judge_data.integrity,
    "WAL": judge_data.wal,
    "search": judge_data.search,
    "runs": judge_data.runs,
    "artifacts": judge_data.artifacts,
    "memory": judge_host.memory,
    "restarts": judge_server.restarts,
    "watchdog": judge_server.watchdog,
    "backup": judge_data.backup,
    "certificate": judge_host.certificate,
    "clock": judge_host.clock,
}


def judge(seen):
    """Return the lines of the table, each as a dictionary with name, status, value and next."""
    lines = []
    for name, judgement in LINES.items():
        try:
            status, value, then = judgement(seen)
        except Unseen as reason:
            status, value, then = reason.args
        lines.append({"name": name, "status": status, "value": value, "next": "" if status == OK else then})
    return lines


def worst(lines):
    return max((line["status"] for line in lines), key=[OK, WARN, FAIL].index, default=OK)


def table(host, lines):
    """Return the lines as text, below a line that sums them up. The command to run next stands below its line."""
    counts = ", ".join(f"{sum(line['status'] == status for line in lines)} {status}" for status in (OK, WARN, FAIL))
    width = max(len(line["name"]) for line in lines)
    text = [f"{host}: {counts}"]
    for line in lines:
        text.append(f"{line['status']:4}  {line['name']:{width}}  {line['value']}")
        if line["next"]:
            text.append(f"{'':4}  {'':{width}}  -> {line['next']}")
    return text
