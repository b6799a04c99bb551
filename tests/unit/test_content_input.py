"""Bad input of role mlflow_content is refused before the host is asked, with variable, value and fix; and where the server is asked."""

from __future__ import annotations

import pytest
from refusals import ends_of

FILLED = {"mlflow_content_experiments": [{"name": "forecasts"}]}
USERS = {"mlflow_content_users": [{"name": "ada", "user_password": "hush-pass-word"}]}
# What is set, and what the message must hold.
REFUSED = {
    "uri-of-what": ({**FILLED, "mlflow_content_tracking_uri": "mlflow.example.com"}, "mlflow_content_tracking_uri is 'mlflow.example.com'. Give a URL"),
    "uri-with-password": ({**FILLED, "mlflow_content_tracking_uri": "https://me:hush@mlflow.example.com"}, "is 'https://***@mlflow.example.com'"),
    "user-alone": ({**FILLED, "mlflow_content_username": "ada"}, "mlflow_content_username is 'ada' and mlflow_content_password (not shown) is empty"),
    "password-alone": ({**FILLED, "mlflow_content_password": "hush"}, "mlflow_content_password (not shown) is not empty. Give both"),
    "users-of-none": (USERS, "mlflow_content_users is set, and mlflow_auth is 'none', with which MLflow has no users of its own"),
    "permissions-of-oidc": (
        {**USERS, "mlflow_auth": "oidc", "mlflow_content_permissions": [{"user": "ada", "experiment": "x", "permission": "READ"}]},
        "mlflow_content_users and mlflow_content_permissions are set, and mlflow_auth is 'oidc'",
    ),
    "choice-state": ({"mlflow_content_experiments": [{"name": "forecasts", "state": "gone"}]}, "value of state must be one of: present, absent, got: gone"),
    "choice-permission": (
        {"mlflow_content_permissions": [{"user": "ada", "experiment": "x", "permission": "ALL"}]}, "value of permission must be one of: READ",
    ),
    "nameless": ({"mlflow_content_registered_models": [{"description": "x"}]}, "missing required arguments: name"),
    "misspelt-key": ({"mlflow_content_experiments": [{"name": "x", "tag": {"a": "b"}}]}, "tag"),
    "bound": ({**FILLED, "mlflow_content_promotion": [{"alias": "production", "metrics": [{"name": "accuracy", "min": "high"}]}]}, "min"),
}
ACCEPTED = {
    "experiments": FILLED,
    "users": {**USERS, "mlflow_auth": "basic"},
    "users-elsewhere": {**USERS, "mlflow_content_tracking_uri": "https://mlflow.example.com", "mlflow_content_token": "hush-token"},
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    hosts = {name: given for name, (given, _says) in REFUSED.items()} | ACCEPTED
    found, output = ends_of("mlflow_content", tmp_path_factory.mktemp("content-input"), hosts, {"ansible_python_interpreter": "/nowhere/python3"})
    return {name: (task, result, str(result["msg"])) for name, (task, result) in found.items()}, output


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_the_host_is_asked(ended, name):
    task, result, told = ended[0][name]
    assert "Refuse" in task or "Validating arguments against arg spec" in task, f"{task}: {told}"
    assert REFUSED[name][1] in " ".join(f"{told} {result.get('argument_errors', '')}".split())
    assert len(told.strip().splitlines()) == 1 or "argument_errors" in result, told


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(ended, name):
    wanted = "Bring the server to what is written" if "mlflow_content_tracking_uri" in ACCEPTED[name] else "Learn where the server answers"
    assert wanted in ended[0][name][0], ended[0][name]


def test_no_secret_is_told(ended):
    assert "hush" not in ended[1]


def test_every_rule_has_a_case(tree):
    told = [say for _given, say in REFUSED.values()]
    rules = tree.yaml("roles/mlflow_content/vars/main/input_rules.yml")["__mlflow_content_rules"]
    assert len(rules) == 3 and len(told) > len(rules)
