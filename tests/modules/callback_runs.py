"""For the tests of the callback mlflow_run: runs of ansible-playbook with it, and what they logged. conftest.py has the fixtures."""

from __future__ import annotations

import json
import pathlib
import socket
import threading
import time

import pytest

SECRET = "a-secret-that-nobody-logs"
# time enough for a server on a machine with other work
PATIENT = {"ANSIBLE_MLFLOW_RUN_TIMEOUT": "120"}
ENABLED = {"ANSIBLE_CALLBACKS_ENABLED": "mlops.mlflow.mlflow_run", **PATIENT}
FAIL = {"name": "Give up", "ansible.builtin.fail": {"msg": SECRET}}
SAY = {"name": "Say", "ansible.builtin.debug": {"msg": "something"}}
# MLflow 3.17 takes and gives artifacts with a password in ASCII alone, which that of the administrator is not
USER, PASSWORD = "robot", "a password of robot"


@pytest.fixture
def log_in(monkeypatch, call):
    """Environment for MLflow's client in this process, and for the callback; with a user where the server asks for one."""
    servers = []

    def run(server):
        found = {"MLFLOW_TRACKING_URI": server.uri}
        if server.login:
            found.update(MLFLOW_TRACKING_USERNAME=USER, MLFLOW_TRACKING_PASSWORD=PASSWORD)
            if server not in servers:
                assert call("mlflow_user", server, name=USER, user_password=PASSWORD, admin=True)["changed"]
                servers.append(server)
        for name, value in {**found, "MLFLOW_DISABLE_TELEMETRY": "true", "NO_PROXY": "127.0.0.1"}.items():
            monkeypatch.setenv(name, value)
        return found

    yield run
    for server in servers:
        assert call("mlflow_user", server, name=USER, state="absent")["changed"]


@pytest.fixture
def logged(log_in, tmp_path):
    """The runs of an experiment, the oldest first, each with its summary."""
    def run(server, experiment, summary=True):
        log_in(server)
        import mlflow

        client = mlflow.MlflowClient(server.uri)
        found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id], order_by=["attributes.start_time ASC"])
        if not summary:
            return [(one, None) for one in found]
        return [(one, json.loads(pathlib.Path(client.download_artifacts(one.info.run_id, "summary.json", tmp_path)).read_bytes())) for one in found]

    return run


@pytest.fixture
def watched(play):
    """Run tasks with the callback turned on, in an experiment of their own."""
    def run(tasks, *words, experiment, environment, hosts="localhost"):
        given = {**ENABLED, "ANSIBLE_MLFLOW_RUN_EXPERIMENT": experiment, **environment}
        return play(tasks, *words, environment=given, callback="ansible.builtin.default", hosts=hosts)

    return run


class Listener(threading.Thread):
    """It takes connections and answers nothing, or a byte at a time and never to the end; seconds: how long each was kept."""

    def __init__(self, answer=b""):
        super().__init__(daemon=True)
        self.socket, self.answer, self.seconds = socket.create_server(("127.0.0.1", 0)), answer, []
        self.uri = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def run(self):
        try:
            while True:
                connection, began = self.socket.accept()[0], time.monotonic()
                with connection:
                    connection.settimeout(0.1)
                    self.keep(connection)
                self.seconds.append(time.monotonic() - began)
        except OSError:
            pass  # the test is over

    def keep(self, connection):
        while True:
            try:
                if not connection.recv(4096):
                    return
            except TimeoutError:
                try:
                    connection.sendall(self.answer)
                except OSError:
                    return
            except OSError:
                return
