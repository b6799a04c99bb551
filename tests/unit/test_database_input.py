"""Bad input of role mlflow_database is refused before anything on the host changes, with variable, value and fix, and no password in it."""

from __future__ import annotations

import socket

import pytest
from refusals import ends_of_cases

SECRET = "hush-hush-password"
GOOD = {"mlflow_database_password": SECRET}
# What is set beside GOOD, and what the message must hold. Refused without asking the host, which has no Python.
INPUT = {
    "unlike": ({"case_databases": ["far", "unlike"], "mlflow_database_max_connections": 300},
               "mlflow_database_max_connections, mlflow_database_password of unlike differs from that of far"),
    "rebuild-the-primary": ({"case_databases": ["rebuild-the-primary", "like"], "mlflow_database_rebuild": "rebuild-the-primary, like"},
                            "mlflow_database_rebuild names rebuild-the-primary, which is no standby. The standbys are like"),
    "short-standby-password": ({"mlflow_database_standby_password": "hush"}, "mlflow_database_standby_password (not shown) is not as it must be"),
    "standby-wal": ({"mlflow_database_standby_wal": "all"}, "mlflow_database_standby_wal is 'all'"),
    "texts": ({"mlflow_database_extra_names": "a,b", "mlflow_database_settings": "{}"},
              "mlflow_database_extra_names, mlflow_database_settings is text and no list"),
    "name": ({"mlflow_database_name": "ml-flow"}, "mlflow_database_name is 'ml-flow'"),
    "name-of-others": ({"mlflow_database_name": "postgres"}, "mlflow_database_name is 'postgres'"),
    "user": ({"mlflow_database_user": "Ml flow"}, "mlflow_database_user is 'Ml flow'"),
    "superuser": ({"mlflow_database_user": "postgres"}, "mlflow_database_user is 'postgres'"),
    "cluster": ({"mlflow_database_cluster": "../main"}, "mlflow_database_cluster is '../main'"),
    "no-password": ({"mlflow_database_password": ""}, "mlflow_database_password is empty"),
    "short-password": ({"mlflow_database_password": "hush-short"}, "mlflow_database_password (not shown) has 10 characters"),
    "odd-password": ({"mlflow_database_password": "hush-hush-pässword"}, "mlflow_database_password (not shown) has characters"),
    "port": ({"mlflow_database_port": 0}, "mlflow_database_port is 0"),
    "address": ({"mlflow_database_address": "db.example.com:5432"}, "db.example.com:5432 in mlflow_database_address"),
    "more-names": ({"mlflow_database_extra_names": ["ok.example.com", "no/good"]}, "no/good in mlflow_database_address or mlflow_database_extra_names"),
    "clients": ({"mlflow_database_extra_clients": ["192.0.2.7"]}, "192.0.2.7 in mlflow_database_extra_clients"),
    "networks": ({"mlflow_database_container_networks": ["all"]}, "all in mlflow_database_extra_clients or mlflow_database_container_networks"),
    "connections": ({"mlflow_database_max_connections": 10001}, "mlflow_database_max_connections is 10001"),
    "too-few": ({"mlflow_database_max_connections": 120, "case_servers": ["far", "further"]},
                "can ask for 128 connections at once; 20 more are for maintenance. Set it to 148 or more"),
    "too-few-with-users": ({"mlflow_database_max_connections": 260, "case_servers": ["far", "users"]}, "can ask for 256 connections at once"),
    "memory": ({"mlflow_database_memory": "half"}, "mlflow_database_memory is 'half'"),
    "little-memory": ({"mlflow_database_memory": "255MB"}, "mlflow_database_memory is '255MB'"),
    "own-setting": ({"mlflow_database_settings": {"port": 1, "work_mem": "8MB"}}, "mlflow_database_settings has port, which"),
    "no-setting": ({"mlflow_database_settings": {"include 'x'": "y"}}, "mlflow_database_settings has include 'x', which"),
    "long-setting": ({"mlflow_database_settings": {"work_mem": "8MB\nport = 1"}}, "mlflow_database_settings has a value of more than one line"),
    "misspelt": ({"mlflow_database_usre": "x"}, "mlflow_database_usre: did you mean mlflow_database_user?"),
}
# What only the host, here this machine, can tell.
HOST = {
    "port-taken": ({"mlflow_database_port": "{port}"}, "mlflow_database_port is {port}, and that port of port-taken is taken by"),
}
ACCEPTED = {
    "plain": {},
    "primary": {"case_databases": ["primary", "like"], "mlflow_database_synchronous": True, "mlflow_database_standby_password": "hush-hush:\\hush'x"},
    "standby": {"case_databases": ["like", "standby"], "mlflow_database_rebuild": "standby"},
    "no-server": {"case_servers": []},
    "names": {"mlflow_database_address": "db.example.com", "mlflow_database_extra_names": ["192.0.2.9", "db2"]},
    "networks-of-both-kinds": {"mlflow_database_extra_clients": ["192.0.2.0/24", "2001:db8::/64"], "mlflow_database_container_networks": []},
    "numbers-as-text": {"mlflow_database_port": "5433", "mlflow_database_max_connections": "200"},
    "sizes": {"mlflow_database_memory": "8GB", "mlflow_database_settings": {"work_mem": "64MB", "auto_explain.log_min_duration": 100, "jit": False}},
    "just-enough": {"mlflow_database_max_connections": 148, "case_servers": ["far", "further"]},
}
OTHERS = {"far": {}, "like": GOOD, "further": {}, "users": {"mlflow_auth": "basic", "mlflow_workers": 8}}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Where each case ended: (task, message)."""
    folder = tmp_path_factory.mktemp("database-input")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield run(folder, listener.getsockname()[1])


def run(folder, port):
    extra = {"__mlflow_database_hosts": "{{ case_databases | default([inventory_hostname]) }}",
             "__mlflow_database_servers": "{{ case_servers | default([inventory_hostname]) }}"}
    found, output = ends_of_cases("mlflow_database", folder, GOOD, INPUT, HOST, ACCEPTED, {"{port}": port}, extra, OTHERS)
    assert "hush" not in output
    return {name: (*end, port) for name, end in found.items()}


@pytest.mark.parametrize("name", INPUT)
def test_refused_before_the_host_is_asked(ended, name):
    task, told, _port = ended[name]
    assert "Refuse" in task, f"{task}: {told}"
    assert INPUT[name][1] in " ".join(told.split())
    assert len(told.strip().splitlines()) == (2 if name == "misspelt" else 1), told


@pytest.mark.parametrize("name", HOST)
def test_refused_before_the_host_is_changed(ended, name):
    task, told, port = ended[name]
    assert "Refuse a host that cannot carry the database" in task, f"{task}: {told}"
    assert HOST[name][1].replace("{port}", str(port)) in " ".join(told.split())


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(ended, name):
    assert "Learn the names of the host" in ended[name][0], ended[name][1]


def test_every_rule_has_a_case(tree):
    assert len(tree.yaml("roles/mlflow_database/vars/main/input_rules.yml")["__mlflow_database_input_rules"]) < len(INPUT)
