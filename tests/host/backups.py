"""For the suites of backup and restore: their two hosts, clients that write, and what those wrote."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
from pathlib import Path

from provisioning import host_of

ROOT = Path(__file__).resolve().parents[2]
SOURCE, TARGET = "mlflow-backup-source", "mlflow-backup-target"
NAME, PASSWORD = "mlflow-backup", "hush-open-sesame"
MEMORY = Path(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", ".")) / "acknowledged.json"
CLIENTS = 20

__all__ = ["host_of"]


def unit(verb=""):
    return f"{NAME}{verb and '-' + verb}.service"


def status(host):
    return json.loads(host.check_output(f"cat /var/lib/{NAME}/status.json"))


def snapshots(host):
    """Ids of the snapshots that the host sees."""
    listed = host.check_output(f"restic --repo /backup/mlflow --password-file /etc/{NAME}/password snapshots --json --no-lock")
    return [snapshot["id"] for snapshot in json.loads(listed) or []]


def play(playbook, limit, *options):
    """Run a playbook as an operator does, on the source or on the target, which the inventory has not among the servers yet."""
    inventory = os.environ["MOLECULE_INVENTORY_FILE"]
    more = Path(MEMORY).with_name("servers.json")
    more.write_text(json.dumps({"mlflow_servers": {"hosts": {SOURCE: {}, TARGET: {}}}}), encoding="utf-8")
    command = ["ansible-playbook", "-i", inventory, "-i", more, "--limit", limit, ROOT / playbook, *options]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, env=environment)


def remember(acknowledged):
    MEMORY.write_text(json.dumps(acknowledged), encoding="utf-8")


def remembered():
    return json.loads(MEMORY.read_text(encoding="utf-8"))


def total(acknowledged):
    return sum(len(run["steps"]) + len(run["artifacts"]) for run in acknowledged.values())


class Writer(threading.Thread):
    """Logs metric after metric, and after each ten an artifact, as fast as the server answers; remembers what it acknowledged."""

    def __init__(self, url, experiment, over):
        super().__init__(daemon=True)
        from mlflow import MlflowClient

        self.client, self.over, self.refused = MlflowClient(url), over, []
        self.run_id = self.client.create_run(experiment).info.run_id
        self.steps, self.artifacts = [], {}

    def run(self):
        step = 0
        while not self.over.is_set():
            try:
                self.client.log_metric(self.run_id, "loss", float(step), step=step)
                self.steps.append(step)
                if step % 10 == 0:
                    text = f"{self.run_id} {step} " * 1000
                    self.client.log_text(self.run_id, text, f"at {step}.txt")
                    self.artifacts[f"at {step}.txt"] = hashlib.sha256(text.encode()).hexdigest()
            except Exception as error:  # whatever the client makes of a server that does not answer
                self.refused.append(str(error))
            step += 1


class Load:
    """Writers that go on until the end of the `with`."""

    def __init__(self, url):
        from mlflow import MlflowClient

        self.over = threading.Event()
        experiment = MlflowClient(url).create_experiment("load")
        self.writers = [Writer(url, experiment, self.over) for _number in range(CLIENTS)]

    def __enter__(self):
        for writer in self.writers:
            writer.start()
        return self

    def __exit__(self, *_about):
        self.over.set()
        for writer in self.writers:
            writer.join(timeout=60)

    def count(self):
        return sum(len(writer.steps) for writer in self.writers)

    def acknowledged(self):
        return {writer.run_id: {"steps": list(writer.steps), "artifacts": dict(writer.artifacts)} for writer in self.writers}

    @property
    def refused(self):
        return [text for writer in self.writers for text in writer.refused]


def missing(url, acknowledged, folder):
    """What of the acknowledged writes a server does not have, in words. Artifacts are compared by checksum."""
    from mlflow import MlflowClient

    client = MlflowClient(url)
    found = []
    for run_id, wrote in acknowledged.items():
        kept = {metric.step for metric in client.get_metric_history(run_id, "loss")}
        found += [f"{run_id}: step {step}" for step in set(wrote["steps"]) - kept]
        for name, digest in wrote["artifacts"].items():
            file = client.download_artifacts(run_id, name, str(folder))
            if hashlib.sha256(Path(file).read_bytes()).hexdigest() != digest:
                found.append(f"{run_id}: {name}")
    return found
