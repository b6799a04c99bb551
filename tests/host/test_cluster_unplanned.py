"""Two servers behind one name: what clients see while one is killed or cut off, and while the database is away."""

from __future__ import annotations

import time

import pytest
from cluster_load import CLIENTS, DATABASE, FIRST, PROXY, SECOND, STORE, Load, container
from conftest import answers, wait_for
from extent import full_only
from provisioning import address_of, host_of
from upgrades import Playbook

testinfra_hosts = ["ansible://mlflow_proxies"]


def test_a_server_that_is_killed_fails_what_it_had_in_hand(proxy, servers, client):
    with Load(proxy) as load:
        servers[1].host.check_output("kill -9 $(docker container inspect --format '{{.State.Pid}}' mlflow)")
        load.more(200)
        wait_for(servers[1].healthy, "the killed server is back")
    assert len(load.failed) <= CLIENTS and load.user.failed == [], load.failed
    assert load.lost(client) == {}


def test_both_recover_by_themselves_from_a_restart_of_the_database(proxy, client):
    with Load(proxy) as load:
        began = time.monotonic()
        host_of(DATABASE).check_output("systemctl restart postgresql@17-mlflow")
        load.more(50)
        print(f"{time.monotonic() - began:.1f} s from the restart to fifty more writes, {len(load.failed)} requests failed")
    assert load.lost(client) == {}


def test_a_server_that_is_cut_off_from_the_database_comes_back(proxy, servers, client):
    database = host_of(DATABASE).check_output("hostname -I").split()[0]
    rule = f"route %s blackhole {database}/32"
    servers[1].host.check_output("ip " + rule, "add")
    try:
        wait_for(lambda: not answers_to(servers[1], proxy), "the server answers no more", 90)
        assert answers_to(servers[0], proxy)
    finally:
        servers[1].host.check_output("ip " + rule, "del")
    wait_for(lambda: answers_to(servers[1], proxy), "the server is back by itself", 90)


def answers_to(server, proxy):
    return answers(server.url + "/api/2.0/mlflow/experiments/get?experiment_id=0", auth=proxy.admin)


@pytest.mark.parametrize(("source", "target", "port", "reached"), [
    (PROXY, FIRST, 5001, True), (FIRST, DATABASE, 5432, True), (SECOND, STORE, 8333, True),
    (DATABASE, FIRST, 5001, False), (STORE, SECOND, 5001, False), (PROXY, DATABASE, 5432, False), (STORE, DATABASE, 5432, False),
    (PROXY, STORE, 8333, False), (DATABASE, STORE, 8333, False), (FIRST, STORE, 8346, False), (FIRST, SECOND, 5001, False)])
def test_a_port_is_open_for_who_has_a_reason_to_come(proxy, source, target, port, reached):
    connect = f"import socket; socket.create_connection(('{address_of(target)}', {port}), 2)"
    done = host_of(source).run("python3 -c %s", connect)
    assert (done.rc == 0) == reached, done.stderr[-500:]
    assert reached or "timed out" in done.stderr


def test_the_smoke_test_goes_through_the_proxy_with_its_certificate(proxy, servers, site):
    servers[0].host.check_output(f"echo {proxy.address} {proxy.name} >> /etc/hosts")
    outcome = Playbook(site, "smoke_test").run(FIRST)
    assert outcome.status == 0 and f"https://{proxy.name}" in outcome.output, outcome.output[-3000:]


def test_both_start_at_once_on_an_empty_database(servers, proxy):
    """Upstream guards the first start by a file of one machine."""
    for server in servers:
        server.host.check_output("systemctl stop mlflow")
    host_of(DATABASE).check_output("cd / && runuser -u postgres -- psql -q mlflow -c 'DROP OWNED BY mlflow; GRANT ALL ON SCHEMA public TO mlflow'")
    for server in servers:
        server.host.check_output("systemctl start --no-block mlflow")
    for server in servers:
        wait_for(lambda server=server: server.host.check_output("systemctl show mlflow -p ActiveState --value") == "active", "the server is up", 120)
        assert server.host.check_output("systemctl show mlflow -p NRestarts --value") == "0", server.journal()
        assert answers_to(server, proxy)


@pytest.mark.parametrize(("port", "says"), [(5432, "password authentication failed for user"), (5999, "port 5999 failed: Connection refused")])
def test_a_database_that_cannot_be_used_is_told_and_the_servers_go_on(servers, site, port, says):
    database = host_of(DATABASE).check_output("hostname -I").split()[0]
    before = [container(server) for server in servers]
    outcome = site.run("mlflow_servers", variables={"mlflow_backend_store_uri": f"postgresql+psycopg://mlflow:hush@{database}:{port}/mlflow"})
    assert says in outcome.message(FIRST) and "Nothing of the running server was changed" in outcome.message(FIRST), outcome.output[-3000:]
    assert [container(server) for server in servers] == before and "hush" not in outcome.output
    assert SECOND not in outcome.changed and SECOND not in outcome.failed, "the second was touched after the first had failed"


@full_only
def test_a_new_password_reaches_database_and_servers(servers, proxy, site):
    for variables in ({"mlflow_database_password": "another-secret-6e1"}, None):
        outcome = site.run("mlflow_databases:mlflow_servers", variables=variables)
        assert outcome.status == 0, outcome.output[-3000:]
        assert all(answers_to(server, proxy) for server in servers)
        assert "another-secret" not in outcome.output
