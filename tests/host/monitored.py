"""For the suites of monitoring: their two hosts, the questions that are put to Prometheus, and files that the role writes with other settings."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import requests
from conftest import wait_for
from provisioning import ROOT, address_of, host_of

SERVER, PROMETHEUS = "mlflow-monitoring-server", "mlflow-monitoring-prometheus"
FOLDER = Path(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", ".")) / "monitoring"
TEXTFILES = "/var/lib/prometheus/node-exporter"
RULES = "/etc/prometheus/rules/mlflow.rules"


class Prometheus:
    """The Prometheus of the scenario, by its API: https://prometheus.io/docs/prometheus/latest/querying/api/."""

    def __init__(self):
        self.host = host_of(PROMETHEUS)
        self.url = f"http://{address_of(PROMETHEUS)}:9090/api/v1"

    def ask(self, path, **words):
        answer = requests.get(f"{self.url}/{path}", params=words, timeout=20)
        assert answer.status_code == 200, f"{path} {words}: {answer.text}"
        return answer.json()["data"]

    def samples(self, query):
        """[(labels, value)] of a query."""
        return [(found["metric"], float(found["value"][1])) for found in self.ask("query", query=query)["result"]]

    def value(self, query):
        """The one value of a query, or nothing where it has none or several."""
        found = self.samples(query)
        return found[0][1] if len(found) == 1 else None

    def firing(self):
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}

    def rules(self):
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def evaluations(self):
        return self.ask("rules")["groups"][0]["lastEvaluation"]

    def evaluated(self):
        """Wait until all rules were evaluated twice more: what was scraped before has had its effect."""
        for _time in range(2):
            before = self.evaluations()
            wait_for(lambda before=before: self.evaluations() != before, "an evaluation of the rules")

    def take(self, rules):
        """Serve this text of rules in place of what is there."""
        self.host.run_expect([0], f"cat > {RULES} <<'EOF_OF_RULES'\n{rules}\nEOF_OF_RULES\nsystemctl reload prometheus")
        self.evaluated()


def written(folder, **settings):
    """What the role writes with other settings, as an operator asks for it."""
    given = {f"mlflow_monitoring_{name}": value for name, value in settings.items()} | {
        "mlflow_monitoring_files_dir": str(folder), "mlflow_monitoring_address": SERVER}
    command = ["ansible-playbook", "-i", os.environ["MOLECULE_INVENTORY_FILE"], ROOT / "molecule/monitoring/files.yml", "-e", json.dumps(given)]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout
    return folder
