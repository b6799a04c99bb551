"""The program of role mlflow_backup: a copy of a database in use, the comparison after a restore, and a swap that is cut short anywhere."""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import sqlite3
import sys
import threading
import types

import pytest

FILES = pathlib.Path(__file__).resolve().parents[2] / "roles/mlflow_backup/files"
NAMES = sorted(path.stem for path in FILES.glob("*.py"))


@pytest.fixture(scope="module")
def program():
    """The program's modules, which find each other by plain names on the host."""
    sys.path.insert(0, str(FILES))
    try:
        return types.SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    finally:
        sys.path.remove(str(FILES))
        for name in NAMES:
            sys.modules.pop(name, None)


def make_database(file, rows=3, wal=True):
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
    connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    connection.execute("INSERT INTO alembic_version VALUES ('abc')")
    connection.execute("CREATE TABLE runs (number INTEGER, twin INTEGER)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO runs VALUES (?, ?)", [(number, number) for number in range(rows)])
    connection.execute("COMMIT")
    return connection


@pytest.mark.parametrize("wal", [True, False])
def test_a_database_is_copied_while_it_is_written(program, tmp_path, monkeypatch, wal):
    monkeypatch.setattr(program.database, "PATIENCE_SECONDS", 0.5)
    source, target, over, written = str(tmp_path / "source.db"), str(tmp_path / "target.db"), threading.Event(), [0]
    make_database(source, 20000, wal).close()

    def write():
        with sqlite3.connect(source, timeout=30, isolation_level=None) as connection:
            while not over.is_set():
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO runs VALUES (-1, 0)")
                connection.execute("INSERT INTO runs VALUES (0, -1)")
                connection.execute("COMMIT")
                written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while written[0] < 5:
            over.wait(0.01)
        acknowledged = written[0]
        program.database.copy(source, target)
    finally:
        over.set()
        writer.join()
    with sqlite3.connect(target) as connection:
        first, second = (connection.execute(f"SELECT count(*) FROM runs WHERE {name} = -1").fetchone()[0] for name in ("number", "twin"))
    assert first == second >= acknowledged
    assert program.database.problem(target) == "" and program.database.contents(target)["schema"] == "abc"
    assert program.database.companions(target) == [target]


def test_a_damaged_database_is_told(program, tmp_path):
    file = str(tmp_path / "one.db")
    make_database(file, 20000, wal=False).close()
    with open(file, "r+b") as handle:
        handle.seek(4096 * 20)
        handle.write(b"\xff" * 8192)
    assert program.database.problem(file) != ""


@pytest.fixture
def restored(program, tmp_path):
    """A manifest and a restored folder that fits it."""
    stage, folder = tmp_path / "out/stage", tmp_path / "out/tree/artifacts"
    stage.mkdir(parents=True)
    folder.mkdir(parents=True)
    (folder / "one").write_text("first")
    (folder / "two").write_text("second")
    make_database(stage / "0-mlflow.db", wal=False).close()
    copy = str(stage / "0-mlflow.db")
    listed = [[path[len(str(tmp_path / "out")):], size, when] for path, size, when in program.content.files(str(folder))]
    (stage / "files.jsonl").write_text("".join(json.dumps(line) + "\n" for line in listed))
    sample = [{"path": path, "bytes": size, "mtime_ns": when, "sha256": program.database.sha256(str(tmp_path / "out") + path)} for path, size, when in listed]
    entry = {"path": "/tree/mlflow.db", "copy": "/stage/0-mlflow.db", "sha256": program.database.sha256(copy), **program.database.contents(copy)}
    return {"stage": "/stage", "snapshot": "0123456789", "databases": [entry], "sample": sample}, tmp_path / "out"


def findings(program, restored):
    manifest, out = restored
    wrong, vanished = program.verify.compare_list(manifest, str(out))
    return [*program.verify.compare_databases(manifest, str(out)), *program.verify.compare_sample(manifest, str(out)), *wrong], vanished


def test_what_was_restored_whole_is_accepted(program, restored):
    assert findings(program, restored) == ([], [])


def test_a_file_with_other_bytes_is_found(program, restored):
    file = restored[1] / "tree/artifacts/one"
    about = file.stat()
    file.write_text("fIrst")
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert findings(program, restored)[0] == ["/tree/artifacts/one has another checksum than it had"]


def test_a_file_of_another_size_is_found(program, restored):
    file = restored[1] / "tree/artifacts/two"
    os.truncate(file, 1)
    os.utime(file, ns=(0, restored[0]["sample"][0]["mtime_ns"] - 5))
    assert "/tree/artifacts/two has another size or time than it had" in findings(program, restored)[0]


def test_a_row_that_is_gone_is_found(program, restored):
    file = restored[1] / "stage/0-mlflow.db"
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM runs WHERE number = 1")
    assert findings(program, restored)[0] == ["/tree/mlflow.db has another checksum than it had"]
    restored[0]["databases"][0]["sha256"] = program.database.sha256(str(file))
    assert findings(program, restored)[0] == ["/tree/mlflow.db: table runs has 2 rows, and had 3"]


def test_a_file_that_vanished_meanwhile_is_counted(program, restored):
    (restored[1] / "tree/artifacts/one").unlink()
    assert findings(program, restored) == ([], ["/tree/artifacts/one"])
