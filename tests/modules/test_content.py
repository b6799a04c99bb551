"""A file of 200 experiments and 50 models (a fifth of that without bin/test --full): applied, drifted, repaired.

Promotion by rules; what is refused changes nothing.
"""

from __future__ import annotations

import os
import time

import pytest

EXPERIMENTS, MODELS = (200, 50) if os.environ.get("MLFLOW_TEST_FULL") == "yes" else (40, 10)
USERS = [{"name": f"member-{number}", "user_password": f"a password of {number}"} for number in range(3)]
CONTENT = {
    "experiments": [{"name": f"content/{number} \"ü\"", "tags": {"team": "it's energy", "number": number}} for number in range(EXPERIMENTS)],
    "registered_models": [{"name": f"content-{number}", "description": f"model {number}", "tags": {"team": "energy"}} for number in range(MODELS)],
    "users": USERS,
    "permissions": [{"user": user["name"], "experiment": f"content/{number} \"ü\"", "permission": "EDIT"} for number, user in enumerate(USERS)]
    + [{"user": "member-0", "registered_model": "content-0", "permission": "READ"}],
}
MODEL = "content-0"


@pytest.fixture(scope="module")
def filled(asking):
    """The server; other tests begin with one that has none of this in it."""
    yield asking
    for one in CONTENT["experiments"]:
        number = asking.ask("GET", "experiments/get-by-name", {"experiment_name": one["name"]})["experiment"]["experiment_id"]
        asking.ask("POST", "experiments/delete", {"experiment_id": number})
    for one in CONTENT["registered_models"]:
        asking.ask("DELETE", "registered-models/delete", {"name": one["name"]})
    for one in USERS:
        asking.ask("DELETE", "users/delete", {"username": one["name"]})


def test_a_check_foretells_what_a_run_does_and_a_second_run_has_nothing_to_do(filled, play, call):
    before = filled.everything()
    done = play([("mlflow_content", CONTENT)], "--check", "--diff", server=filled)
    assert done.changed == [True] and filled.everything() == before
    foretold = done.results[0]
    assert foretold["diff"]["before"][f"model {MODEL}"] == {} and foretold["diff"]["after"][f"model {MODEL}"]["description"] == "model 0"
    done = play([("mlflow_content", CONTENT), ("mlflow_content", CONTENT)], server=filled)
    assert done.changed == [True, False]
    assert done.results[0]["changes"] == foretold["changes"] and done.results[1]["changes"] == []
    assert len(foretold["changes"]) == EXPERIMENTS + MODELS + 3 + 4
    after = filled.everything()
    assert len(after["experiments"]) == len(before["experiments"]) + EXPERIMENTS and len(after["models"]) == len(before["models"]) + MODELS
    granted = filled.ask("GET", "users/permissions/list", {"username": "member-0"}, version="3.0")["permissions"]
    assert sorted((one["resource_type"], one["permission"]) for one in granted) == [("experiment", "EDIT"), ("registered_model", "READ")]
    assert "a password of" not in done.output and call("mlflow_content", filled, True, **CONTENT)["changed"] is False


def test_lists_take_a_third_of_the_time_of_one_call_for_each(filled, call, record_property):
    def timed(work):
        begin = time.monotonic()
        work()
        return time.monotonic() - begin

    def one_by_one():
        for one in CONTENT["experiments"]:
            filled.ask("GET", "experiments/get-by-name", {"experiment_name": one["name"]})
        for one in CONTENT["registered_models"]:
            filled.ask("GET", "registered-models/get", {"name": one["name"]})

    only = {kind: CONTENT[kind] for kind in ("experiments", "registered_models")}
    ratio = timed(lambda: call("mlflow_content", filled, **only)) / timed(one_by_one)
    record_property("ratio", f"{ratio:.2f}")
    assert ratio <= 0.3


def test_drift_is_shown_and_repaired(filled, call):
    wanted = filled.everything()
    number = filled.ask("GET", "experiments/get-by-name", {"experiment_name": CONTENT["experiments"][7]["name"]})["experiment"]["experiment_id"]
    filled.ask("POST", "experiments/delete", {"experiment_id": number})
    filled.ask("PATCH", "registered-models/update", {"name": MODEL, "description": "another"})
    filled.ask("DELETE", "registered-models/delete-tag", {"name": "content-1", "key": "team"})
    filled.ask("POST", "users/permissions/revoke", {"username": "member-0", "resource_type": "registered_model", "resource_id": MODEL}, version="3.0")
    drifted = filled.everything()
    shown = call("mlflow_content", filled, True, **CONTENT)
    names = [f"experiment {CONTENT['experiments'][7]['name']}", f"model {MODEL}", "model content-1",
             f"permission of user member-0 for registered model {MODEL}"]
    assert shown["changed"] and list(shown["diff"]["before"]) == names
    assert (shown["diff"]["before"][names[0]]["lifecycle_stage"], shown["diff"]["after"][names[0]]["lifecycle_stage"]) == ("deleted", "active")
    assert filled.everything() == drifted
    assert call("mlflow_content", filled, **CONTENT)["changed"] is True
    assert filled.everything() == wanted and call("mlflow_content", filled, **CONTENT)["changed"] is False


