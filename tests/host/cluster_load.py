"""Clients that write through the proxy for as long as something happens to the cluster, and what they were answered."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time

from conftest import wait_for

FIRST, SECOND, DATABASE, STORE, PROXY, SPARE = (f"mlflow-cluster-{name}" for name in ("first", "second", "database", "store", "proxy", "spare"))
# Each goes on after a pause: a steady load, and not one that leaves the machine no time for what is tried under it.
CLIENTS, PAUSE = 6, 0.1
# MLflow's own client, which tries again by itself. Goes on until its standard input ends, and then tells what came of it.
USER = """
import json, sys, threading
import mlflow
client = mlflow.MlflowClient()
run = client.create_run("0").info.run_id
print(run, flush=True)
over, acknowledged, files, failed, step = threading.Event(), [], [], [], 0
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
while not over.is_set():
    try:
        client.log_metric(run, "m", step, step=step, timestamp=step)
        acknowledged.append(step)
        if step % 20 == 0:
            client.log_text(run, str(step), f"a/{step}.txt")
            files.append(step)
    except Exception as reason:
        failed.append(str(reason)[:500])
    step += 1
    over.wait(0.1)
print(json.dumps({"acknowledged": acknowledged, "files": files, "failed": failed}))
"""


def container(server):
    """Which container of a server runs since when."""
    return server.host.check_output("docker container inspect --format '{{.Id}} {{.State.StartedAt}}' mlflow")


class Writer(threading.Thread):
    """One client with a connection that it keeps. After a failure it opens another, and goes on with the next step."""

    def __init__(self, proxy, over):
        super().__init__(daemon=True)
        self.proxy, self.over = proxy, over
        self.acknowledged, self.failed, self.run_id = [], [], ""
        self.run_id = self.call("runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]

    def call(self, path, body, connection=None):
        connection = connection or self.proxy.connect()
        headers = {**self.proxy.headers(self.proxy.admin), "Content-Type": "application/json"}
        connection.request("POST", f"/api/2.0/mlflow/{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {text[:200]!r}")
        return json.loads(text)

    def run(self):
        connection, step = None, 0
        while not self.over.is_set():
            began = time.monotonic()
            try:
                connection = connection or self.proxy.connect()
                self.call("runs/log-metric", {"run_id": self.run_id, "key": "m", "value": step, "timestamp": step, "step": step}, connection)
                self.acknowledged.append(step)
            except (OSError, http.client.HTTPException, RuntimeError) as reason:
                self.failed.append(f"{began:.1f} +{time.monotonic() - began:.2f}: {type(reason).__name__} {reason}")
                connection = None
            step += 1
            self.over.wait(PAUSE)


class User:
    """MLflow's own client in a process of its own, as the administrator."""

    def __init__(self, proxy):
        self.acknowledged, self.files, self.failed = [], [], []
        about = {"TRACKING_URI": f"https://{proxy.name}", "TRACKING_SERVER_CERT_PATH": str(proxy.ca), "TRACKING_USERNAME": proxy.admin[0],
                 "TRACKING_PASSWORD": proxy.admin[1], "HTTP_REQUEST_MAX_RETRIES": "7"}
        environment = {**os.environ, **{f"MLFLOW_{name}": value for name, value in about.items()}}
        self.process = subprocess.Popen([sys.executable, "-c", proxy.resolver() + USER], env=environment, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def start(self):
        self.run_id = self.process.stdout.readline().strip()
        assert self.run_id, "MLflow's client did not begin"

    def join(self, seconds):
        told = json.loads(self.process.communicate(timeout=seconds)[0])
        self.acknowledged, self.files, self.failed = told["acknowledged"], told["files"], told["failed"]


class Load:
    """with Load(proxy) as load: ... writes meanwhile, and has written fifty times by then.

    `failed` is what went wrong for clients that do not try again, `user.failed` for MLflow's own, which does; `lost(client)` is what was acknowledged and
    is not there.
    """

    def __init__(self, proxy):
        self.over = threading.Event()
        self.user = User(proxy)
        self.writers = [Writer(proxy, self.over) for _number in range(CLIENTS)]

    def __enter__(self):
        self.user.start()
        for writer in self.writers:
            writer.start()
        self.more(50)
        return self

    def __exit__(self, *_about):
        self.over.set()
        for writer in self.writers:
            writer.join(60)
            assert not writer.is_alive()
        self.user.join(60)

    @property
    def failed(self):
        return [reason for writer in self.writers for reason in writer.failed]

    def count(self):
        return sum(len(writer.acknowledged) for writer in self.writers)

    def more(self, writes):
        """Await so many more acknowledged writes."""
        at = self.count()
        wait_for(lambda: self.count() > at + writes, f"{writes} more writes")

    def lost(self, client):
        missing = {}
        for writer in [*self.writers, self.user]:
            there = {metric.step for metric in client.get_metric_history(writer.run_id, "m")}
            missing[writer.run_id] = sorted(set(writer.acknowledged) - there)
        there = {file.path for file in client.list_artifacts(self.user.run_id, "a")}
        missing["files"] = [step for step in self.user.files if f"a/{step}.txt" not in there]
        return {run: steps for run, steps in missing.items() if steps}
