"""The callback mlflow_run: what it logs of real runs of ansible-playbook, read back through MLflow's own client."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess

from callback_runs import FAIL, PATIENT, SAY, SECRET

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/callback.md"


def test_the_page_s_example_logs_a_play(asking, play, log_in, logged, tmp_path):
    example, = re.findall(r"^```ini\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.S | re.M)
    settings = tmp_path / "ansible.cfg"
    settings.write_text(example.replace("https://mlflow.example.com", asking.uri), encoding="utf-8")
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    tasks = [
        {"name": "image | Build {{ word }}/../x: \"ü\"", "ansible.builtin.command": "sleep 0.2", "loop": [1, 2], "when": "inventory_hostname == 'web1'"},
        {"name": "Make user {{ word }}", "ansible.builtin.command": {"cmd": "cat", "stdin": "{{ word }}"}, "no_log": True},
        {"name": "..", "ansible.builtin.debug": {"msg": "{{ word }}"}, "register": "kept"},
        {"ansible.builtin.command": "false", "ignore_errors": True},
        {"ansible.builtin.command": "echo {{ word }}", "changed_when": False, "delegate_to": "localhost", "run_once": True},
    ]
    given = {name: value for name, value in log_in(asking).items() if name != "MLFLOW_TRACKING_URI"}
    given.update(PATIENT, ANSIBLE_CONFIG=str(settings))
    done = play(tasks, "-v", "-e", f"word={SECRET}", environment=given, callback="ansible.builtin.default", hosts="web1,web2")
    (run, summary), = logged(asking, "ansible")
    assert done.status == 0 and f"mlflow_run: this playbook is logged as run {run.info.run_id}" in done.stdout, done.output
    assert (run.info.status, run.info.run_name, run.info.user_id) == ("FINISHED", "play.yml", "")
    counts = {"changed": 5, "failed": 0, "ignored": 2, "rescued": 0, "skipped": 1, "unreachable": 0}
    assert run.data.metrics.items() >= {**counts, "hosts": 2, "host/web1/changed": 3, "host/web2/changed": 2, "host/web2/skipped": 1}.items(), run.data.metrics
    seconds = {name: value for name, value in run.data.metrics.items() if name.startswith("task_seconds/")}
    assert set(seconds) == {f"task_seconds/{name}" for name in (
        "image _ Build _ word _.._x_ _ü", "Make user _ word", "_", "ansible.builtin.command")}
    assert 0.4 <= seconds["task_seconds/image _ Build _ word _.._x_ _ü"] < run.data.metrics["duration_seconds"]
    assert sum(seconds.values()) < run.data.metrics["duration_seconds"]
    assert abs(run.info.end_time - run.info.start_time - 1000 * run.data.metrics["duration_seconds"]) < 50
    about = {"ansible.playbook": "play.yml", "ansible.plays": "web1,web2", "ansible.hosts": "web1, web2", "ansible.check_mode": "false",
             "mlflow.source.name": "play.yml", "mlflow.source.git.commit": commit}
    assert run.data.tags.items() >= about.items() and run.data.tags["ansible.version"].startswith("2.") and "mlflow.user" not in run.data.tags
    assert summary["totals"].items() >= counts.items() and summary["hosts"]["web1"]["changed"] == 3 and summary["failures"] == []
    assert summary["slowest_tasks"][0]["seconds"] >= summary["slowest_tasks"][-1]["seconds"]
    assert {one["task"] for one in summary["slowest_tasks"]} >= {'image | Build {{ word }}/../x: "ü"', "Make user {{ word }}"}
    # nowhere in what the server keeps, where the name of the task with no_log is
    stored = [path.read_bytes() for path in asking.folder.rglob("*") if path.is_file()]
    assert any(b"Make user {{ word }}" in one for one in stored) and not any(SECRET.encode() in one for one in stored)


def test_a_play_that_fails_is_logged_as_failed_without_what_it_said(open_server, watched, log_in, logged):
    # a host on which no folder can be made counts as unreachable
    reach = {"name": "Reach", "ansible.builtin.command": "true", "vars": {"ansible_remote_tmp": "/proc/nowhere"}, "when": "inventory_hostname == 'web2'"}
    tasks = [reach, {"name": "Try", "block": [FAIL], "rescue": [SAY]}, FAIL]
    done = watched(tasks, experiment="failing", environment={**log_in(open_server), "ANSIBLE_PIPELINING": "false"}, hosts="web1,web2")
    (run, summary), = logged(open_server, "failing")
    assert done.status != 0 and "mlflow_run" not in done.output, done.output
    assert run.info.status == summary["status"] == "FAILED"
    assert run.data.metrics.items() >= {"failed": 1, "unreachable": 1, "rescued": 1, "host/web2/unreachable": 1, "host/web1/failed": 1}.items()
    given_up = {"host": "web1", "task": "Give up", "action": "ansible.builtin.fail", "failure": "failed"}
    assert summary["failures"] == [{"host": "web2", "task": "Reach", "action": "ansible.builtin.command", "failure": "unreachable"}, given_up, given_up]
    assert SECRET not in json.dumps([run.to_dictionary(), summary])


def test_each_playbook_of_a_command_is_a_run_with_its_own_counts_and_a_check_run_says_so(open_server, watched, log_in, logged, tmp_path):
    first = tmp_path / "first.yml"
    first.write_text(json.dumps([{"name": "First", "hosts": "localhost", "gather_facts": False, "tasks": [SAY, SAY, {**SAY, "changed_when": True}]}]))
    assert watched([SAY], "--check", first, experiment="two", environment=log_in(open_server)).status == 0
    runs = logged(open_server, "two")
    assert [(run.info.run_name, run.data.metrics["ok"], run.data.metrics["changed"], summary["plays"]) for run, summary in runs] == [
        ("first.yml", 3, 1, ["First"]), ("play.yml", 1, 0, ["localhost"])]
    assert all(run.data.tags["ansible.check_mode"] == "true" and summary["check_mode"] is True for run, summary in runs)


def test_a_workspace_and_a_user_with_the_right_to_edit_are_enough(open_server, asking, watched, call, log_in, logged):
    assert call("mlflow_workspace", open_server, name="automation")["changed"]
    assert watched([SAY], experiment="here", environment={**log_in(open_server), "MLFLOW_WORKSPACE": "automation"}).stderr == ""
    header = {"X-MLFLOW-WORKSPACE": "automation"}
    experiment = open_server.ask("GET", "experiments/get-by-name", {"experiment_name": "here"}, **header)["experiment"]["experiment_id"]
    (run,) = open_server.ask("POST", "runs/search", {"experiment_ids": [experiment]}, **header)["runs"]
    listed = open_server.ask("GET", "artifacts/list", {"run_id": run["info"]["run_id"]}, **header)["files"]
    assert (run["info"]["status"], [one["path"] for one in listed]) == ("FINISHED", ["summary.json"])
    assert call("mlflow_workspace", open_server, name="automation", state="absent", removal="cascade")["changed"]
    assert call("mlflow_experiment", asking, name="automation")["changed"]
    for name, permission in (("reader", "READ"), ("editor", "EDIT")):
        assert call("mlflow_user", asking, name=name, user_password="a password of his")["changed"]
        assert call("mlflow_permission", asking, user=name, experiment="automation", permission=permission)["changed"]
    own = {"MLFLOW_TRACKING_URI": asking.uri, "MLFLOW_TRACKING_PASSWORD": "a password of his"}
    refused = watched([SAY], experiment="automation", environment={**own, "MLFLOW_TRACKING_USERNAME": "reader"})
    assert refused.status == 0 and "not logged: making the run was answered with 403" in " ".join(refused.stderr.split())
    assert watched([SAY], experiment="automation", environment={**own, "MLFLOW_TRACKING_USERNAME": "editor"}).stderr == ""
    assert [run.info.status for run, _summary in logged(asking, "automation")] == ["FINISHED"]
    for name in ("reader", "editor"):
        assert call("mlflow_user", asking, name=name, state="absent")["changed"]


def test_artifacts_that_the_server_does_not_take_are_missed_and_no_more(asking, watched, log_in, logged, call):
    assert call("mlflow_experiment", asking, name="elsewhere", artifact_location="s3://nobody/here")["changed"]
    done = watched([SAY], experiment="elsewhere", environment=log_in(asking))
    (run, _none), = logged(asking, "elsewhere", summary=False)
    assert (done.status, run.info.status, run.data.metrics["ok"]) == (0, "FINISHED", 1)
    assert f"mlflow_run: run {run.info.run_id} of this playbook is not complete: no summary: " in " ".join(done.stderr.split())
