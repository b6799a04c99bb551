"""Another version in place of the one that is served. The tests of this file build on each other, in order."""

from __future__ import annotations

import re

import pytest
import requests
from conftest import wait_for
from extent import full_only
from models import DOUBLE, TRIPLE, Served, Users


@pytest.fixture(scope="module")
def served(host, server):
    return Served(host, server)


def test_check_mode_tells_which_version_would_be_served(served, site):
    served.move("2")
    outcome = site.run(served.name, check=True)
    assert outcome.status == 0 and "demand: version 2 of demand@production would be served in place of version 1" in " ".join(outcome.output.split())
    assert served.ask() == DOUBLE and len(served.instances()) == 1


def test_a_moved_alias_is_followed_without_a_failed_request(served, site):
    with Users(served) as users:
        outcome = site.run(served.name)
        assert outcome.status == 0, outcome.output
        for user in users.all:
            before = len(user.answers)
            wait_for(lambda user=user, before=before: len(user.answers) > before + 5, "users go on")
    assert users.failed() == []
    for user in users.all:
        assert user.answers[0] == DOUBLE and user.answers[-1] == TRIPLE
        assert user.answers == sorted(user.answers), "who had an answer of the new version never gets one of the old"
    assert [instance.rsplit("-", 1)[0] for instance in served.instances()] == ["demand-2"]


def test_a_version_that_does_not_work_leaves_the_old_one_serving(served, site, host):
    served.move(served.train("two-features"))
    with Users(served) as users:
        outcome = site.run(served.name)
    said = outcome.message(served.name)
    assert outcome.status != 0, outcome.output
    assert "Model demand (demand@production) is not served as asked: version 3: it answers the sample request with 400" in said, outcome.output
    assert "Version 2 serves on." in said
    unit = re.search(r"journalctl -u (mlflow-model@demand-3-\w+)", said)[1]
    assert "Uvicorn running" in host.check_output("journalctl -o cat -u %s", unit)
    assert users.failed() == [] and served.ask() == TRIPLE
    assert [instance.rsplit("-", 1)[0] for instance in served.instances()] == ["demand-2"]
    served.move("2")


@full_only
def test_an_environment_that_cannot_be_built_is_told_with_its_log(served, site, host):
    served.move(served.train("no-such-package"))
    outcome = site.run(served.name)
    said = outcome.message(served.name)
    assert outcome.status != 0 and "version 4: its environment cannot be built" in said and "Version 2 serves on." in said, outcome.output
    assert "scikit-learn" in host.file(re.search(r"log: (\S+\.log)", said)[1]).content_string
    assert served.ask() == TRIPLE
    served.move("2")


def test_killed_it_starts_again(served, host):
    instance = served.instances()[0]
    started = "docker container inspect --format '{{.State.StartedAt}}' mlflow-model-%s"
    before = host.check_output(started, instance)
    host.check_output("docker kill --signal KILL mlflow-model-%s", instance)
    wait_for(lambda: requests.post(served.url("demand"), json={"inputs": [[1.0]]}, timeout=60).status_code == 200, "it answers again", 120)
    assert host.check_output(started, instance) != before


@full_only
def test_the_host_reboots(served, host):
    import docker

    machine = docker.from_env().containers.get(served.name)
    machine.stop(timeout=60)
    machine.start()
    wait_for(lambda: host.run("systemctl is-system-running").stdout.strip() == "running", "the host has booted", 300)
    served.server.locate()
    served.server.wait(300)
    wait_for(lambda: requests.post(served.url("demand"), json={"inputs": [[1.0]]}, timeout=60).status_code == 200, "it answers again", 300)
    assert served.ask() == TRIPLE and served.ask("demand_staging") == TRIPLE


def test_the_host_follows_and_logs_by_itself_and_removes_old_images(served, site, host):
    asked = {"mlflow_model_follow": "3s", "mlflow_model_log_experiment": "serving", "mlflow_model_log_every": "3s", "mlflow_model_images_keep": 1}
    outcome = site.run(served.name, variables=asked)
    assert outcome.status == 0, outcome.output
    wait_for(lambda: requests_logged(served, "2") >= 1, "what version 2 answered is logged", 300)
    served.move("1")
    wait_for(lambda: served.ask() == DOUBLE, "the timer has followed", 300)
    images = "docker image ls --format '{{.Tag}}' mlflow-model-demand"
    wait_for(lambda: [tag.split("-")[0] for tag in host.check_output(images).split()] == ["1"], "the image of version 2 is removed", 120)
    assert host.check_output("docker image ls --quiet mlflow-model-environment")


def requests_logged(served, version):
    """How many requests the runs of a version in the registry's server tell of."""
    served.ask()
    client = served.server.client()
    experiment = client.get_experiment_by_name("serving")
    wanted = f"tags.model = 'demand' and tags.alias = 'production' and tags.version = '{version}'"
    runs = client.search_runs([experiment.experiment_id], wanted) if experiment else []
    return sum(metric.value for run in runs for metric in client.get_metric_history(run.info.run_id, "requests"))


def test_nothing_of_it_is_left_after_uninstall(served, site, host):
    outcome = site.run(served.name, playbook="uninstall.yml")
    assert outcome.status == 0, outcome.output
    assert host.run("ls -d /etc/mlflow-model* /var/lib/mlflow-model* /var/log/mlflow-model* /run/mlflow-model* /etc/systemd/system/mlflow-model*").stdout == ""
    assert host.check_output("docker image ls --quiet --filter label=io.mlops.mlflow.model.environment") == ""
    assert host.check_output("docker ps --all --quiet --filter name=mlflow-model") == ""
    with pytest.raises(requests.ConnectionError):
        served.ask()
