"""Models of the registry, served: asked by clients on another machine, and by the examples of docs/deployment.md."""

from __future__ import annotations

import os
import re
import shlex
import subprocess

import pytest
import requests
import yaml
from models import DOUBLE, METRICS, TRIPLE, Served, trainer
from provisioning import ROOT

SHOWN = "{{.Config.User}}{{with .HostConfig}} {{.ReadonlyRootfs}} {{.CapDrop}} {{.NetworkMode}} {{.Memory}}{{end}}"


@pytest.fixture(scope="module")
def served(host, server):
    return Served(host, server)


def test_two_models_answer_behind_one_port(served):
    assert served.ask("demand") == DOUBLE and served.ask("demand_staging") == TRIPLE
    assert requests.get(served.url("demand", "version"), timeout=30).text == "3.17.2"
    assert requests.get(served.url("nobody", "ping"), timeout=30).status_code == 404
    assert [instance.rsplit("-", 1)[0] for instance in served.instances()] == ["demand-1"]


def test_a_request_that_does_not_fit_is_the_users_fault(served):
    assert requests.post(served.url("demand"), json={"inputs": [[1.0, 2.0]]}, timeout=30).status_code == 400


def test_the_container_may_do_nothing_but_answer(served, host):
    assert host.check_output("docker container inspect --format %s mlflow-model-%s", SHOWN, served.instances()[0]) == "50000:50000 true [ALL] none 1073741824"
    assert host.run("docker exec mlflow-model-%s touch /opt/model/model/x", served.instances()[0]).rc != 0


def test_prometheus_reads_requests_errors_and_latency_of_each_model(served):
    said = requests.get(f"http://{served.server.address}:{METRICS}/metrics", timeout=30).text
    for code in ("200", "400"):
        assert re.search(rf'^caddy_http_request_duration_seconds_count{{code="{code}",.*server="demand"}} [1-9]', said, re.M), said
    assert re.search(r'^caddy_http_request_duration_seconds_bucket{code="200",.*server="demand_staging",le="1"} [1-9]', said, re.M)


def examples(kind):
    """The examples of the page, of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", (ROOT / "docs/deployment.md").read_text(encoding="utf-8"), re.M | re.S)


def test_the_example_inventory_is_the_one_that_runs_here(host):
    assert yaml.safe_load(examples("yaml")[0])["mlflow_model_models"] == host.ansible.get_variables()["mlflow_model_models"]


def test_the_example_request_is_answered(served):
    _curl, url, _header, header, _data, data = shlex.split(examples("sh")[0])
    answer = requests.post(url.replace("127.0.0.1", served.server.address), data, headers=dict([header.split(": ")]), timeout=30)
    assert answer.status_code == 200 and answer.json()["predictions"] == pytest.approx(DOUBLE)


def test_the_example_program_loads_the_model_and_its_versions(served):
    environment = {**os.environ, "MLFLOW_TRACKING_URI": served.server.url, "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run([trainer(), "-c", examples("python")[0]], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^predicts (2\.0|1\.9999)\d*\nversion 1 of run \w{32}$", done.stdout, re.M), done.stdout
    assert "there is 2 of run " in done.stdout and re.search(r"^aliases .*'staging': '?2", done.stdout, re.M), done.stdout
