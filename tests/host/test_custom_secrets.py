"""Secrets of the operator: they reach the server or the registry, and nothing and nobody else."""

from __future__ import annotations

import base64
import shlex

import pytest
from conftest import Server
from told import JOURNAL, found_in, log, runs

testinfra_hosts = ["ansible://mlflow_servers"]


@pytest.fixture(scope="module")
def tracking(host):
    return Server(host, "tracking")


def test_variables_and_labels_reach_the_container(tracking):
    assert tracking.inspect(".Config.Labels")["team"] == "research"
    if tracking.fact["server_engine"] == "gunicorn":
        pytest.skip("its workers are forks of the process that read the variables: no file of /proc tells them")
    token = tracking.host.ansible.get_variables()["mlflow_environment"]["SITE_TOKEN"]
    pids = tracking.host.check_output("docker top tracking -eo pid").split()[1:]
    told = tracking.host.run("cat " + " ".join(f"/proc/{pid}/environ" for pid in pids) + " | tr '\\0' '\\n'").stdout.splitlines()
    assert f"SITE_TOKEN={token}" in told


@pytest.fixture(scope="module")
def secrets(host):
    """What nobody may see, by words that stay themselves under every quoting; also as the base64 that a registry's log-in is made of."""
    variables = host.ansible.get_variables()
    login = f"{variables['mlflow_registry_username']}:{variables['mlflow_registry_password']}"
    return ["token-secret-9d2", "pull-secret-5c1", "refused-secret-77", base64.b64encode(login.encode()).decode()[:24]]


def test_nothing_is_told_about_secrets_in_processes_units_and_journal(tracking, secrets):
    told = {
        "docker inspect": tracking.host.check_output("docker container inspect tracking"),
        "image": tracking.host.check_output("docker image inspect %s", tracking.fact["image"]),
        "unit": tracking.host.check_output("systemctl cat tracking; systemctl show tracking"),
        "processes": tracking.host.check_output("ps -eww -o args"),
        "journal": tracking.host.check_output(JOURNAL),
    }
    assert all(told.values())
    assert "docker run" in told["processes"]
    assert {place: found_in(text, secrets) for place, text in told.items()} == {place: [] for place in told}


def test_a_secret_lies_in_one_file_that_root_alone_reads(host, secrets):
    words = " ".join(f"-e {shlex.quote(secret)}" for secret in secrets)
    places = "/etc /run /root /home /tmp /var/tmp /var/log /var/lib/systemd /usr/local /opt /srv/tracking"
    found = host.run(f"grep -rlIsF {words} {places}").stdout.split()
    assert found == ["/etc/tracking/mlflow.env"]
    assert host.check_output("stat -c '%U:%G %a' /etc/tracking/mlflow.env") == "root:root 600"


def test_the_loudest_runs_tell_no_secret(secrets):
    """Check, converge, idempotence and a run that failed, all with -vvv and --diff."""
    said = runs() + log("refused.log")
    for task in ("image-pull | Hand over the log-in", "image-pull | Pull the server image", "service-change | Write the environment"):
        assert task in said
    assert "module_args" in said
    assert "+SITE_TOKEN" not in said
    assert found_in(said, secrets) == []


def test_a_refused_login_is_told_in_one_message(secrets):
    said = log("refused.log")
    assert "mlflow_image is 'registry.example.com:5000/research/mlflow:stable'" in said
    assert "could not pull" in said
    assert "mlflow_registry_username" in said


def test_the_image_came_out_of_the_registry_with_a_login_that_is_gone(tracking):
    digests = tracking.host.check_output("docker image inspect -f '{{.RepoDigests}}' %s", tracking.fact["image"])
    assert "registry.example.com:5000/research/mlflow@sha256:" in digests
    assert tracking.host.run("docker pull registry.example.com:5000/research/mlflow:stable").rc != 0
    assert not tracking.host.file("/root/.docker/config.json").exists
    assert not tracking.host.file("/etc/tracking/image").exists
