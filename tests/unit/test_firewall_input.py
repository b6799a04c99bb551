"""Bad input of role mlflow_firewall is refused before anything on the host changes, with variable, value and fix; and what the rules let in."""

from __future__ import annotations

import pytest
from refusals import ends_of

SSH = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 2222}
# What is set, and what the message must hold. Refused without asking the host, which has no Python.
INPUT = {
    "texts": ({"mlflow_firewall_clients": "192.0.2.7", "mlflow_firewall_open_ports": "22"},
              "mlflow_firewall_clients, mlflow_firewall_open_ports is text and no list"),
    "client": ({"mlflow_firewall_clients": ["192.0.2.0/24", "192.0.2.256"]}, "192.0.2.256 in mlflow_firewall_clients is no address and no network"),
    "client-with-rule": ({"mlflow_firewall_clients": ["192.0.2.1 } accept; #"]}, "192.0.2.1 } accept; # in mlflow_firewall_clients"),
    "client-by-name": ({"mlflow_firewall_clients": ["monitor.example.com"]}, "monitor.example.com in mlflow_firewall_clients"),
    "port": ({"mlflow_firewall_open_ports": [22, 70000]}, "mlflow_firewall_open_ports is [22, 70000]. Give ports"),
    "own-way": ({"mlflow_firewall_others": "drop", **SSH}, "Ansible itself comes in at port 2222 of own-way"),
    "misspelt": ({"mlflow_firewall_client": []}, "mlflow_firewall_client: did you mean mlflow_firewall_clients?"),
}
ACCEPTED = {
    "plain": {},
    "networks": {"mlflow_firewall_clients": ["192.0.2.7", "192.0.2.0/24", "2001:db8::/64", "::1"]},
    "drop": {"mlflow_firewall_others": "drop"},
    "drop-and-own-way": {"mlflow_firewall_others": "drop", **SSH, "mlflow_firewall_open_ports": [2222, "9100"]},
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    hosts = {name: given for name, (given, _says) in INPUT.items()} | ACCEPTED
    found, _output = ends_of("mlflow_firewall", tmp_path_factory.mktemp("firewall-input"), hosts, {"ansible_python_interpreter": "/nowhere/python3"})
    return {name: (task, str(result["msg"])) for name, (task, result) in found.items()}


@pytest.mark.parametrize("name", INPUT)
def test_refused_before_the_host_is_asked(ended, name):
    task, told = ended[name]
    assert "Refuse" in task, f"{task}: {told}"
    assert INPUT[name][1] in " ".join(told.split())
    assert len(told.strip().splitlines()) == (2 if name == "misspelt" else 1), told


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(ended, name):
    assert "Learn the names of the host" in ended[name][0], ended[name]


def test_every_rule_has_a_case(tree):
    assert len(tree.yaml("roles/mlflow_firewall/vars/main/rules.yml")["__mlflow_firewall_input_rules"]) < len(INPUT)
