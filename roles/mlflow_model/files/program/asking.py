#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask an instance of a model by its socket. Standard library only; runs on the host."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess

import registry

RUN = "/run/mlflow-model"


def socket_of(instance):
    return f"{RUN}/{instance}/http.sock"


class Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def call(instance, path, body=None, timeout=5):
    """Status and text that an instance answers with. Raises OSError or HTTPException."""
    connection = Unix(socket_of(instance), timeout)
    try:
        connection.request("POST" if body is not None else "GET", path, body, {"Content-Type": "application/json"} if body is not None else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def try_out(entry, instance, log):
    """Send the sample request of the entry, or the example that the model was logged with."""
    sample = json.dumps(entry["sample"]) if entry.get("sample") else ""
    if not sample:
        example = ["docker", "exec", f"mlflow-model-{instance}", "cat", "/opt/model/model/serving_input_example.json"]
        sample = subprocess.run(example, check=False, capture_output=True, text=True).stdout
    if not sample:
        return
    try:
        status, said = call(instance, "/invocations", sample.encode(), int(entry["timeout"]))
    except (OSError, http.client.HTTPException) as reason:
        raise registry.Refused(f"it does not answer the sample request: {reason} ({log})") from None
    if status != 200:
        raise registry.Refused(f"it answers the sample request with {status}: {' '.join(said.split())[:300]} ({log})")


def under_way(instance):
    """How many connections to an instance are open or wait to be taken (proc_net_unix(5): those that a listener took carry its path)."""
    path = socket_of(instance)
    with open("/proc/net/unix", encoding="utf-8") as table:
        return sum(row[7:8] == [path] and row[5] != "01" for row in map(str.split, table))
