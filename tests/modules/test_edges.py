"""What the modules make of single cases, most of them on a server without users that has workspaces."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def logged(open_server):
    """A run with artifacts, and with three models logged: two of one name, the higher step first."""
    number = open_server.ask("POST", "experiments/create", {"name": "edges"})["experiment_id"]
    info = open_server.ask("POST", "runs/create", {"experiment_id": number})["run"]["info"]
    outputs, models = [], {}
    for name, step in (("forest", 9), ("forest", 1), ("line", 0)):
        fields = {"experiment_id": number, "name": name, "source_run_id": info["run_id"]}
        model = open_server.ask("POST", "logged-models", fields)["model"]["info"]["model_id"]
        open_server.ask("PATCH", f"logged-models/{model}", {"model_id": model, "status": "LOGGED_MODEL_READY"})
        outputs.append({"model_id": model, "step": step})
        models[f"{name} {step}"] = model
    open_server.ask("POST", "runs/outputs", {"run_id": info["run_id"], "models": outputs})
    return {"run_id": info["run_id"], "artifact_uri": info["artifact_uri"], **models}


def test_tags_are_merged_removed_by_null_and_purged_on_request(open_server, call):
    def tags(module, key, **options):
        done = call(module, open_server, name="tagged", **options)
        return done["changed"], done[key]["tags"]

    for module, key in (("mlflow_experiment", "experiment"), ("mlflow_registered_model", "registered_model")):
        assert tags(module, key, tags={"a": 1.5, "b": "x", "mlflow.note.content": "about"})[0]
        assert tags(module, key, tags={"b": "y", "c": False}) == (True, {"a": "1.5", "b": "y", "c": "false", "mlflow.note.content": "about"})
        assert tags(module, key, tags={"a": None, "never": None}) == (True, {"b": "y", "c": "false", "mlflow.note.content": "about"})
        assert tags(module, key, tags={"a": None}) == (False, {"b": "y", "c": "false", "mlflow.note.content": "about"})
        assert tags(module, key, tags={"b": "y"}, purge_tags=True) == (True, {"b": "y", "mlflow.note.content": "about"})
        assert not tags(module, key, tags={"b": "y"}, purge_tags=True)[0]


def test_an_experiment_keeps_the_place_of_its_artifacts(asking, call):
    assert call("mlflow_experiment", asking, name="placed", artifact_location="s3://one/x")["changed"]
    assert not call("mlflow_experiment", asking, name="placed", artifact_location="s3://one/x/")["changed"]
    for check in (False, True):
        assert "keeps its artifacts in s3://one/x, which" in call("mlflow_experiment", asking, check, name="placed", artifact_location="s3://two")["msg"]


def test_a_version_is_made_once_of_what_a_run_logged(open_server, call, logged):
    assert call("mlflow_registered_model", open_server, name="of runs")["changed"]
    made = {"model": "of runs", "run_id": logged["run_id"]}
    first = call("mlflow_model_version", open_server, **made, artifact_path="forest")
    assert first["model_version"]["source"] == f"models:/{logged['forest 9']}" and first["model_version"]["run_id"] == logged["run_id"]
    second = call("mlflow_model_version", open_server, **made, artifact_path="files/model")
    assert second["model_version"]["source"] == f"{logged['artifact_uri']}/files/model" and second["model_version"]["version"] == "2"
    for path, number in (("forest", "1"), ("files/model", "2")):
        again = call("mlflow_model_version", open_server, **made, artifact_path=path)
        assert (again["changed"], again["model_version"]["version"]) == (False, number)
    assert not call("mlflow_model_version", open_server, model="of runs", source=f"models:/{logged['forest 9']}")["changed"]
    assert "RESOURCE_DOES_NOT_EXIST" in call("mlflow_model_version", open_server, model="of runs", run_id="0" * 32, artifact_path="x")["msg"]


def test_a_version_is_promoted_by_moving_an_alias(open_server, call):
    call("mlflow_registered_model", open_server, name="promoted")
    for number in (1, 2):
        call("mlflow_model_version", open_server, model="promoted", source=f"s3://b/{number}", aliases=["production", f"only-{number}"])
    listed = call("mlflow_info", open_server, kind="registered_models", filter="name = 'promoted'")["resources"]
    assert listed[0]["aliases"] == {"production": "2", "only-1": "1", "only-2": "2"}
    done = call("mlflow_model_version", open_server, model="promoted", version="1", aliases=["production"], purge_aliases=True, description="ü")
    assert (done["changed"], done["model_version"]["aliases"], done["model_version"]["description"]) == (True, ["production"], "ü")
    done = call("mlflow_registered_model", open_server, name="promoted", aliases={"only-2": None, "new": 1}, purge_aliases=True)
    assert done["registered_model"]["aliases"] == {"new": "1"}
    assert "has no version 9 that alias new" in call("mlflow_registered_model", open_server, name="promoted", aliases={"new": 9})["msg"]
    warned = call("mlflow_registered_model", open_server, True, name="promoted", aliases={"new": 9})
    assert warned["changed"] and "has no version 9" in str(warned["warnings"])
    assert "has no version 9, and MLflow" in call("mlflow_model_version", open_server, model="promoted", version="9")["msg"]
    assert "no registered model never" in call("mlflow_model_version", open_server, model="never", source="s3://b/1")["msg"]
    assert not call("mlflow_model_version", open_server, model="never", version="1", state="absent")["changed"]


def test_a_semantic_version_is_one_and_is_another_s_no_more(open_server, call):
    call("mlflow_registered_model", open_server, name="released")

    def release(number, tag):
        return call("mlflow_model_version", open_server, model="released", source=f"s3://b/{number}", tags={"release": tag}, version_tag="release")

    assert release(1, "1.0.0-rc.1+x")["changed"] and not release(1, "1.0.0-rc.1+x")["changed"]
    assert "must be a semantic version such as 1.4.0, and is '1.0'" in release(2, "1.0")["msg"]
    assert "is None" in release(2, None)["msg"]
    assert "version 1 of model released has 1.0.0-rc.1+x as its tag release already" in release(2, "1.0.0-rc.1+x")["msg"]
    assert len(call("mlflow_info", open_server, kind="model_versions", filter="name = 'released'")["resources"]) == 1


def test_a_workspace_lives_and_holds_what_others_do_not_see(open_server, play):
    named = {"name": "team-a"}
    done = play([
        ("mlflow_workspace", {**named, "description": "Ü"}),
        ("mlflow_workspace", {**named, "description": "Ü", "workspace": "not-there"}),
        ("mlflow_experiment", {"name": "inside", "workspace": "team-a"}),
        ("mlflow_info", {"kind": "experiments", "filter": "name = 'inside'"}),
        ("mlflow_info", {"kind": "experiments", "filter": "name = 'inside'", "workspace": "team-a"}),
        ("mlflow_workspace", {**named, "state": "absent"}),
        {"mlops.mlflow.mlflow_workspace": {**named, "state": "absent", "removal": "cascade"}, "check_mode": True},
        ("mlflow_workspace", {**named, "state": "absent", "removal": "cascade"}),
        ("mlflow_workspace", {**named, "state": "absent"}),
        ("mlflow_info", {"kind": "workspaces"}),
    ], "--diff", server=open_server)
    assert [bool(result.get("changed")) for result in done.results] == [True, False, True, False, False, False, True, True, False, False]
    assert done.results[0]["diff"]["after"] == {"name": "team-a", "description": "Ü", "default_artifact_root": ""}
    assert done.results[3]["resources"] == [] and len(done.results[4]["resources"]) == 1
    assert done.results[5]["error_code"] == "INVALID_STATE" and done.results[5]["status"] == 500
    # other tests may have workspaces of their own on this server
    names = {one["name"] for one in done.results[9]["resources"]}
    assert "default" in names and "team-a" not in names


def test_a_webhook_is_switched_off_and_given_another_secret(open_server, call):
    hook = {"name": "hook", "url": "https://127.0.0.1:9/x", "events": ["prompt.created"]}
    assert "url and events are needed" in call("mlflow_webhook", open_server, name="hook", enabled=True)["msg"]
    assert call("mlflow_webhook", open_server, **hook, description="d")["webhook"]["status"] == "ACTIVE"
    done = call("mlflow_webhook", open_server, name="hook", enabled=False, description="", events=["prompt_tag.set", "model_version.created"])
    assert (done["webhook"]["status"], done["webhook"]["description"]) == ("DISABLED", "")
    assert done["webhook"]["events"] == ["model_version.created", "prompt_tag.set"]
    assert not call("mlflow_webhook", open_server, name="hook", secret="new")["changed"]
    assert call("mlflow_webhook", open_server, name="hook", secret="new", update_secret="always")["changed"]
    open_server.ask("POST", "webhooks", {"name": "hook", "url": hook["url"], "events": [{"entity": "PROMPT", "action": "CREATED"}]})
    assert "2 webhooks have the name hook" in call("mlflow_webhook", open_server, name="hook", state="absent")["msg"]
