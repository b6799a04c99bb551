"""Hosts that are clients: which server is theirs, and what Airflow on one of them is asked over its own API."""

from __future__ import annotations

import json

import testinfra
from conftest import Server
from doors import Door, administrator, fetched
from provisioning import address_of, host_of

# Words of the passwords in the inventory that stay themselves under every quoting.
WORDS = {"pipelines": "client-secret-5d2", "ada": "ada-secret-7f3"}
PYTHON = "/opt/mlflow-client/bin/python"
COMMIT = "6b2f0510c0ffee6b2f0510c0ffee6b2f0510c0ff"


def door_of(host, folder):
    """The way into the server that a host is a client of, for the administrator on this machine."""
    name = host.ansible.get_variables()["groups"]["mlflow_servers"][0]
    there = host_of(name)
    known = testinfra.get_host(f"ansible://{name}", ansible_inventory=host.backend.ansible_inventory)
    return Door(Server(there), ca=fetched(there, "/etc/mlflow-proxy/ca.crt", folder), proxy=address_of(name), login=administrator(known))


class Airflow:
    """Airflow on a host, whose units the scenario has prepared."""

    parts = ("api-server", "scheduler", "dag-processor")
    api = "http://127.0.0.1:8080"

    def __init__(self, host):
        self.host = host

    def start(self):
        self.host.check_output("systemctl start " + " ".join(f"airflow@{part}" for part in self.parts))

    def stop(self):
        self.host.check_output("systemctl stop 'airflow@*'")

    def ask(self, path, data=None):
        """The answer of the API, or None while there is none. Everybody is an administrator here."""
        program = (
            "import json, sys, urllib.request as web\n"
            "def ask(path, data, **more):\n"
            "    headers = {'Content-Type': 'application/json', **more}\n"
            "    return json.load(web.urlopen(web.Request(sys.argv[1] + path, data.encode() if data else None, headers)))\n"
            "token = ask('/auth/token', '')['access_token']\n"
            "print(json.dumps(ask(sys.argv[2], sys.argv[3], Authorization='Bearer ' + token)))\n"
        )
        done = self.host.run("python3 -c %s %s %s %s", program, self.api, path, json.dumps(data) if data else "")
        return json.loads(done.stdout) if done.rc == 0 else None

    def trigger(self, dag, **settings):
        return self.ask(f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None, "conf": settings})

    def state(self, dag, run):
        return (self.ask(f"/api/v2/dags/{dag}/dagRuns/{run}") or {}).get("state")

    def log(self):
        """What the tasks and the units said last, for a failure."""
        logs = "find /home/airflow/logs -name '*.log' -newermt '-20 min' -exec tail -n 30 {} +"
        return self.host.run(f"{logs}; journalctl -u 'airflow@*' -n 60 --no-pager -o cat").stdout[-12000:]
