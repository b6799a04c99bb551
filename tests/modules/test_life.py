"""From nothing to nothing on a server with users: check run, first run, second run, drift seen and repaired, removal."""

from __future__ import annotations

import pytest

# Whatever MLflow takes, the modules must: both kinds of quotes, a backslash, a percent sign, a slash where it may be.
EXPERIMENT = "/team/ünits \"q\" it's \\ 50 %"
MODEL = "dëmand \"q\" it's \\ 50 %"
USER, USER_PASSWORD = "ada ü/x", "ada's pass/word"
HOOK = "deploy.hook-1"
SOURCE = "s3://bucket/a model"

PRESENT = [
    ("mlflow_experiment", {"name": EXPERIMENT, "artifact_location": "s3://bucket/prefix", "tags": {"team": "it's \"ü\"", "number": 7, "on": True}}),
    ("mlflow_registered_model", {"name": MODEL, "description": "Ünits\n\"of\" demand", "tags": {"team": "energy", "list": [1, "ü"]}}),
    ("mlflow_model_version", {"model": MODEL, "source": SOURCE, "tags": {"release": "1.4.0"}, "version_tag": "release", "aliases": ["staging"]}),
    ("mlflow_registered_model", {"name": MODEL, "aliases": {"production": 1}}),
    ("mlflow_user", {"name": USER, "user_password": USER_PASSWORD, "update_password": "always"}),
    ("mlflow_permission", {"user": USER, "experiment": EXPERIMENT, "permission": "EDIT"}),
    ("mlflow_permission", {"user": USER, "registered_model": MODEL, "permission": "READ"}),
    ("mlflow_webhook", {"name": HOOK, "url": "https://127.0.0.1:9/x", "events": ["model_version_alias.created", "model_version.created"], "secret": "hush"}),
]
ABSENT = [
    ("mlflow_permission", {"user": USER, "registered_model": MODEL, "state": "absent"}),
    ("mlflow_permission", {"user": USER, "experiment": EXPERIMENT, "state": "absent"}),
    ("mlflow_user", {"name": USER, "state": "absent"}),
    ("mlflow_webhook", {"name": HOOK, "state": "absent"}),
    ("mlflow_model_version", {"model": MODEL, "source": SOURCE, "state": "absent"}),
    ("mlflow_registered_model", {"name": MODEL, "state": "absent"}),
    ("mlflow_experiment", {"name": EXPERIMENT, "state": "absent"}),
]


@pytest.fixture(scope="module")
def before(asking):
    return asking.everything()


def test_a_check_run_on_nothing_tells_all_and_makes_nothing(asking, play, before):
    done = play(PRESENT, "--check", "--diff", server=asking)
    assert done.changed == [True] * len(PRESENT)
    assert done.results[0]["diff"]["before"] == {}
    assert done.results[0]["diff"]["after"]["tags"] == {"team": "it's \"ü\"", "number": "7", "on": "true"}
    assert done.results[2]["model_version"]["aliases"] == ["staging"] and "version" not in done.results[2]["model_version"]
    assert asking.everything() == before


def test_a_run_makes_all(asking, play, before):
    assert play(PRESENT, server=asking).changed == [True] * len(PRESENT)
    found = asking.ask("GET", "experiments/get-by-name", {"experiment_name": EXPERIMENT})["experiment"]
    assert found["artifact_location"] == "s3://bucket/prefix"
    assert {tag["key"]: tag["value"] for tag in found["tags"]} == {"team": "it's \"ü\"", "number": "7", "on": "true"}
    model = asking.ask("GET", "registered-models/get", {"name": MODEL})["registered_model"]
    assert model["description"] == "Ünits\n\"of\" demand"
    assert {tag["key"]: tag["value"] for tag in model["tags"]} == {"team": "energy", "list": '[1, "ü"]'}
    assert {alias["alias"]: alias["version"] for alias in model["aliases"]} == {"staging": "1", "production": "1"}
    assert asking.ask("GET", "model-versions/get", {"name": MODEL, "version": "1"})["model_version"]["source"] == SOURCE
    granted = asking.ask("GET", "users/permissions/list", {"username": USER}, version="3.0")
    assert not granted["is_admin"]
    assert [(one["resource_pattern"], one["permission"]) for one in granted["permissions"]] == [(found["experiment_id"], "EDIT"), (MODEL, "READ")]
    (hook,) = asking.ask("GET", "webhooks")["webhooks"]
    assert (hook["name"], hook["status"], len(hook["events"])) == (HOOK, "ACTIVE", 2)


