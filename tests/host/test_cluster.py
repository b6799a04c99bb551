"""Planned work on two servers behind one name, under load: clients that never try again see no request fail."""

from __future__ import annotations

import os
import pathlib

import pytest
import requests
from cluster_load import FIRST, SECOND, Load, container
from conftest import wait_for
from extent import full_only
from upgrades import NEW_VERSION, OLD_VERSION, url_of

testinfra_hosts = ["ansible://mlflow_proxies"]


def versions(proxy):
    return [requests.get(url_of(name) + "/version", auth=proxy.admin, timeout=10).text.strip('"\n ') for name in (FIRST, SECOND)]


def test_an_upgrade_goes_from_server_to_server_and_fails_no_request(proxy, servers, client, site):
    """The first migrates the schema while the second, still the old version, serves."""
    assert versions(proxy) == [OLD_VERSION] * 2
    with Load(proxy) as load:
        pathlib.Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "upgraded").touch()
        outcome = site.run("mlflow_servers", variables={"mlflow_upgrade_external_backup_confirmed": True})
    assert outcome.status == 0, outcome.output[-3000:]
    assert versions(proxy) == [NEW_VERSION] * 2
    assert (load.failed, load.user.failed) == ([], [])
    assert load.lost(client) == {} and load.count() > 200


@pytest.mark.parametrize("name", [FIRST, SECOND])
def test_what_one_wrote_the_other_reads(client, servers, name, tmp_path):
    run = client.create_run("0").info.run_id
    client.log_text(run, "the same", "a/b.txt")
    server = servers[name == SECOND]
    assert server.client().get_run(run).info.run_id == run
    assert [file.path for file in server.client().list_artifacts(run, "a")] == ["a/b.txt"]
    # Through the server: this client trusts the store's certificate no more than any other does.
    assert pathlib.Path(server.client().download_artifacts(run, "a/b.txt", tmp_path)).read_text(encoding="utf-8") == "the same"
    assert server.fact["backend_store"].startswith("postgresql+psycopg://1")


@full_only
def test_a_change_of_configuration_fails_no_request(proxy, servers, client, site):
    """Each server stops once, as in an upgrade, and these clients do not try again."""
    before = [container(server) for server in servers]
    with Load(proxy) as load:
        outcome = site.run("mlflow_servers", variables={"mlflow_environment": {"ROLLED": "1"}})
    assert outcome.status == 0, outcome.output[-3000:]
    assert all(container(server) != old for server, old in zip(servers, before)), "a server was not restarted"
    assert (load.failed, load.user.failed) == ([], [])
    assert load.lost(client) == {} and load.count() > 200


def test_a_host_that_stops_its_units_as_at_a_shutdown_fails_no_request(proxy, servers, client):
    """The engine and what stands on it. A container that stands for a host might come back from a shutdown with another address."""
    with Load(proxy) as load:
        servers[1].host.check_output("systemctl stop docker.socket docker.service")
        load.more(50)
        assert not servers[1].healthy()
        servers[1].host.check_output("systemctl start mlflow")
        wait_for(servers[1].healthy, "the host serves again", 120)
    assert (load.failed, load.user.failed) == ([], [])
    assert load.lost(client) == {}


def test_a_restart_of_the_proxy_fails_no_call_of_the_client(proxy, client):
    """While nobody listens, connections are refused; MLflow's client tries them again. A reload drops none: see test_proxy.py."""
    with Load(proxy) as load:
        proxy.host.check_output("systemctl restart mlflow-proxy")
        load.more(50)
    assert load.user.failed == []
    assert load.lost(client) == {}
