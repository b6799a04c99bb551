#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""smoke_test.py LOCAL_URL PUBLIC_URL < ENVIRONMENT: log a run, an artifact and a model version, read them back, mark them as deleted.

Where the server has users, it is the administrator that the environment of the server names. Talks to PUBLIC_URL where that name
resolves on this host, else to LOCAL_URL. Prints one JSON object with what was done.
Ends with status 1 and a message when something that was written does not come back.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
import tempfile
import time
import urllib.parse

import auth
import mlflow
import server
from mlflow import MlflowClient


def resolves(url):
    try:
        socket.getaddrinfo(urllib.parse.urlsplit(url).hostname, None)
        return True
    except OSError:
        return False


def trust(certificate):
    """Have the client verify the server with this certificate (base64 of PEM) alone, where one is given."""
    if certificate:
        with tempfile.NamedTemporaryFile(suffix=".crt", delete=False) as file:
            file.write(base64.b64decode(certificate))
        os.environ["MLFLOW_TRACKING_SERVER_CERT_PATH"] = file.name


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what} came back as {found!r}, not as {wanted!r}")


def main(local_url, public_url):
    url = public_url if resolves(public_url) else local_url
    mlflow.set_tracking_uri(url)
    client = MlflowClient(url)
    name = f"smoke-test-{time.time_ns()}"
    text = f"written by {name}"
    experiment_id = client.create_experiment(name)
    try:
        run_id = client.create_run(experiment_id, run_name=name).info.run_id
        client.log_param(run_id, "param1", "value1")
        client.log_metric(run_id, "metric1", 1.0)
        client.log_text(run_id, text, "note.txt")
        client.set_terminated(run_id)
        client.create_registered_model(name)
        try:
            version = client.create_model_version(name, f"runs:/{run_id}/note.txt", run_id=run_id)
            client.set_registered_model_alias(name, "smoke", version.version)
            run = client.get_run(run_id)
            expect("param1", run.data.params.get("param1"), "value1")
            expect("metric1", run.data.metrics.get("metric1"), 1.0)
            expect("the alias", client.get_model_version_by_alias(name, "smoke").run_id, run_id)
            with tempfile.TemporaryDirectory() as folder, open(client.download_artifacts(run_id, "note.txt", folder), encoding="utf-8") as note:
                expect("note.txt", note.read(), text)
        finally:
            client.delete_registered_model(name)
    finally:
        client.delete_experiment(experiment_id)
    print(json.dumps({"url": url, "experiment_id": experiment_id, "proved": ["param", "metric", "artifact", "model version", "alias"]}))


if __name__ == "__main__":
    trust(os.environ.pop("MLOPS_PROXY_CA", ""))
    server.read_environment()
    auth.log_in()
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    main(*sys.argv[1:3])
