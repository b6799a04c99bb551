#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Log to MLflow what the models of this host answered: a run for each instance. Standard library only; runs on the host."""

from __future__ import annotations

import fcntl
import json
import re
import socket
import sys
import time

import asking
import door
import images
import registry

# What Caddy counts, and what it is called in a run. Errors are answers with 5xx; unanswered is what no instance took.
COUNTED = {"caddy_http_request_duration_seconds_count": "requests", "caddy_http_request_duration_seconds_sum": "seconds",
           "caddy_http_request_errors_total": "unanswered"}


def totals(text):
    """{id: {requests, errors, unanswered, seconds}} of what Caddy has counted since it started."""
    found = {}
    for name, labels, value in re.findall(r"^(\w+)\{(.*)\} (\S+)$", text, re.M):
        server, code = re.search(r'\bserver="(\w+)"', labels), re.search(r'\bcode="(\d+)"', labels)
        if name in COUNTED and server:
            sums = found.setdefault(server[1], dict.fromkeys([*COUNTED.values(), "errors"], 0.0))
            sums[COUNTED[name]] += float(value)
            if COUNTED[name] == "requests" and code and code[1].startswith("5"):
                sums["errors"] += float(value)
    return found


def since(now, before):
    """What came in between. Caddy counts from nothing after a restart."""
    more = now if any(now[name] < before.get(name, 0) for name in now) else {name: value - before.get(name, 0) for name, value in now.items()}
    mean = {"mean_seconds": more["seconds"] / more["requests"]} if more["requests"] else {}
    return {**{name: more[name] for name in ("requests", "errors", "unanswered")}, **mean}


def counted():
    connection = asking.Unix(f"{door.RUN}/admin.sock", 10)
    # Caddy takes no other name on a socket.
    connection.request("GET", "/metrics", headers={"Host": ""})
    answer = connection.getresponse()
    if answer.status != 200:
        raise registry.Refused(f"{door.UNIT} answers {answer.status} to /metrics")
    return answer.read().decode()


def experiment(server, name):
    try:
        return server.ask("mlflow/experiments/get-by-name", experiment_name=name)["experiment"]["experiment_id"]
    except registry.Refused as reason:
        if "answered 404" not in str(reason):
            raise
        return server.ask("mlflow/experiments/create", {"name": name})["experiment_id"]


def run_of(server, config, entry, instance):
    """A run for an instance on this host."""
    tags = {"model": entry["name"], "version": instance.split("-")[1], "alias": entry["alias"], "host": socket.gethostname(), "mlflow.runName": instance}
    made = server.ask("mlflow/runs/create", {"experiment_id": experiment(server, config["log_experiment"]), "start_time": int(time.time() * 1000),
                                             "tags": [{"key": key, "value": value} for key, value in tags.items()]})
    return made["run"]["info"]["run_id"]


def log():
    try:
        # A timer and a person take turns.
        with open(registry.STATE / "log.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return log_all()
    except (registry.Refused, OSError) as reason:
        print(f"not logged: {reason}", file=sys.stderr)
        return 1


def log_all():
    config = json.loads((images.CONFIG / "config.json").read_text(encoding="utf-8"))
    server, now, failed = registry.Registry(config["registry"]), totals(counted()), 0
    (registry.STATE / "log").mkdir(exist_ok=True)
    for entry in config["models"]:
        instance, file = registry.serving(entry["id"]), registry.STATE / "log" / entry["id"]
        if not instance or entry["id"] not in now:
            continue
        kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        try:
            if kept.get("instance") != instance:
                kept.update(instance=instance, run=run_of(server, config, entry, instance), step=0)
            moment = int(time.time() * 1000)
            more = since(now[entry["id"]], kept.get("totals", {}))
            metrics = [{"key": key, "value": value, "timestamp": moment, "step": kept["step"]} for key, value in more.items()]
            server.ask("mlflow/runs/log-batch", {"run_id": kept["run"], "metrics": metrics})
        except registry.Refused as reason:
            print(f"{entry['id']}: not logged: {reason}", file=sys.stderr)
            failed = 1
            continue
        kept.update(totals=now[entry["id"]], step=kept["step"] + 1)
        file.write_text(json.dumps(kept), encoding="utf-8")
    return failed
