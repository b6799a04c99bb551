"""What the programs of clean-up and adoption make of folders, places of artifacts and a SQLite file."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import sys
import types

import pytest

RUN = "0123456789abcdef" * 2


@pytest.fixture
def program(tree, monkeypatch):
    def load(name):
        spec = importlib.util.spec_from_file_location(name, tree.root / f"roles/mlflow/files/{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def store(program, tmp_path):
    (tmp_path / "store").mkdir()
    return program("cleanup_artifacts").Artifacts(str(tmp_path / "store"))


@pytest.mark.parametrize(("uri", "place"), [
    ("mlflow-artifacts:/1/run/artifacts", "ROOT/1/run/artifacts"),
    ("mlflow-artifacts://tracking:5001/1/run", "ROOT/1/run"),
    ("mlflow-artifacts:/../../etc", "ROOT/etc"),
    ("mlflow-artifacts:/", "ROOT"),
    ("file:///etc/a%20b", "/etc/a b"),
    ("/etc/../var/x/", "/var/x"),
    ("s3://bucket/1/run/", "s3://bucket/1/run"),
])
def test_where_a_uri_leads(store, uri, place):
    assert store.place(uri) == place.replace("ROOT", store.root)


def test_only_what_is_below_the_store_is_within_it(store, tmp_path):
    os.symlink("/etc", store.root + "/link")
    assert store.within(store.root + "/1")
    for place in (store.root, store.root + "-other/1", "/etc", store.root + "/link/passwd", "s3://bucket/1"):
        assert not store.within(place), place


def test_folders_of_mlflow_are_found_and_others_are_not(store, tmp_path):
    mine = {f"1/{RUN}", f"1/models/m-{RUN}", f"1/traces/tr-{RUN}", f"workspaces/one/7/{RUN}"}
    for folder in (*mine, f"dags/{RUN}", RUN, "2024/report", "1/models/mine", f"models/m-{RUN}"):
        os.makedirs(f"{store.root}/{folder}/artifacts")
    assert {os.path.relpath(folder, store.root) for _key, folder in store.folders()} == mine


def test_removing_takes_empty_folders_above_along_and_stops_at_the_store(store):
    os.makedirs(f"{store.root}/1/{RUN}/artifacts/model")
    os.makedirs(f"{store.root}/2/other")
    store.remove(f"{store.root}/1/{RUN}/artifacts")
    assert os.listdir(store.root) == ["2"]
    store.remove(f"{store.root}/2/other")
    assert os.path.isdir(store.root)


def test_a_claim_holds_what_is_in_it_and_above_it(program):
    claims = program("cleanup_artifacts").Claims(["/a/1/run/artifacts/model"])
    assert all(map(claims.touch, ["/a/1/run", "/a/1/run/artifacts/model", "/a/1/run/artifacts/model/x"]))
    assert not any(map(claims.touch, ["/a/1/other", "/a/1/run/artifacts/model2", "/b"]))


def test_a_database_is_tended_and_shrinks_when_asked(program, tmp_path):
    file = str(tmp_path / "store.db")
    base = sqlite3.connect(file)
    base.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t (x); CREATE INDEX i ON t (x);")
    base.executemany("INSERT INTO t VALUES (?)", (("x" * 500 + str(number),) for number in range(2000)))
    base.execute("DELETE FROM t WHERE rowid > 100")
    base.commit()
    database = program("cleanup_sqlite").Database(file)
    before = database.sizes()
    assert database.faults() == [] and before["unused_bytes"] > 500_000 and not database.can_shrink()
    assert set(database.tend(vacuum=False)) == {"analyze", "checkpoint"} and database.sizes()["bytes"] == before["bytes"]
    assert isinstance(database.tend(vacuum=True)["vacuum"], float)
    assert database.can_shrink() and database.sizes()["bytes"] < before["bytes"] / 5 and database.sizes()["unused_bytes"] == 0
    assert base.execute("SELECT count(*) FROM t").fetchone()[0] == 100


def test_local_places_come_to_name_the_store(program):
    base = sqlite3.connect(":memory:")
    base.executescript("""
        CREATE TABLE experiments (experiment_id, artifact_location); CREATE TABLE runs (artifact_uri); CREATE TABLE logged_models (artifact_location);
        CREATE TABLE model_versions (source, storage_location); CREATE TABLE trace_tags (key, value);
        INSERT INTO experiments VALUES (1, '/data/art/1'), (2, 'file:///home/me/mlruns/2'), (3, '/special'), (4, 's3://bucket/4'), (5, './mlruns/5');
        INSERT INTO runs VALUES ('/data/art/1/r/artifacts'), ('/home/me/mlruns/2/r'), ('/special/r'), ('s3://bucket/4/r'), ('mlflow-artifacts:/9/r');
        INSERT INTO model_versions VALUES ('runs:/r/model', 'file:///data/art/1/r/artifacts/model'), ('models:/m-1', NULL);
        INSERT INTO trace_tags VALUES ('mlflow.artifactLocation', '/data/art/1/traces/tr-1'), ('other', '/data/art/1/x');""")
    rewrite = program("adopt_artifacts").rewrite
    assert rewrite(base, False)[0] == 0
    assert rewrite(base, True) == (7, 2)
    told = [row[0] for table, column, _which in program("adopt_artifacts").COLUMNS for row in base.execute(f"SELECT {column} FROM {table}")]
    assert [place for place in told if place] == [
        "mlflow-artifacts:/1", "mlflow-artifacts:/2", "/special", "s3://bucket/4", "mlflow-artifacts:/5",
        "mlflow-artifacts:/1/r/artifacts", "mlflow-artifacts:/2/r", "/special/r", "s3://bucket/4/r", "mlflow-artifacts:/9/r",
        "runs:/r/model", "models:/m-1", "mlflow-artifacts:/1/r/artifacts/model", "mlflow-artifacts:/1/traces/tr-1", "/data/art/1/x"]


def test_a_copy_of_a_database_in_use_is_whole(program, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "server", types.ModuleType("server"))
    database = program("adopt_database")
    base = sqlite3.connect(tmp_path / "old.db")
    base.executescript("PRAGMA journal_mode=WAL; CREATE TABLE experiments (x); CREATE TABLE runs (x); INSERT INTO experiments VALUES (1);")
    assert database.snapshot(str(tmp_path / "old.db"), str(tmp_path / "new.db")) == {"experiments": 1, "runs": 0}
    base.execute("DELETE FROM experiments")
    base.commit()
    with pytest.raises(database.Trouble, match="no experiments"):
        database.snapshot(str(tmp_path / "old.db"), str(tmp_path / "newer.db"))
