"""Bad input of role mlflow_client is refused before anything on the host changes, with variable, value and fix, and no secret in it."""

from __future__ import annotations

import pytest
from proxy_certificates import Authority
from refusals import ends_of_cases

GOOD = {"mlflow_client_tracking_uri": "https://mlflow.example.com"}
VENV = {"venv": "/opt/no-mlflow-client", "version": "3.17.2"}
# What is set beside GOOD, without the beginning mlflow_client_, and what the message must hold. Refused without asking the host, which has no Python.
INPUT = {
    "text-for-list": ({"extra_packages": "humanize"}, "mlflow_client_extra_packages is text and not what it should be"),
    "no-server": ({"tracking_uri": ""}, "mlflow_client_tracking_uri is '' and group mlflow_servers has no host"),
    "uri-of-what": ({"tracking_uri": "mlflow.example.com"}, "mlflow_client_tracking_uri is 'mlflow.example.com'. Give a URL"),
    "uri-with-password": ({"tracking_uri": "https://me:hush@mlflow.example.com"}, "is 'https://***@mlflow.example.com'"),
    "ca-gone": ({"ca_file": "/nowhere/ca.crt"}, "mlflow_client_ca_file is '/nowhere/ca.crt', which is no file on the controller"),
    "ca-relative-on-host": ({"ca_file": "ca.crt", "ca_on_host": True}, "mlflow_client_ca_file is 'ca.crt'. With mlflow_client_ca_on_host"),
    "user-alone": ({"username": "ada"}, "mlflow_client_username is 'ada' and mlflow_client_password (not shown) is empty"),
    "password-alone": ({"password": "hush"}, "mlflow_client_password (not shown) is not empty. Give both"),
    "two-ways": ({"username": "ada", "password": "hush", "token": "hush"}, "mlflow_client_username and mlflow_client_token (not shown) are both set"),
    "two-lines": ({"username": "ada", "password": "hush\nhush"}, "(not shown) has more than one line"),
    "account-name": ({"users": [{"name": "Ada L"}]}, 'mlflow_client_users has the names ["Ada L"]'),
    "account-twice": ({"users": [{"name": "ada"}, {"name": "ada"}]}, "Give each account once"),
    "account-half": ({"users": [{"name": "ada", "password": "hush"}]}, "mlflow_client_users gives ada a user without a password"),
    "account-two-ways": ({"users": [{"name": "ada", "username": "a", "password": "hush", "token": "hush"}]}, "entries with both username and token"),
    "interval": ({"system_metrics_interval": 0}, "mlflow_client_system_metrics_interval is 0. Give 1 second"),
    "environment-name": ({"environment": {"A-B": "x"}}, 'mlflow_client_environment has the names ["A-B"]'),
    "environment-secret": ({"environment": {"MLFLOW_TRACKING_PASSWORD": "hush"}}, "mlflow_client_environment has MLFLOW_TRACKING_PASSWORD, which other"),
    "environment-lines": ({"environment": {"A": "one\ntwo"}}, "mlflow_client_environment has a value of more than one line"),
    "relative-venv": ({**VENV, "venv": "mlflow"}, "mlflow_client_venv is 'mlflow'. Give an absolute path"),
    "root-venv": ({**VENV, "venv": "/opt"}, "mlflow_client_venv is '/opt'"),
    "version": ({**VENV, "version": "latest"}, "mlflow_client_version is 'latest'"),
    "no-version": ({**VENV, "version": ""}, "mlflow_client_version is '' and group mlflow_servers has no host"),
    "python": ({"python": "python3"}, "mlflow_client_python is 'python3'. Give the absolute path"),
    "index": ({"package_index_url": "ftp://u:hush@mirror/simple"}, "mlflow_client_package_index_url is 'ftp://***@mirror/simple'"),
    "package-ca": ({"package_ca_bundle": "ca.pem"}, "mlflow_client_package_ca_bundle is 'ca.pem'"),
    "connection": ({"airflow_connection": "my mlflow"}, "mlflow_client_airflow_connection is 'my mlflow'"),
    "root-uid": ({"uid": 0}, "mlflow_client_uid is 0. Give the number of a user who is not root"),
    "artifacts": ({"artifacts_dir": "/mlflow/../etc"}, "mlflow_client_artifacts_dir is '/mlflow/../etc'"),
    "check-experiment": ({"check_experiment": ""}, "mlflow_client_check_experiment is ''"),
    "misspelt": ({"mlflow_client_user": "x"}, "mlflow_client_user: did you mean mlflow_client_users?"),
}
# What only the host, here this machine, can tell.
HOST = {
    "no-server-yet": ({"tracking_uri": "", "case_servers": ["fresh"]}, "and fresh, the first host of mlflow_servers, has no server that could be asked"),
    "no-version-yet": ({**VENV, "version": "", "case_servers": ["fresh"]}, "mlflow_client_version is '', and fresh has no server whose version"),
    "no-root-yet": ({"case_proxies": ["front"]}, "front of the group mlflow_proxies has no root certificate yet"),
    "no-account": ({"users": [{"name": "nobody-at-all"}]}, "mlflow_client_users has nobody-at-all, which is no account of no-account"),
    "ca-not-there": ({"ca_file": "/nowhere/ca.crt", "ca_on_host": True}, "which is no file on ca-not-there"),
    "no-python": ({**VENV, "python": "/nowhere/python3"}, "mlflow_client_python is '/nowhere/python3', which is not on no-python"),
    "venv-of-others": ({**VENV, "venv": "{pki}/venv"}, "/venv', which is there on venv-of-others and was not made by this role"),
    "package-ca-not-there": ({**VENV, "package_ca_bundle": "/nowhere/ca.pem"}, "cannot be used"),
    "artifacts-file": ({"artifacts_dir": "/var/lib/dpkg/status"}, "mlflow_client_artifacts_dir is '/var/lib/dpkg/status', which is no folder"),
}
ACCEPTED = {
    "plain": {},
    "of-the-inventory": {"tracking_uri": "", **VENV, "version": "", "case_servers": ["fresh"]},
    "prefix": {"tracking_uri": "http://192.0.2.7:5001/tracking/"},
    "token": {"token": "hush/+=", "ca_file": "{pki}/good.crt"},
    "users": {"username": "a b", "password": "hush '\"\\ $x", "users": [{"name": "ada"}, {"name": "bob", "username": "bob", "password": "hush"}]},
    "more": {"environment": {"MLFLOW_HTTP_REQUEST_TIMEOUT": 300}, "system_metrics": "no", "uid": "1000"},
    "venv": {**VENV, "extra_packages": ["xgboost==3.1.1"], "package_index_url": "https://u:hush@pypi.example.com/simple"},
}