@pytest.fixture(scope="module")
def versions(filled):
    """Two versions of the model: the second is validated and better, and only it was made of a run."""
    filled.ask("POST", "model-versions/create", {"name": MODEL, "source": "s3://b/x"})
    run = filled.ask("POST", "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    filled.ask("POST", "runs/log-metric", {"run_id": run, "key": "accuracy", "value": 0.95, "timestamp": 0, "step": 0})
    filled.ask("POST", "model-versions/create", {"name": MODEL, "source": "s3://b/y", "run_id": run})
    filled.ask("POST", "model-versions/set-tag", {"name": MODEL, "version": "2", "key": "validated", "value": "true"})


POLICY = {"alias": "production", "tags": {"validated": True}, "metrics": [{"name": "accuracy", "min": 0.9}]}


@pytest.mark.parametrize(("version", "policy", "says"), [
    (1, POLICY, "it has no tag validated, it was made without a run"),
    (2, {**POLICY, "metrics": [{"name": "accuracy", "min": 0.96}]}, "its metric accuracy is 0.95 and must be at least 0.96"),
    (2, {**POLICY, "metrics": [{"name": "loss", "max": 1}]}, "its run has no metric loss"),
    (2, {**POLICY, "tags": {"validated": "by hand"}}, "its tag validated is 'true' and must be 'by hand'"),
    (2, {"alias": "production", "movers": ["ops"]}, "admin may not move it, only ops may"),
    (3, POLICY, f"model {MODEL} has no version 3 that alias production could stand for"),
])
def test_a_version_that_must_not_be_promoted_is_refused_and_nothing_else_done(filled, call, versions, version, policy, says):
    before = filled.everything()
    models = [{"name": MODEL, "aliases": {"production": version}}, {"name": "content-new"}]
    told = call("mlflow_content", filled, registered_models=models, promotion=[policy])
    assert told["failed"] and says in told["msg"] and told["msg"].startswith("Nothing was changed: ") and len(told["problems"]) == 1, told
    assert filled.everything() == before


def test_a_version_that_fulfils_the_rules_is_promoted(filled, call, versions):
    models = [{"name": MODEL, "aliases": {"production": 2}}]
    policies = [{**POLICY, "movers": ["admin"]}, {"alias": "production", "registered_models": ["content-1"], "movers": []}]
    assert call("mlflow_content", filled, registered_models=models, promotion=policies)["changes"] == [f"setting alias production of model {MODEL}"]
    # one that stands where it should is not asked about again
    assert not call("mlflow_content", filled, registered_models=models, promotion=[{**POLICY, "movers": ["ops"]}])["changed"]


@pytest.mark.parametrize(("options", "says"), [
    ({"experiments": [{"name": "twice"}, {"name": "twice"}]}, "experiments has twice twice"),
    ({"experiments": [{"name": "Default", "artifact_location": "s3://elsewhere"}]}, "experiment Default keeps its artifacts in"),
    ({"users": [{"name": "nobody"}]}, "there is no user nobody, and no user_password to make him with"),
    ({"permissions": [{"user": "nobody", "experiment": "Default", "permission": "READ"}]}, "there is no user nobody for the permission"),
    ({"permissions": [{"user": "admin", "registered_model": "none", "permission": "READ"}]}, "there is no registered model none for the permission"),
])
def test_what_cannot_be_is_refused_before_anything_is_done(filled, call, options, says):
    before = filled.everything()
    told = call("mlflow_content", filled, **{"registered_models": [{"name": "content-new"}], **options})
    assert told["failed"] and says in told["msg"], told
    assert filled.everything() == before


def test_what_is_taken_away_is_what_is_named(filled, call):
    name = CONTENT["experiments"][1]["name"]
    gone = {"users": [{"name": "member-2", "state": "absent"}], "permissions": [{"user": "member-1", "experiment": name, "state": "absent"}]}
    wanted = ["removing user member-2", f"revoking the permission of user member-1 for experiment {name}"]
    assert call("mlflow_content", filled, **gone)["changes"] == wanted
    assert call("mlflow_content", filled, **gone)["changes"] == []
    assert call("mlflow_content", filled, **CONTENT)["changed"]
