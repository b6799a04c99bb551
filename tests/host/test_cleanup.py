"""What a clean-up removes is what it said it would, and nothing that somebody needs. The tests of this file build on each other, in order."""

from __future__ import annotations

import os

import mlflow
import pytest
from cleanup_history import History, inside, play
from conftest import Server

STRANGE = ["/mlflow/artifacts/2024/report.txt", "/mlflow/artifacts/dags/" + "a" * 32 + "/note.txt"]


def cleanup(host, *options, **variables):
    """Run the playbook. Returns what it said about each thing, as {what: action}, and whether it changed something."""
    done = play(host, "playbooks/cleanup.yml", *options, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    said = {}
    for line in done.stdout.splitlines():
        words = line.strip().strip('",').replace("would remove", "remove").replace("removed", "remove").split(" ")
        if words[0] in ("remove", "kept", "found") and len(words) > 2:
            said[" ".join(words[1:]).partition(" (")[0].partition(":")[0]] = words[0]
    return said, " changed=0 " not in done.stdout


def state(host):
    """Every artifact, and every row that a clean-up could remove."""
    rows = inside(host, "import sqlite3; base = sqlite3.connect('/mlflow/mlflow.db')\n"
                  "for name in ('runs', 'logged_models', 'experiments', 'model_versions', 'latest_metrics'):\n"
                  "    print(name, base.execute(f'SELECT count(*) FROM {name}').fetchone())")
    return host.check_output("find /mlflow/artifacts | sort") + rows


@pytest.fixture(scope="module")
def history(host):
    Server(host).wait(300)
    for file in STRANGE:
        host.check_output("mkdir -p %s && echo kept > %s", os.path.dirname(file), file)
    host.check_output("touch -d '9 days ago' /mlflow/artifacts/2024 /mlflow/artifacts/2024/* /mlflow/artifacts/dags/* /mlflow/artifacts/dags")
    return History(host)


def test_what_it_removes_is_what_the_check_foretold(host, history):
    before = state(host)
    foretold, changes = cleanup(host, "--check")
    assert foretold == history.expected() and changes
    assert state(host) == before, "check mode changed something"
    done, changed = cleanup(host)
    assert done == foretold and changed
    left = state(host)
    for what, action in foretold.items():
        name = what.split()[-1]
        assert name.isdigit() or (name in left) == (action == "kept"), what
    found = {run.info.run_id for run in history.client.search_runs(list(history.experiments.values()), run_view_type=3)}
    assert found == {history.runs[name] for name in ("live", "young", "registered", "registered-by-folder", "of-registered-model")}
    assert [host.file(file).exists for file in STRANGE] == [True, True]


def test_a_second_run_has_nothing_to_do(host, history):
    assert cleanup(host) == ({what: action for what, action in history.expected().items() if action == "kept"}, False)


def test_registered_models_still_load(history, tmp_path):
    for version in ("1", "2", "3"):
        uri = history.client.get_model_version_download_uri("precious", version)
        mlflow.set_tracking_uri(history.client.tracking_uri)
        assert os.listdir(mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path / version)))
    assert history.client.get_metric_history(history.runs["registered"], "loss")


def test_orphans_are_told_and_removed_only_when_asked(host, history):
    old, young = (f"/mlflow/artifacts/{history.experiments['used']}/{letter * 32}" for letter in "bc")
    host.check_output(f"mkdir -p {old}/artifacts {young}/artifacts && echo x | tee {old}/artifacts/x {young}/artifacts/x && chown -R 50000:50000 {old} {young}")
    host.check_output(f"find {old} -exec touch -d '3 days ago' {{}} +")
    assert cleanup(host)[0].get(f"orphan {old}") == "found" and host.file(old).exists
    said, changes = cleanup(host, "--check", mlflow_cleanup_orphans="remove")
    assert said.get(f"orphan {old}") == "remove" and changes and host.file(old).exists
    said, changed = cleanup(host, mlflow_cleanup_orphans="remove")
    assert said.get(f"orphan {old}") == "remove" and changed and not host.file(old).exists
    assert host.file(young).exists and f"orphan {young}" not in said
    assert [host.file(file).exists for file in STRANGE] == [True, True]


def test_a_stopped_server_and_a_wrong_setting_are_told(host):
    done = play(host, "playbooks/cleanup.yml", mlflow_cleanup_deleted_days=-1)
    assert done.returncode != 0 and "mlflow_cleanup_deleted_days is -1" in done.stdout + done.stderr
    host.check_output("systemctl stop mlflow")
    try:
        done = play(host, "playbooks/cleanup.yml")
        assert done.returncode != 0 and "No such container" in done.stdout + done.stderr
    finally:
        host.check_output("systemctl start mlflow")
