"""Ten thousand runs, read to the last page; and the lookup."""

from __future__ import annotations

import sqlite3

import pytest

COUNT = 10_000


@pytest.fixture(scope="module")
def many(open_server):
    """An experiment with runs that no client had to log one by one."""
    number = open_server.ask("POST", "experiments/create", {"name": "many"})["experiment_id"]
    root = open_server.ask("GET", "experiments/get", {"experiment_id": number})["experiment"]["artifact_location"]
    names = [f"{index:032x}" for index in range(COUNT)]
    with sqlite3.connect(open_server.database, timeout=60) as database:
        database.executemany(
            "insert into runs (run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri, experiment_id)"
            " values (?, ?, 'LOCAL', 'ada', 'FINISHED', ?, ?, 'active', ?, ?)",
            [(name, f"run {index}", index, index + 1, f"{root}/{name}/artifacts", number) for index, name in enumerate(names)])
        database.executemany(
            "insert into latest_metrics (key, value, timestamp, step, is_nan, run_uuid) values ('accuracy', ?, 0, 0, 0, ?)",
            [(index / COUNT, name) for index, name in enumerate(names)])
    database.close()
    return number


def test_every_one_of_ten_thousand_runs_is_listed_once(open_server, play, many):
    done = play([
        {"mlops.mlflow.mlflow_info": {"kind": "runs", "experiments": ["many"]}, "register": "all", "no_log": True},
        {"ansible.builtin.assert": {"that": [
            f"all.resources | length == {COUNT}",
            f"all.resources | map(attribute='run_id') | unique | length == {COUNT}",
            f"all.resources | map(attribute='experiment_id') | unique == ['{many}']",
        ]}},
        ("mlflow_info", {"kind": "runs", "experiments": ["many"], "filter": "metrics.accuracy >= 0.89995", "order_by": ["metrics.accuracy DESC"], "limit": 3}),
        ("mlflow_info", {"kind": "runs", "filter": "metrics.accuracy >= 0.89995 and attributes.status = 'FINISHED'", "view": "all", "limit": 1001}),
    ], server=open_server)
    assert done.status == 0, done.output
    best = done.results[2]["resources"]
    assert [run["run_name"] for run in best] == ["run 9999", "run 9998", "run 9997"]
    assert best[0]["metrics"] == {"accuracy": 0.9999} and best[0]["status"] == "FINISHED" and best[0]["start_time"] == 9999
    assert len(done.results[3]["resources"]) == 1000


def test_a_filter_that_mlflow_does_not_understand_is_its_error(open_server, call):
    told = call("mlflow_info", open_server, kind="runs", filter="nonsense ~ 1")
    assert told["error_code"] == "INVALID_PARAMETER_VALUE" and told["msg"].startswith("listing runs was answered with 400 INVALID_PARAMETER_VALUE: ")
    assert "no filter" in call("mlflow_info", open_server, kind="webhooks", filter="name = 'x'")["msg"]


def test_the_lookup_finds_what_an_alias_stands_for(open_server, play):
    open_server.ask("POST", "registered-models/create", {"name": "it's \"ü\" at@home"})
    open_server.ask("POST", "model-versions/create", {"name": "it's \"ü\" at@home", "source": "s3://b/x"})
    open_server.ask("POST", "registered-models/alias", {"name": "it's \"ü\" at@home", "alias": "production", "version": "1"})
    where = f"tracking_uri='{open_server.uri}'"
    done = play([
        {"ansible.builtin.debug": {"msg": f"{{{{ lookup('mlops.mlflow.mlflow_model', name ~ '@production', {where}) }}}}"},
         "vars": {"name": "it's \"ü\" at@home"}},
        {"ansible.builtin.debug": {"msg": "{{ lookup('mlops.mlflow.mlflow_model', name ~ '@production').version }}"},
         "vars": {"name": "it's \"ü\" at@home"}},
        {"ansible.builtin.debug": {"msg": f"{{{{ lookup('mlops.mlflow.mlflow_model', 'none@production', {where}) }}}}"}, "ignore_errors": True},
        {"ansible.builtin.debug": {"msg": f"{{{{ lookup('mlops.mlflow.mlflow_model', 'none', {where}) }}}}"}, "ignore_errors": True},
    ], environment={"MLFLOW_TRACKING_URI": open_server.uri})
    found = done.results[0]["msg"]
    assert (found["version"], found["source"], found["uri"], found["artifact_uri"]) == ("1", "s3://b/x", "models:/it's \"ü\" at@home/1", "s3://b/x")
    assert done.results[1]["msg"] in ("1", 1)
    assert "404 RESOURCE_DOES_NOT_EXIST" in done.results[2]["msg"]
    assert "'none' is not NAME@ALIAS" in done.results[3]["msg"]
