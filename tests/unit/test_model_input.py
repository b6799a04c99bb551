"""Bad input of role mlflow_model is refused before anything on the host changes, with variable, value and fix, and no password in it."""

from __future__ import annotations

import socket

import pytest
from refusals import ends_of_cases

ONE = {"id": "demand", "name": "demand", "alias": "production"}
GOOD = {"mlflow_model_models": [ONE], "mlflow_model_tracking_uri": "http://127.0.0.1:9"}


def entry(**given):
    return {"mlflow_model_models": [{**ONE, **given}]}


# What is set beside GOOD, and what the message must hold. Refused without asking the host, which has no Python.
INPUT = {
    "models-as-text": ({"mlflow_model_models": "demand"}, "mlflow_model_models"),
    "id": (entry(id="De-mand"), 'mlflow_model_models has an id of ["De-mand"] that cannot be used'),
    "id-twice": ({"mlflow_model_models": [ONE, ONE]}, "mlflow_model_models has an id twice"),
    "alias-and-version": (entry(version="1"), "mlflow_model_models does not say which version of demand is served"),
    "neither": ({"mlflow_model_models": [{"id": "demand", "name": "demand"}]}, "does not say which version of demand"),
    "version": ({"mlflow_model_models": [{"id": "demand", "name": "demand", "version": "latest"}]}, "mlflow_model_models has a version that is no number"),
    "workers": (entry(workers=0), "mlflow_model_models has 0 where workers"),
    "pids": (entry(pids=4), "mlflow_model_models has 4 where workers"),
    "timeout": (entry(timeout=0), "mlflow_model_models has 0 where workers"),
    "memory": (entry(memory="2 gigs"), "mlflow_model_models has a memory that the Engine does not know"),
    "cpus": (entry(cpus="half"), "mlflow_model_models has cpus that are no number"),
    "network": (entry(network="--privileged"), "mlflow_model_models has a network that is no name"),
    "unknown-key": (entry(colour="blue"), "colour"),
    "follow": ({"mlflow_model_follow": "often"}, "mlflow_model_follow is 'often'"),
    "log-every": ({"mlflow_model_log_every": ""}, "mlflow_model_log_every is ''"),
    "uri": ({"mlflow_model_tracking_uri": "http://u:hush@mlflow:5001"}, "mlflow_model_tracking_uri is 'http://***@mlflow:5001'"),
    "no-password": ({"mlflow_model_username": "me"}, "mlflow_model_username is 'me', and mlflow_model_password is empty"),
    "token-too": ({"mlflow_model_username": "me", "mlflow_model_password": "hush", "mlflow_model_token": "hush"}, "are both set"),
    "bind": ({"mlflow_model_bind_address": "localhost"}, "mlflow_model_bind_address is 'localhost'"),
    "port": ({"mlflow_model_port": 0}, "mlflow_model_port is 0"),
    "one-port": ({"mlflow_model_metrics_port": 5002}, "mlflow_model_metrics_port is 5002"),
    "wait": ({"mlflow_model_wait_seconds": -1}, "mlflow_model_wait_seconds is too small"),
    "drain": ({"mlflow_model_drain_seconds": 0}, "mlflow_model_drain_seconds is too small"),
    "start": ({"mlflow_model_start_seconds": 1}, "mlflow_model_start_seconds is too small"),
    "keep": ({"mlflow_model_images_keep": 0}, "mlflow_model_images_keep is too small"),
    "base": ({"mlflow_model_base_image": "--help"}, "mlflow_model_base_image is '--help'"),
    "index": ({"mlflow_model_package_index_url": "ftp://u:hush@mirror"}, "mlflow_model_package_index_url is 'ftp://***@mirror'"),
    "relative-ca": ({"mlflow_model_ca_file": "ca.pem"}, "mlflow_model_ca_file is 'ca.pem'"),
    "misspelt": ({"mlflow_model_modles": []}, "mlflow_model_modles: did you mean mlflow_model_models?"),
}
# What only the host, here this machine, can tell.
HOST = {
    "port-taken": ({"mlflow_model_port": "{port}"}, "port {port} of port-taken is taken by"),
    "ca-gone": ({"mlflow_model_ca_file": "/nowhere/ca.pem"}, "mlflow_model_ca_file is '/nowhere/ca.pem', which on ca-gone cannot be used"),
    "no-registry": ({"mlflow_model_tracking_uri": ""}, "mlflow_model_tracking_uri is '', and no-registry runs no tracking server"),
}
ACCEPTED = {
    "plain": {},
    "none": {"mlflow_model_models": []},
    "version-number": {"mlflow_model_models": [{"id": "a_1", "name": "My model", "version": 3, "cpus": 1.5, "memory": "512m", "network": "bridge"}]},
    "user": {"mlflow_model_username": "me", "mlflow_model_password": "hush", "mlflow_model_follow": "5min"},
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Where each case ended: (task, message, the port that is taken)."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found, _output = ends_of_cases("mlflow_model", tmp_path_factory.mktemp("model-input"), GOOD, INPUT, HOST, ACCEPTED, {"{port}": port}, {})
    return {name: (*end, port) for name, end in found.items()}


@pytest.mark.parametrize("name", INPUT)
def test_refused_before_the_host_is_asked(ended, name):
    task, told, _port = ended[name]
    assert "Refuse" in task or "Validating arguments" in task, f"{task}: {told}"
    assert INPUT[name][1] in " ".join(told.split()) and "hush" not in told


@pytest.mark.parametrize("name", HOST)
def test_refused_before_the_host_is_changed(ended, name):
    task, told, port = ended[name]
    assert "Refuse a host that cannot carry the models" in task, f"{task}: {told}"
    assert HOST[name][1].replace("{port}", str(port)) in " ".join(told.split())


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(ended, name):
    assert "Learn the names of the host" in ended[name][0], ended[name][1]


def test_every_rule_has_a_case(tree):
    assert len(tree.yaml("roles/mlflow_model/vars/main/input_rules.yml")["__mlflow_model_input_rules"]) < len(INPUT)