def named(given):
    return {name if name.startswith(("mlflow_", "case_")) else f"mlflow_client_{name}": value for name, value in given.items()}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Where each case ended: (task, message)."""
    folder = tmp_path_factory.mktemp("client-input")
    with Authority(folder / "pki") as pki:
        (pki.folder / "venv").mkdir()
        refused, on_host = ({name: (named(given), says) for name, (given, says) in group.items()} for group in (INPUT, HOST))
        extra = {"__mlflow_client_servers": "{{ case_servers | default([]) }}", "__mlflow_client_proxies": "{{ case_proxies | default([]) }}"}
        others = {"fresh": {"ansible_connection": "local"}, "front": {"ansible_connection": "local", "mlflow_proxy_name": "mlflow.example.com"}}
        accepted = {name: named(given) for name, given in ACCEPTED.items()}
        found, output = ends_of_cases("mlflow_client", folder, GOOD, refused, on_host, accepted, {"{pki}": pki.folder}, extra, others)
    assert "hush" not in output
    return found


@pytest.mark.parametrize("name", INPUT)
def test_refused_before_the_host_is_asked(ended, name):
    task, told = ended[name]
    assert "Refuse" in task, f"{task}: {told}"
    assert INPUT[name][1] in " ".join(told.split())
    assert len(told.strip().splitlines()) == (2 if name == "misspelt" else 1), told


@pytest.mark.parametrize("name", HOST)
def test_refused_before_the_host_is_changed(ended, name):
    task, told = ended[name]
    assert "Refuse a host that cannot be a client" in task, f"{task}: {told}"
    assert HOST[name][1] in " ".join(told.split())


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(ended, name):
    assert "Learn what the host is" in ended[name][0], ended[name][1]


def test_every_rule_has_a_case(tree):
    for rules, cases in (("input", INPUT), ("host", HOST)):
        assert len(tree.yaml(f"roles/mlflow_client/vars/main/{rules}_rules.yml")[f"__mlflow_client_{rules}_rules"]) <= len(cases)
