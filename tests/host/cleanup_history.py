"""For suites about clean-up: playbooks run as an operator does, and a server that was used, so that there is something to clean up."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from conftest import Server

ROOT = Path(__file__).parents[2]
AGE = """
import sqlite3
base = sqlite3.connect('/mlflow/mlflow.db', timeout=60)
days = 40 * 86400000
base.execute(f"UPDATE runs SET deleted_time = deleted_time - {days} WHERE name NOT LIKE 'young%'")
base.execute(f"UPDATE logged_models SET last_updated_timestamp_ms = last_updated_timestamp_ms - {days}")
base.execute(f"UPDATE experiments SET last_update_time = last_update_time - {days}")
base.commit()
"""


def start(host, playbook, *options, **variables):
    """Begin with a playbook, and do not wait for its end."""
    command = ["ansible-playbook", "-i", os.environ["MOLECULE_INVENTORY_FILE"], "--limit", host.backend.get_hostname(), ROOT / playbook, *options]
    environment = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    return subprocess.Popen([*command, "-e", json.dumps(variables)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def play(host, playbook, *options, **variables):
    with start(host, playbook, *options, **variables) as process:
        try:
            stdout, stderr = process.communicate(timeout=900)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def inside(host, program, *words):
    """Run a Python program in the server's container, as its user."""
    host.check_output("echo %s > /mlflow/tmp/program.py", program)
    return host.check_output("docker exec mlflow python3 /mlflow/tmp/program.py " + " ".join(words))


class History:
    """A server that was used: runs and models by name, some deleted long ago, some registered."""

    def __init__(self, host):
        self.client = Server(host).client()
        self.runs, self.models, self.experiments = {}, {}, {}
        for name in ("used", "given-up", "held"):
            self.experiments[name] = self.client.create_experiment(name)
        for name, experiment in (("live", "used"), ("gone", "used"), ("young", "used"), ("registered", "used"), ("gone-too", "given-up"),
                                 ("gone-beside", "held"), ("registered-by-folder", "held"), ("of-model", "used"), ("of-registered-model", "used")):
            self.runs[name] = self.run(name, self.experiments[experiment])
        for name, run in (("gone", "of-model"), ("registered", "of-registered-model"), ("of-experiment", "gone-too")):
            self.models[name] = self.model(name, run, self.experiments["given-up" if name == "of-experiment" else "used"])
        self.register(host)
        for name in ("gone", "young", "registered", "of-model", "of-registered-model"):
            self.client.delete_run(self.runs[name])
        for name in ("gone", "registered"):
            self.client.delete_logged_model(self.models[name])
        for name in ("given-up", "held"):
            self.client.delete_experiment(self.experiments[name])
        inside(host, AGE)

    def run(self, name, experiment):
        run_id = self.client.create_run(experiment, run_name=name).info.run_id
        self.client.log_metric(run_id, "loss", 1.0)
        self.client.log_text(run_id, name * 100, "model/weights.txt")
        return run_id

    def model(self, name, run, experiment):
        model = self.client.create_logged_model(experiment, name=name, source_run_id=self.runs[run])
        folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "model-" + name)
        folder.mkdir(exist_ok=True)
        (folder / "MLmodel").write_text(name, encoding="utf-8")
        self.client.log_model_artifacts(model.model_id, str(folder))
        return model.model_id

    def register(self, host):
        self.client.create_registered_model("precious")
        folder = self.client.get_run(self.runs["registered-by-folder"]).info.artifact_uri + "/model"
        self.client.create_model_version("precious", f"runs:/{self.runs['registered']}/model", self.runs["registered"])
        self.client.create_model_version("precious", folder, self.runs["registered-by-folder"])
        self.client.create_model_version("precious", f"models:/{self.models['registered']}", model_id=self.models["registered"])

    def expected(self):
        goes = [f"run {self.runs[name]}" for name in ("gone", "gone-too", "gone-beside", "of-model")]
        goes += [f"logged model {self.models[name]}" for name in ("gone", "of-experiment")] + [f"experiment {self.experiments['given-up']}"]
        kept = [f"run {self.runs[name]}" for name in ("registered", "registered-by-folder", "of-registered-model")]
        kept += [f"logged model {self.models['registered']}", f"experiment {self.experiments['held']}"]
        return dict.fromkeys(goes, "remove") | dict.fromkeys(kept, "kept")
