"""A backup of what has not changed makes no snapshot; one of whatever has changed makes one."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3

import pytest
from test_backup_calls import backup
from test_backup_program import program

__all__ = ["backup", "program"]


@pytest.fixture
def still(backup, program, tmp_path, monkeypatch):
    """The program after a first snapshot in a local repository; times are trusted as if all had been written long before."""
    repository = tmp_path / "repository"
    (repository / "snapshots").mkdir(parents=True)
    (repository / "config").write_text("")
    (repository / "snapshots/0123456789").write_text("")
    (tmp_path / "etc/restic.env").write_text(f"RESTIC_REPOSITORY={repository}\n")
    (tmp_path / "mlflow/artifacts/folder").mkdir()
    monkeypatch.setattr(program.unchanged, "RACY_NS", -1 << 62)
    assert backup("backup") == (0, ["backup", "forget"])
    return backup


def told(tmp_path):
    return json.loads((tmp_path / "state/status.json").read_text())["backup"]


def test_nothing_has_changed(still, tmp_path):
    first = told(tmp_path)
    assert still("backup") == (0, [])
    again = told(tmp_path)
    assert again["unchanged"] and not first["unchanged"] and again["bytes_added"] == 0
    assert {name: again[name] for name in ("snapshot", "files", "runs")} == {"snapshot": "01234567", "files": 1, "runs": 3}


def test_a_server_that_only_reads_changes_nothing(still, tmp_path):
    """It has the database open, so that the log stays; each connection of root touches that."""
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow/mlflow.db", isolation_level=None)) as server:
        server.execute("INSERT INTO runs VALUES (1, 1)")
        assert still("backup") == (0, ["backup"])
        assert server.execute("SELECT count(*) FROM runs").fetchone()[0] == 4
        assert still("backup") == (0, []) and still("backup") == (0, [])


def insert(root):
    with sqlite3.connect(root / "mlflow/mlflow.db") as connection:
        connection.execute("INSERT INTO runs VALUES (1, 1)")


CHANGES = {
    "a row": insert,
    "another file": lambda root: (root / "mlflow/artifacts/two").write_text("two"),
    "a file that is gone": lambda root: (root / "mlflow/artifacts/one").unlink(),
    "other bytes, the same size": lambda root: (root / "mlflow/artifacts/one").write_text("eno"),
    "an old time": lambda root: os.utime(root / "mlflow/artifacts/one", ns=(1, 1)),
    "a mode": lambda root: (root / "mlflow/artifacts/one").chmod(0o600),
    "an empty folder": lambda root: (root / "mlflow/artifacts/folder/new").mkdir(),
    "a link": lambda root: (root / "mlflow/artifacts/link").symlink_to("one"),
    "the environment of the server": lambda root: (root / "mlflow.env").write_text("A=1\n"),
    "another database": lambda root: sqlite3.connect(root / "mlflow/basic_auth.db").execute("CREATE TABLE users (id)").connection.close(),
    "the snapshot is gone": lambda root: (root / "repository/snapshots/0123456789").unlink(),
    "the repository is gone": lambda root: (root / "repository/config").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_has_changed_is_backed_up(still, tmp_path, change):
    CHANGES[change](tmp_path)
    assert still("backup") == (0, ["backup"])


def test_what_was_written_a_moment_ago_proves_nothing(still, program, monkeypatch):
    monkeypatch.setattr(program.unchanged, "RACY_NS", 2_000_000_000)
    assert still("backup") == (0, ["backup"])


def test_a_repository_elsewhere_is_asked_for_the_snapshot(program):
    repository = object.__new__(program.repository.Repository)
    repository.address, repository.snapshots = "s3:https://example.com/bucket", lambda: [{"id": "0123456789"}]
    assert repository.holds("01234567") and not repository.holds("76543210")
