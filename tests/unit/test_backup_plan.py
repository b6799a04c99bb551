"""What a restore refuses before it changes anything: a schema that the image does not know, data that somebody needs; and which snapshot it takes."""

from __future__ import annotations

import subprocess
import types

import pytest
from test_backup_program import make_database, program

__all__ = ["program"]
SNAPSHOTS = [
    {"id": "aaaaaaaa1", "short_id": "aaaaaaaa", "hostname": "one", "time": "2026-01-01T00:00:00Z", "paths": []},
    {"id": "bbbbbbbb1", "short_id": "bbbbbbbb", "hostname": "two", "time": "2026-01-02T00:00:00Z", "paths": []},
    {"id": "cccccccc1", "short_id": "cccccccc", "hostname": "one", "time": "2026-01-03T00:00:00Z", "paths": []},
]


@pytest.fixture
def deployed(tmp_path):
    (tmp_path / "artifacts").mkdir()
    return types.SimpleNamespace(
        root=str(tmp_path), database=str(tmp_path / "mlflow.db"), artifacts=str(tmp_path / "artifacts"), image="mlflow:1", version="3.10.1",
    )


def test_a_schema_that_the_image_does_not_know_is_refused(program, deployed, monkeypatch):
    monkeypatch.setattr(program.plan.subprocess, "run", lambda words, **_options: subprocess.CompletedProcess(words, 0, "abc def\n", ""))
    program.plan.refuse_schema({"schema": "def", "version": "3.17.2"}, deployed)
    with pytest.raises(program.settings.Refused, match=r"which MLflow 3.10.1 on this host does not know. Set mlflow_version to 3.17.2 or"):
        program.plan.refuse_schema({"schema": "ghi", "version": "3.17.2"}, deployed)


def test_a_server_that_nobody_used_holds_nothing(program, deployed):
    assert program.plan.holds(deployed) == ""
    make_database(deployed.database, rows=0, wal=False).close()
    assert program.plan.holds(deployed) == ""


def test_runs_and_files_and_a_broken_database_are_somebodys(program, deployed, tmp_path):
    make_database(deployed.database, rows=2, wal=False).close()
    (tmp_path / "artifacts/1").mkdir()
    assert program.plan.holds(deployed) == f"2 runs, files in {deployed.artifacts}"
    (tmp_path / "mlflow.db").write_text("no database")
    assert "a database that cannot be read" in program.plan.holds(deployed)


@pytest.mark.parametrize(("host", "wanted", "named", "chosen"), [
    ("one", "latest", "", "cccccccc1"), ("two", "latest", "", "bbbbbbbb1"), ("one", "latest", "two", "bbbbbbbb1"), ("three", "aaaaaaaa", "", "aaaaaaaa1"),
])
def test_the_snapshot_that_is_meant(program, host, wanted, named, chosen):
    repository = types.SimpleNamespace(snapshots=lambda: SNAPSHOTS)
    assert program.verify.choose(repository, types.SimpleNamespace(host=host, service="mlflow"), wanted, named)["id"] == chosen


@pytest.mark.parametrize(("wanted", "named", "says"), [
    ("latest", "", r"no snapshot of three. There are some of one, two: name one of these"), ("latest", "four", "no snapshot of four"),
    ("aaaa", "", "no snapshot 'aaaa'"), ("dddddddd", "", r"The newest are: cccccccc \(2026-01-03T00:00:00, one\)"),
])
def test_a_snapshot_that_is_not_there_or_not_clear_is_refused(program, wanted, named, says):
    repository = types.SimpleNamespace(snapshots=lambda: SNAPSHOTS)
    with pytest.raises(program.settings.Refused, match=says):
        program.verify.choose(repository, types.SimpleNamespace(host="three", service="mlflow"), wanted, named)


def test_a_new_host_takes_those_of_the_only_host_that_has_some(program):
    repository = types.SimpleNamespace(snapshots=lambda: [SNAPSHOTS[0], SNAPSHOTS[2]])
    assert program.verify.choose(repository, types.SimpleNamespace(host="new", service="mlflow"))["id"] == "cccccccc1"
