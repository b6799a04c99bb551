"""Faults that only show on the way: the message says what to try, a server that runs goes on, and the next run repairs."""

from __future__ import annotations

import contextlib
import json

import pytest
from conftest import answers
from extent import FULL
from provisioning import BUILD, Client, address_of, difference, host_of, snapshot

SERVERS = ["mlflow-faults-debian12", "mlflow-faults-debian13"][:2 if FULL else 1]
LIMIT = ",".join(SERVERS)
# An index that answers and has nothing: the build gets as far as its first package.
EMPTY_INDEX = "mkdir -p /srv/index && systemd-run --quiet --unit faults-empty python3 -m http.server --directory /srv/index 5058"
BUILDS = {
    "base-image-not-there": (
        BUILD | {"mlflow_base_image_tag": "3.12-slimm"},
        ["mlflow_base_image is 'python:3.12-slimm'", "could not be had from its registry", "Correct mlflow_base_image and mlflow_base_image_tag"],
    ),
    "package-not-there": (
        BUILD | {"mlflow_package_index_url": "http://{{ ansible_facts['default_ipv4']['address'] }}:5058/", "mlflow_image_extras": ["s3"]},
        ["mlflow_version is '3.17.2'", "does not have all that it needs", "mlflow_package_index_url", ":5058/"],
    ),
}
NO_DATABASE = {"mlflow_backend_store_uri": "postgresql+psycopg://me:hush@127.0.0.1:1/mlflow"}
NO_START = {"mlflow_server_options": ["--no-such-option"]}


def journal(name):
    return host_of(name).run("journalctl -u mlflow -u mlflow-watchdog -u docker -n 60 --no-pager -o short-monotonic").stdout[-6000:]


def container(name):
    return host_of(name).check_output("docker container inspect --format '{{.Id}} {{.State.StartedAt}}' mlflow")


@pytest.fixture(scope="module", params=BUILDS if FULL else ["package-not-there"])
def failed_build(request, site):
    """One run of site.yml on both servers with a build that fails, while clients go on working."""
    variables, says = BUILDS[request.param]
    for name in SERVERS:
        host_of(name).check_output(EMPTY_INDEX)
    before = {name: (container(name), snapshot(name)) for name in SERVERS}
    try:
        with contextlib.ExitStack() as stack:
            clients = {name: stack.enter_context(Client(name)) for name in SERVERS}
            outcome = site.run(LIMIT, variables=variables)
        after = {name: (container(name), snapshot(name)) for name in SERVERS}
    finally:
        for name in SERVERS:
            host_of(name).run("systemctl stop faults-empty; rm -rf /srv/index")
    return outcome, says, before, after, clients


@pytest.mark.parametrize("name", SERVERS)
def test_a_build_that_fails_says_why_and_leaves_the_server_running(failed_build, name):
    outcome, says, before, after, clients = failed_build
    assert name in outcome.failed, outcome.output[-3000:]
    told = outcome.message(name)
    assert [part for part in [*says, "was not touched", "Last lines of the build"] if part not in told] == [], told
    assert clients[name].refused[:2] == [], journal(name)
    assert clients[name].answers > 5
    assert after[name][0] == before[name][0], "the server was restarted"
    # the folder that held the build's files is gone again, which its parent's time shows
    assert [line for line in difference(before[name][1], after[name][1]) if not line.startswith("/etc/mlflow d ")] == []


def test_a_loaded_image_of_another_version_is_told(site):
    before = {name: container(name) for name in SERVERS}
    outcome = site.run(LIMIT, variables={"mlflow_version": "3.16.1"})
    for name in SERVERS:
        told = outcome.message(name)
        assert "mlflow_version is 3.16.1 and the server is 3.17.2" in told, told
        assert "Set mlflow_version to what" in told, told
        assert container(name) == before[name], "the server was restarted"
        assert json.loads(host_of(name).file("/etc/ansible/facts.d/mlflow.fact").content_string)["version"] == "3.17.2"


def test_a_server_that_has_runs_is_not_started_on_another_database(site):
    before = {name: container(name) for name in SERVERS}
    outcome = site.run(LIMIT, variables=NO_DATABASE)
    for name in SERVERS:
        told = outcome.message(name)
        assert f"the server of {name} has its runs in /mlflow/mlflow.db. Copy them with playbooks/migrate_backend.yml" in told, told
        assert container(name) == before[name], "the server was restarted"
    assert "hush" not in outcome.output and outcome.changed == {}


@pytest.fixture(scope="module")
def without_server(site):
    """A server that does not start; then what a check foretells, what the next run does, and what a check says after it."""
    broken = site.run(LIMIT, variables=NO_START)
    down = {name: not answers(f"http://{address_of(name)}:5001/health") for name in SERVERS}
    foretold = site.run(LIMIT, check=True)
    repaired = site.run(LIMIT)
    return broken, down, foretold, repaired, site.run(LIMIT, check=True)


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_does_not_start_is_told_with_the_reason(without_server, name):
    broken, down, _foretold, _repaired, _quiet = without_server
    told = broken.message(name)
    for part in ("does not serve as asked", "service-change | Run the server", "Try: systemctl status mlflow", "No such option '--no-such-option'",
                 'mlflow_server_options is ["--no-such-option"], which \'mlflow server\' of 3.17.2 does not take'):
        assert part in told
    assert down[name]


@pytest.mark.parametrize("name", SERVERS)
def test_check_mode_foretells_what_the_next_run_does(without_server, name):
    _broken, _down, foretold, repaired, _quiet = without_server
    assert foretold.status == 0, foretold.output[-3000:]
    assert repaired.status == 0, repaired.output[-3000:]
    assert foretold.phases(name) == repaired.phases(name) != set()


@pytest.mark.parametrize("name", SERVERS)
def test_the_next_run_repairs_and_then_nothing_is_to_do(without_server, name):
    quiet = without_server[-1]
    assert answers(f"http://{address_of(name)}:5001/health")
    assert (quiet.status, quiet.changed) == (0, {}), quiet.output[-3000:]
