"""Nearly every variable set to something else: what clients get of it, under the name, prefix and addresses that were asked for."""

from __future__ import annotations

import os
import pathlib
import socket

import mlflow
import pytest
import requests
from conftest import Server

testinfra_hosts = ["ansible://mlflow_servers"]

NAME = "tracking.example.com"
URL = f"http://{NAME}:8080/ml"
SEARCH = "/api/2.0/mlflow/experiments/search"


@pytest.fixture(scope="module")
def tracking(host):
    return Server(host, "tracking")


@pytest.fixture
def uvicorn(tracking):
    if tracking.fact["server_engine"] != "uvicorn":
        pytest.skip("gunicorn serves the Flask part alone: no check of Host and Origin, no jobs")
    return tracking


@pytest.fixture
def name(tracking, monkeypatch):
    """The site's name server, as far as this process is concerned: the public name leads to the host."""
    ask = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: ask(tracking.address if host == NAME else host, *rest, **more))
    return NAME


def call(tracking, **headers):
    return requests.post(tracking.url + SEARCH, json={"max_results": 1}, headers=headers, timeout=20)


def test_a_client_works_under_the_public_name_and_prefix(tracking, name, tmp_path):
    client = mlflow.MlflowClient(URL)
    experiment = client.create_experiment(f"custom-{os.urandom(4).hex()}")
    run = client.create_run(experiment).info.run_id
    client.log_metric(run, "accuracy", 0.5)
    (tmp_path / "report.txt").write_text("kept")
    client.log_artifact(run, str(tmp_path / "report.txt"))
    assert client.get_run(run).data.metrics == {"accuracy": 0.5}
    assert pathlib.Path(client.download_artifacts(run, "report.txt", str(tmp_path))).read_text() == "kept"
    kept = tracking.host.check_output("find /srv/tracking/artifacts -name report.txt")
    assert run in kept
    assert requests.get(URL + "/", timeout=20).status_code == 200


def test_it_answers_on_the_addresses_it_was_given_and_on_no_other(tracking):
    ask = "python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).status)' %s"
    assert tracking.fact["local_url"] == f"http://{tracking.address}:8080/ml"
    assert tracking.host.check_output(ask, "http://127.0.0.1:8081/ml/health") == "200"
    assert "refused" in tracking.host.run(ask, "http://127.0.0.1:8080/ml/health").stderr
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{tracking.address}:8081/ml/health", timeout=5)


def test_names_that_were_added_pass_and_foreign_ones_do_not(uvicorn):
    assert call(uvicorn, Host="gpu7.lab.example.com").status_code == 200
    assert call(uvicorn, Host=f"{NAME}:8080").status_code == 200
    refused = call(uvicorn, Host="evil.example.org")
    assert (refused.status_code, "Invalid Host header" in refused.text) == (403, True)


def test_pages_of_the_origin_that_was_added_may_post_and_foreign_ones_not(uvicorn):
    welcome = call(uvicorn, Origin="https://portal.example.com")
    assert welcome.status_code == 200
    assert welcome.headers["Access-Control-Allow-Origin"] == "https://portal.example.com"
    assert call(uvicorn, Origin=f"http://{NAME}:8080").status_code == 200
    assert call(uvicorn, Origin="https://evil.example.org").status_code == 403


def test_options_of_the_server_reach_it(uvicorn):
    assert requests.get(uvicorn.url + "/", timeout=20).headers["X-Frame-Options"] == "DENY"


def test_a_stop_takes_seconds_even_with_a_client_that_holds_on(tracking):
    with socket.create_connection((tracking.address, 8080)) as held:
        held.sendall(f"POST /ml{SEARCH} HTTP/1.1\r\nHost: {NAME}:8080\r\nContent-Length: 1000\r\n\r\n{{".encode())
        seconds = float(tracking.host.check_output(
            "python3 -c 'import subprocess, time; t = time.time(); subprocess.check_call([\"systemctl\", \"stop\", \"tracking\"]); print(time.time() - t)'"))
    # mlflow_stop_timeout, then ten seconds until the engine ends it, then what a busy machine takes
    assert seconds < 4 + 10 + 6
    tracking.host.check_output("systemctl start tracking")
    assert tracking.healthy()


def test_two_servers_on_one_host_know_nothing_of_each_other(tracking):
    if not tracking.host.file("/etc/ansible/facts.d/sandbox.fact").exists:
        assert tracking.host.backend.get_hostname() != "mlflow-custom-debian12"
        pytest.skip("the second server stands on Debian 12")
    sandbox = Server(tracking.host, "sandbox")
    title = f"sandbox-{os.urandom(4).hex()}"
    sandbox.client().create_experiment(title)
    assert tracking.client().get_experiment_by_name(title) is None
    assert {tuple(line.split()[1:]) for line in sandbox.host.check_output("docker top sandbox -eo pid,uid,gid").splitlines()[1:]} == {("4811", "4812")}
    sandbox.host.check_output("systemctl stop sandbox")
    assert tracking.healthy()
    assert not sandbox.healthy()
    sandbox.host.check_output("systemctl start sandbox")
    assert sandbox.client().get_experiment_by_name(title)
