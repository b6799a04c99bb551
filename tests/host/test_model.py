"""Models of the registry, served: asked by clients on another machine."""

from __future__ import annotations

import re

import pytest
import requests
from models import DOUBLE, METRICS, TRIPLE, Served

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
