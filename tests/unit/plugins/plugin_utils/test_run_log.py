"""What is kept of a run of a playbook: names that MLflow takes, times of tasks, counts of one playbook among several."""

from __future__ import annotations

import re
import time
import types

import pytest
from ansible.executor.stats import AggregateStats
from ansible_collections.mlops.mlflow.plugins.plugin_utils import run_log


def task(number, name, role=None):
    written = {"name": name} if name else {"debug": {}}
    return types.SimpleNamespace(_uuid=number, action="debug", name=f"{name} with a value", get_ds=lambda: written, _role=role)


@pytest.fixture
def log(tmp_path):
    return run_log.RunLog(str(tmp_path / "site.yml"), False, {})


@pytest.mark.parametrize(("name", "wanted"), [
    ("image | Build", "image _ Build"), ("Größe", "Größe"), ("a/../b", "a_.._b"), ("..", "_"), ("", "_"), (".", "_"), ("[fd00::1]", "fd00_1"),
])
def test_a_name_becomes_one_that_mlflow_takes(name, wanted):
    assert run_log.clean(name) == wanted and re.fullmatch(r"[\w.\- ]+", wanted)


def test_tasks_of_one_name_count_together_and_a_long_name_is_cut(log):
    for number, name in enumerate(["x" * 300, "x" * 299, None, None, "Say {{ it }}"]):
        log.begin("one", task(number, name))
        log.end("one", task(number, name))
    log.finish(AggregateStats())
    assert set(log.metrics()) >= {f"task_seconds/{'x' * 237}", "task_seconds/debug", "task_seconds/Say _ it"}
    assert all(len(name) <= 250 for name in log.metrics())
    assert {one["task"] for one in log.summary()["slowest_tasks"]} == {"x" * 300, "x" * 299, "debug", "Say {{ it }}"}


def test_the_time_of_a_task_runs_while_any_host_is_at_it_and_stands_between(log, monkeypatch):
    now, one = [0], task(1, "Wait")
    monkeypatch.setattr(run_log, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    # two hosts from 10 to 17, and a third later on its own
    for now[0], what, host in ((10, log.begin, "a"), (11, log.begin, "b"), (15, log.end, "a"), (17, log.end, "b"), (100, log.begin, "c"), (101, log.end, "c")):
        what(host, one)
    assert log.spent == {"Wait": 8}


def test_counts_are_those_of_this_playbook_and_few_hosts_are_listed_one_by_one(tmp_path):
    stats, before = AggregateStats(), {}
    for number in range(run_log.HOSTS):
        stats.increment("ok", f"host{number}")
    first = run_log.RunLog(str(tmp_path / "a.yml"), False, before)
    first.finish(stats)
    stats.increment("dark", "host0")
    for number in range(run_log.HOSTS + 1):
        stats.increment("changed", f"more{number}")
    second = run_log.RunLog(str(tmp_path / "b.yml"), False, before)
    second.finish(stats)
    assert (first.status, second.status) == ("FINISHED", "FAILED")
    assert first.totals()["ok"] == run_log.HOSTS and first.metrics()["host/host0/ok"] == 1
    assert second.totals().items() >= {"ok": 0, "unreachable": 1, "changed": run_log.HOSTS + 1}.items()
    assert not any(name.startswith("host/") for name in second.metrics())


def test_failures_are_listed_to_a_bound(log):
    for number in range(run_log.FAILURES + 5):
        log.end(f"host{number}", task(1, "Try", types.SimpleNamespace(get_name=lambda: "a.b.c")), "failed")
    summary = log.summary()
    assert len(summary["failures"]) == run_log.FAILURES and summary["failures_left_out"] == 5
    assert summary["failures"][0] == {"host": "host0", "task": "a.b.c : Try", "action": "debug", "failure": "failed"}


@pytest.mark.parametrize(("path", "name"), [
    ("/home/ada/.ansible/collections/ansible_collections/mlops/mlflow/playbooks/site.yml", "mlops.mlflow.site"),
    ("/x/ansible_collections/a/b/playbooks/sub/y.yaml", "a.b.sub.y"),
    ("/home/ada/secret-project/site.yml", "site.yml"), ("playbooks/site.yml", "playbooks/site.yml"), ("../site.yml", "site.yml"),
    ("/x/ansible_collections/a/b/site.yml", "site.yml"),
])
def test_a_playbook_s_name_has_nothing_of_the_way_to_it(path, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_log.playbook_name(path) == name


def test_a_folder_that_is_no_checkout_has_no_commit_and_neither_has_one_without_git(tmp_path, monkeypatch):
    assert run_log.commit_of(tmp_path) == ""
    monkeypatch.setenv("PATH", "")
    assert run_log.commit_of(tmp_path) == ""


def test_noting_down_what_a_thousand_hosts_did_takes_next_to_nothing(log):
    """Of each result, of which Ansible itself handles some hundred in a second."""
    began, tasks = time.process_time(), [task(number, f"Task {number}") for number in range(20)]
    for one in tasks:
        for host in range(1000):
            log.begin(str(host), one)
        for host in range(1000):
            log.end(str(host), one)
    assert (time.process_time() - began) / 20000 < 0.0005
