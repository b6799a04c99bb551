#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings what a host serves in line with the registry. Standard library only; runs on the host, as root, from site.yml or from a timer.

    python3 -I /etc/mlflow-model/program          prints what it did, one line each; ends with 1 where a model is not served as asked, and says why
    python3 -I /etc/mlflow-model/program log      logs to MLflow what the models answered since it last did
    python3 -I /etc/mlflow-model/program remove   stops all models and removes their images
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import sys

import door
import images
import registry
import report
import serving


def remove():
    for link in (registry.STATE / "door").glob("*.sock"):
        link.unlink()
    serving.sweep(1)
    images.remove_all()


def main():
    text = (images.CONFIG / "config.json").read_text(encoding="utf-8")
    config, failures = json.loads(text), []
    for folder in ("door", "run"):
        (registry.STATE / folder).mkdir(mode=0o755, parents=True, exist_ok=True)
    # A timer and a run of site.yml take turns.
    with open(registry.STATE / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = registry.Registry(config["registry"])
        for entry in config["models"]:
            try:
                done = serving.deploy(config, entry, server)
                print(done, end="\n" * bool(done))
            except registry.Refused as reason:
                before = registry.serving(entry["id"])
                on = f"Version {before.split('-')[1]} serves on." if before else "Nothing serves in its place."
                failures.append(f"Model {entry['id']} ({registry.asked(entry)}) is not served as asked: {reason}. {on}")
        ids = {entry["id"] for entry in config["models"]}
        for link in (registry.STATE / "door").glob("*.sock"):
            if link.stem not in ids:
                link.unlink()
                print(f"{link.stem}: not served any more")
        try:
            if door.bring(config):
                print("door: takes requests as configured")
            for instance in serving.sweep(int(config["drain_seconds"])):
                print(f"{instance}: stopped")
            images.prune(int(config["images_keep"]))
        except registry.Refused as reason:
            failures.append(str(reason))
        if not failures:
            (registry.STATE / "applied").write_text(hashlib.sha256(text.encode()).hexdigest() + "\n", encoding="utf-8")
    print("\n".join(failures), end="\n" * bool(failures), file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit({"remove": remove, "log": report.log}.get("".join(sys.argv[1:]), main)())
