"""Clients that write through the proxy for as long as something happens to the cluster, and what they were answered."""

from __future__ import annotations

import http.client
import json
import threading
import time

CLIENTS = 6


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


class Load:
    """with Load(proxy) as load: ... writes meanwhile; `failed` is what went wrong, `lost(server)` what was acknowledged and is not there."""

    def __init__(self, proxy):
        self.over = threading.Event()
        self.writers = [Writer(proxy, self.over) for _number in range(CLIENTS)]

    def __enter__(self):
        for writer in self.writers:
            writer.start()
        return self

    def __exit__(self, *_about):
        self.over.set()
        for writer in self.writers:
            writer.join(60)
            assert not writer.is_alive()

    @property
    def failed(self):
        return [reason for writer in self.writers for reason in writer.failed]

    def count(self):
        return sum(len(writer.acknowledged) for writer in self.writers)

    def lost(self, client):
        missing = {}
        for writer in self.writers:
            there = {metric.step for metric in client.get_metric_history(writer.run_id, "m")}
            missing[writer.run_id] = sorted(set(writer.acknowledged) - there)
        return {run: steps for run, steps in missing.items() if steps}
