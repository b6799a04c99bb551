"""Reading a store: what it holds, what is wrong with it, and that nothing is left beside it."""

from __future__ import annotations

import os
import sqlite3

import pytest
from ansible_collections.mlops.mlflow.plugins.module_utils import store

TABLES = """
CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('abc');
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT); INSERT INTO experiments VALUES (0, 'Default'), (1, 'mine');
CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, experiment_id INTEGER, status TEXT, lifecycle_stage TEXT);
INSERT INTO runs VALUES ('a', 1, 'FINISHED', 'active'), ('b', 1, 'RUNNING', 'active'), ('c', 0, 'FINISHED', 'active'), ('d', 0, 'FINISHED', 'deleted');
CREATE TABLE latest_metrics (key TEXT, run_uuid TEXT); INSERT INTO latest_metrics VALUES ('loss', 'a');
CREATE TABLE filler (words TEXT); CREATE INDEX fill ON filler (words);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO filler SELECT 'word ' || i FROM n;
"""


@pytest.fixture(params=["wal", "delete"])
def database(request, tmp_path):
    file = str(tmp_path / "mlflow.db")
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA journal_mode={request.param}")
    connection.executescript(TABLES)
    connection.close()
    return file


def test_what_it_holds(database):
    found = store.contents(database, 5)
    assert found == {"schema": "abc", "runs": {"FINISHED": 2, "RUNNING": 1, "deleted": 1}, "most": [(1, "mine", 2), (0, "Default", 1)],
                     "metric": "loss", "names": {"0": "Default", "1": "mine"}}
    assert store.integrity(database, 5) == {"fault": "", "finished": True}


def test_nothing_is_written(database):
    before = sorted(os.listdir(os.path.dirname(database)))
    store.contents(database, 5)
    store.integrity(database, 5)
    assert sorted(os.listdir(os.path.dirname(database))) == before == ["mlflow.db"]


def test_what_a_server_has_not_yet_put_in_place_counts(database):
    writer = sqlite3.connect(database, isolation_level=None)
    writer.execute("INSERT INTO runs VALUES ('e', 1, 'FAILED', 'active')")
    assert store.contents(database, 5)["runs"]["FAILED"] == 1
    writer.close()


def test_a_damaged_page_is_found(database):
    with open(database, "r+b") as handle:
        handle.seek(os.path.getsize(database) // 4096 // 2 * 4096)
        handle.write(b"\xa5" * 4096)
    assert store.integrity(database, 5)["fault"]


def test_no_database_at_all_and_none_that_can_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no"):
        store.contents(str(tmp_path / "no.db"), 1)
    (tmp_path / "text.db").write_text("no database, but long enough to be read as the head of one" * 9, encoding="utf-8")
    assert "not a database" in store.integrity(str(tmp_path / "text.db"), 1)["fault"]
    assert store.contents_or_nothing(str(tmp_path / "text.db"), 1)["most"] == []


def test_a_database_that_somebody_holds_is_told(tmp_path):
    file = str(tmp_path / "mlflow.db")
    holder = sqlite3.connect(file, isolation_level=None)
    for sentence in ("PRAGMA journal_mode=wal", "PRAGMA locking_mode=exclusive", "CREATE TABLE t (c)", "BEGIN EXCLUSIVE"):
        holder.execute(sentence)
    open(file + "-shm", "ab").close()
    found = store.integrity(file, 5)
    holder.close()
    assert "locked" in found["fault"]


def test_a_look_at_a_large_database_ends_in_time(database, monkeypatch):
    monkeypatch.setattr(store, "INSTRUCTIONS", 10)
    assert store.integrity(database, 0) == {"fault": "", "finished": False}


def test_files_beside_it(database):
    found = store.files(database)
    assert found[""]["size"] == os.path.getsize(database) and found[""]["uid"] == os.getuid()
    assert found["-wal"] is None


def test_bytes_by_experiment(tmp_path):
    for name, count in (("1/run/artifacts", 1000), ("2/run/artifacts/deep", 500)):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(b"x" * count)
    (tmp_path / "2/run/link").symlink_to("/etc/passwd")
    found = store.artifacts(str(tmp_path), 5)
    assert found["finished"] and found["entries"]["1"] == [1000, 1]
    assert found["entries"]["2"] == [500 + len("/etc/passwd"), 2]
    assert store.artifacts(str(tmp_path), -1)["finished"] is False
