#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one port of all models: what Caddy is told, as JSON. Standard library only; runs on the host.

Caddy 2.6 counts requests by server alone. So each model has a server of its own within Caddy, named after it, and the one port hands over to these.
"""

from __future__ import annotations

import json
import os
import subprocess

import registry

FILE = registry.STATE / "door.json"
UNIT, RUN = "mlflow-model-door.service", "/run/mlflow-model-door"


def handing_over(path, seconds):
    """A fresh connection for each request: one that is kept might be closed from the other side just as a request is put on it."""
    return {"handler": "reverse_proxy", "upstreams": [{"dial": f"unix/{path}"}],
            "load_balancing": {"try_duration": f"{seconds}s", "try_interval": "250ms"},
            "transport": {"protocol": "http", "keep_alive": {"enabled": False}, "compression": False}}


def text(status, body):
    return {"handler": "static_response", "status_code": str(status), "body": body + "\n"}


def settings(config):
    """Caddy's whole configuration."""
    servers = {}
    routes = [{"match": [{"path": ["/health"]}], "handle": [text(200, "OK")], "terminal": True}]
    for entry in config["models"]:
        inner = f"{RUN}/{entry['id']}.sock"
        # While an instance starts again, requests wait for it.
        servers[entry["id"]] = {"listen": [f"unix/{inner}"], "metrics": {}, "automatic_https": {"disable": True},
                                "routes": [{"handle": [handing_over(registry.door(entry["id"]), config["wait_seconds"])]}]}
        routes.append({"match": [{"path": [f"/models/{entry['id']}/*"]}], "terminal": True,
                       "handle": [{"handler": "rewrite", "strip_path_prefix": f"/models/{entry['id']}"}, handing_over(inner, 5)]})
    front = {"listen": [config["listen"]], "automatic_https": {"disable": True}, "read_header_timeout": "30s", "idle_timeout": "5m",
             "routes": [*routes, {"handle": [text(404, "No model is served here. Paths begin with /models/ID/.")]}]}
    servers["front-door"] = front
    if config["metrics"]:
        servers["metrics-page"] = {"listen": [config["metrics"]], "automatic_https": {"disable": True},
                                   "routes": [{"match": [{"path": ["/metrics"]}], "handle": [{"handler": "metrics"}]}]}
    return {"admin": {"listen": f"unix/{RUN}/admin.sock", "config": {"persist": False}},
            "apps": {"http": {"grace_period": f"{config['drain_seconds']}s", "servers": servers}}}


def bring(config):
    """Have Caddy serve that. Returns whether anything had to be done. Raises Refused; what it served before then stays."""
    wanted, now = json.dumps(settings(config), indent=1) + "\n", FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    if wanted == now and registry.active(UNIT):
        return False
    fresh = FILE.with_suffix(".new")
    fresh.write_text(wanted, encoding="utf-8")
    os.replace(fresh, FILE)
    verb = "reload" if registry.active(UNIT) else "start"
    done = subprocess.run(["systemctl", verb, UNIT], check=False, text=True, capture_output=True)
    if done.returncode:
        if now:
            FILE.write_text(now, encoding="utf-8")
        raise registry.Refused(f"{UNIT} does not {verb}: {done.stderr.strip()} (log: journalctl -u {UNIT})")
    subprocess.run(["systemctl", "enable", "--quiet", UNIT], check=True)
    return True