def test_a_second_run_changes_nothing(asking, play):
    before = asking.everything()
    assert play(PRESENT, "--diff", server=asking).changed == [False] * len(PRESENT)
    assert asking.everything() == before


def drift(asking):
    """Change by hand what the modules made: one thing for each task."""
    number = asking.ask("GET", "experiments/get-by-name", {"experiment_name": EXPERIMENT})["experiment"]["experiment_id"]
    asking.ask("POST", "experiments/set-experiment-tag", {"experiment_id": number, "key": "team", "value": "another"})
    asking.ask("POST", "experiments/delete", {"experiment_id": number})
    asking.ask("PATCH", "registered-models/update", {"name": MODEL, "description": "another"})
    asking.ask("DELETE", "model-versions/delete-tag", {"name": MODEL, "version": "1", "key": "release"})
    asking.ask("DELETE", "registered-models/alias", {"name": MODEL, "alias": "production"})
    asking.ask("PATCH", "users/update-password", {"username": USER, "password": "another password"})
    role = asking.ask("GET", "users/permissions/list", {"username": USER}, version="3.0")["permissions"][0]["role_id"]
    first = asking.ask("GET", "roles/permissions/list", {"role_id": role}, version="3.0")["role_permissions"][0]["id"]
    asking.ask("PATCH", "roles/permissions/update", {"role_permission_id": first, "permission": "DENY"}, version="3.0")
    asking.ask("POST", "users/permissions/revoke", {"username": USER, "resource_type": "registered_model", "resource_id": MODEL}, version="3.0")
    hook = asking.ask("GET", "webhooks")["webhooks"][0]["webhook_id"]
    asking.ask("PATCH", f"webhooks/{hook}", {"url": "https://127.0.0.1:9/another"})


def test_drift_is_told_and_then_repaired(asking, play, call):
    wanted = asking.everything()
    drift(asking)
    drifted = asking.everything()
    done = play(PRESENT, "--check", "--diff", server=asking)
    assert done.changed == [True] * len(PRESENT)
    assert [(result["diff"]["before"].get(key), result["diff"]["after"].get(key)) for result, key in zip(done.results, (
        "lifecycle_stage", "description", "tags", "aliases", "password", "permission", "permission", "url"))] == [
        ("deleted", "active"), ("another", "Ünits\n\"of\" demand"), ({}, {"release": "1.4.0"}), ({"staging": "1"}, {"staging": "1", "production": "1"}),
        ("another", "as wanted"), ("DENY", "EDIT"), (None, "READ"), ("https://127.0.0.1:9/another", "https://127.0.0.1:9/x")]
    assert USER_PASSWORD not in done.output
    assert asking.everything() == drifted
    assert [call(module, asking, **options)["changed"] for module, options in PRESENT] == [True] * len(PRESENT)
    assert asking.everything() == wanted


def test_all_of_it_is_removed(asking, play, call, before):
    there = asking.everything()
    assert [call(module, asking, True, **options)["changed"] for module, options in ABSENT] == [True] * len(ABSENT)
    assert asking.everything() == there
    assert play(ABSENT, server=asking).changed == [True] * len(ABSENT)
    left = asking.everything()
    assert (left["models"], left["versions"], left["webhooks"]) == ([], [], [])
    assert [user["username"] for user in left["users"]] == [user["username"] for user in before["users"]]
    assert {one["name"]: one["lifecycle_stage"] for one in left["experiments"]}[EXPERIMENT] == "deleted"
    assert [call(module, asking, **options)["changed"] for module, options in ABSENT] == [False] * len(ABSENT)
