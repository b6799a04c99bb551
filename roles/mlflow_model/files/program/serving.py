#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start an instance of a model, try it, lead the requests to it and stop the one before. Standard library only; runs on the host.

An instance is a container that listens on a socket of its own, without a network. Requests come through a link to that socket, and rename(2) leads
all later ones to another instance at once: none is refused, and nothing is reloaded.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import time

import asking
import images
import registry


def systemctl(*words):
    done = subprocess.run(["systemctl", *words], check=False, text=True, capture_output=True)
    if done.returncode:
        raise registry.Refused(f"systemctl {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def arguments(config, entry, image, instance):
    """What docker run is called with."""
    words = ["--rm", "--init", "--name", f"mlflow-model-{instance}", "--log-driver", "none", "--user", f"{config['uid']}:{config['uid']}", "--userns=host",
             "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", entry["network"], "--pids-limit", entry["pids"],
             "--tmpfs", "/tmp:rw,nosuid,nodev,size=256m", "--volume", f"{asking.RUN}/{instance}:{asking.RUN}/{instance}", "--workdir", "/tmp",
             "--env", "HOME=/tmp", "--env", "MLFLOW_DISABLE_TELEMETRY=true", "--env", "__pyfunc_model_path__=/opt/model/model",
             "--env", f"MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT={entry['timeout']}"]
    if entry.get("memory"):
        words += ["--memory", entry["memory"], "--memory-swap", entry["memory"]]
    if entry.get("cpus"):
        words += ["--cpus", entry["cpus"]]
    return [str(word) for word in [*words, image, "/opt/model/bin/python3", "-m", "uvicorn", "--uds", asking.socket_of(instance), "--workers", entry["workers"],
                                   "--no-access-log", "mlflow.pyfunc.scoring_server.app:app"]]


def start(config, entry, image, instance):
    """Start an instance and wait until it answers. Raises Refused."""
    unit, log = registry.UNIT.format(instance), f"log: journalctl -u mlflow-model@{instance}"
    (registry.STATE / "run" / instance).write_text("".join(word + "\n" for word in arguments(config, entry, image, instance)), encoding="utf-8")
    systemctl("start", unit)
    deadline = time.monotonic() + int(config["start_seconds"])
    while True:
        try:
            status = asking.call(instance, "/ping")[0]
            if status == 200:
                break
        except (OSError, http.client.HTTPException):
            pass
        if systemctl("show", "--value", "--property", "NRestarts", unit) != "0":
            raise registry.Refused(f"it does not start ({log})")
        if time.monotonic() > deadline:
            raise registry.Refused(f"it does not answer within {config['start_seconds']} s ({log})")
        time.sleep(0.3)
    asking.try_out(entry, instance, log)


def lead(model, instance):
    """Have all requests from now on go to an instance."""
    link = registry.door(model)
    fresh = link.with_name(f".{model}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(asking.socket_of(instance))
    os.rename(fresh, link)


def stop(instance, seconds):
    """Stop an instance that no request goes to any more, once those that it has are answered."""
    deadline = time.monotonic() + seconds
    while asking.under_way(instance) and time.monotonic() < deadline:
        time.sleep(0.1)
    systemctl("disable", "--now", "--quiet", registry.UNIT.format(instance))
    (registry.STATE / "run" / instance).unlink(missing_ok=True)


def sweep(seconds):
    """Stop all that serves nothing: what was replaced, what did not work, what a run that was cut short left behind."""
    wanted = {registry.serving(link.stem) for link in (registry.STATE / "door").glob("*.sock")}
    stale = sorted(file.name for file in (registry.STATE / "run").iterdir() if file.name not in wanted)
    for instance in stale:
        stop(instance, seconds)
    return stale


def deploy(config, entry, server):
    """Have an entry served as it should be. Returns what was done, in words, or an empty string. Raises Refused; what served before then serves on."""
    found = server.find(entry)
    instance, before = registry.instance_of(config, entry, found), registry.serving(entry["id"])
    if instance == before and registry.active(registry.UNIT.format(instance)):
        return ""
    try:
        start(config, entry, images.build(config, entry, found, server), instance)
    except registry.Refused as reason:
        raise registry.Refused(f"version {found['version']}: {reason}") from None
    systemctl("enable", "--quiet", registry.UNIT.format(instance))
    lead(entry["id"], instance)
    return f"{entry['id']}: version {found['version']} of {entry['name']}" + (f" in place of version {before.split('-')[1]}" if before else "")
