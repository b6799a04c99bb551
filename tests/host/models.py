"""Models of the registry as their users see them, and the registry as who trains them does."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from pathlib import Path

import requests
from conftest import wait_for

HERE = Path(__file__).parent
PORT, METRICS = 5002, 5003
# What the versions of the scenario make of a feature.
DOUBLE, TRIPLE = [2.0], [3.0]


def trainer():
    """The Python of the place to train in, which the scenario's prepare.yml made."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "client/bin/python")


class Served:
    """The models of one host."""

    def __init__(self, host, server):
        self.host, self.server, self.name = host, server, host.backend.get_hostname()

    def url(self, model, path="invocations"):
        return f"http://{self.server.address}:{PORT}/models/{model}/{path}"

    def ask(self, model="demand", session=requests):
        """What a model makes of 1.0, rounded."""
        answer = session.post(self.url(model), json={"inputs": [[1.0]]}, timeout=60)
        answer.raise_for_status()
        return [round(value, 6) for value in answer.json()["predictions"]]

    def train(self, kind):
        """Train and register the next version; returns its number."""
        done = subprocess.run([trainer(), HERE / "train_model.py", self.server.url, "demand", kind], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[-1]

    def move(self, version, alias="production"):
        self.server.client().set_registered_model_alias("demand", alias, version)

    def instances(self, model="demand"):
        """Units that run a model: ID-VERSION-DIGEST."""
        said = self.host.check_output("systemctl list-units --plain --no-legend --state=active 'mlflow-model@%s-*'", model)
        return re.findall(r"mlflow-model@([\w-]+)\.service", said)


class User(threading.Thread):
    """Somebody who asks again and again, on a connection that he keeps or on a new one each time."""

    def __init__(self, served, keeps):
        super().__init__(daemon=True)
        self.served, self.session = served, requests.Session() if keeps else requests
        self.answers, self.failed, self.over = [], [], threading.Event()

    def run(self):
        while not self.over.is_set():
            try:
                self.answers.append(self.served.ask(session=self.session))
            except (requests.RequestException, ValueError, KeyError) as reason:
                self.failed.append(str(reason))
            self.over.wait(0.02)


class Users:
    """Several of them."""

    def __init__(self, served):
        self.all = [User(served, keeps) for keeps in (True, False, True, False)]

    def __enter__(self):
        for user in self.all:
            user.start()
        wait_for(lambda: all(user.answers for user in self.all), "all users have an answer")
        return self

    def __exit__(self, *_about):
        for user in self.all:
            user.over.set()
        for user in self.all:
            user.join()

    def failed(self):
        return [reason for user in self.all for reason in user.failed]
