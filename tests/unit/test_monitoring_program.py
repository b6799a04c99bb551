"""The program of role mlflow_monitoring, run as it lies on a host: a database in use, a certificate that is shown, and what cannot be found out."""

from __future__ import annotations

import http.server
import importlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import ssl
import subprocess
import sys
import threading

import pytest
from proxy_certificates import DAY, Authority

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = [*(ROOT / "roles/mlflow_monitoring/files").glob("*.py"), ROOT / "plugins/module_utils/store.py"]
BACKUP = '# HELP mlflow_backup_failed 1.\n# TYPE mlflow_backup_failed gauge\nmlflow_backup_failed{service="mlflow",operation="backup"} 0\n'
TABLES = """
CREATE TABLE runs (status TEXT, lifecycle_stage TEXT); INSERT INTO runs VALUES ('FINISHED', 'active'), ('FINISHED', 'active'), ('FAILED', 'deleted');
CREATE TABLE experiments (lifecycle_stage TEXT); INSERT INTO experiments VALUES ('active');
CREATE TABLE registered_models (name TEXT); INSERT INTO registered_models VALUES ('one');
CREATE TABLE model_versions (current_stage TEXT); INSERT INTO model_versions VALUES ('None'), ('Deleted_Internal');
CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('abc');
"""


class Host:
    """A tree with a database, and the program beside its settings."""

    def __init__(self, folder, urls=()):
        self.folder, self.root = folder, folder / "mlflow"
        (folder / "etc/program").mkdir(parents=True)
        (self.root / "artifacts/1").mkdir(parents=True)
        (folder / "out").mkdir()
        for file in FILES:
            shutil.copy(file, folder / "etc/program")
        self.database = sqlite3.connect(self.root / "mlflow.db", isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.executescript(TABLES)
        (self.root / "artifacts/1/file").write_bytes(b"12345")
        (folder / "backup.prom").write_text(BACKUP, encoding="utf-8")
        self.write("mlflow.fact", version="3.17.2", image='mlflow:"x"', auth="none", backend_store=f"sqlite:///{self.root}/mlflow.db", workers=4,
                   server_engine="uvicorn", local_url="http://127.0.0.1:9", public_url="http://localhost", root=str(self.root),
                   artifacts_destination=f"{self.root}/artifacts")
        self.write("etc/monitoring.json", service="mlflow", fact=f"{folder}/mlflow.fact", folder=f"{folder}/out", seconds=5, artifacts_seconds=5,
                   files={"server": "mlflow.prom", "artifacts": "mlflow-artifacts.prom"}, intervals={"server": 60, "artifacts": 3600},
                   certificates=list(urls), postgresql_tools="", backup_metrics=f"{folder}/backup.prom")

    def write(self, name, **values):
        (self.folder / name).write_text(json.dumps(values), encoding="utf-8")

    def run(self, collector="server"):
        """(metrics with their labels, what it said)"""
        done = subprocess.run([sys.executable, "-B", self.folder / "etc/program/collect.py", collector], capture_output=True, text=True, check=True)
        text = (self.folder / "out" / ("mlflow.prom" if collector == "server" else "mlflow-artifacts.prom")).read_text(encoding="utf-8")
        assert re.fullmatch(r"(# (HELP|TYPE) mlflow_\w+ .+\n|mlflow_\w+\{([a-z]+=\"([^\"\\]|\\.)*\",?)+\} [0-9.e+-]+\n)+", text), text
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")}, done.stderr


def of(metric, /, **labels):
    return f"{metric}{{{','.join(f'{key}={json.dumps(value)}' for key, value in {'service': 'mlflow', **labels}.items())}}}"


@pytest.fixture
def front(tmp_path):
    """An address that shows a certificate of nobody whom anybody trusts: (its URL, when the certificate ends)."""
    with Authority(tmp_path / "pki") as pki:
        pki.write("front.crt", "mlflow.example.com", -1, 30)
        # Whom Authority signs with is another key than that of the certificate.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.folder / "front.crt", pki.folder / "good.key")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}", int((pki.now + 30 * DAY).timestamp())
        server.shutdown()


def test_all_parts_are_told(tmp_path, front):
    url, ends = front
    host = Host(tmp_path, [url])
    found, said = host.run()
    assert said == ""
    assert {found[of("mlflow_monitoring_success", part=part)] for part in ("deployed", "answer", "database", "disk", "certificate", "backup")} == {1}
    assert found[of("mlflow_runs", state="FINISHED")] == 2 and found[of("mlflow_runs", state="deleted")] == 1 and found[of("mlflow_runs", state="RUNNING")] == 0
    assert found[of("mlflow_model_versions")] == 1 and found[of("mlflow_schema_info", revision="abc")] == 1
    assert found[of("mlflow_database_bytes")] == os.path.getsize(host.root / "mlflow.db")
    assert found[of("mlflow_database_wal_bytes")] == os.path.getsize(host.root / "mlflow.db-wal") > 0
    assert found[of("mlflow_certificate_not_after_timestamp_seconds", name=url[8:])] == ends
    assert found[of("mlflow_server_up")] == 0 and of("mlflow_server_answer_seconds") not in found
    assert found[of("mlflow_backup_failed", operation="backup")] == 0
    assert 0 < found[of("mlflow_disk_free_bytes", place="tree")] < found[of("mlflow_disk_bytes", place="tree")]
    found, said = host.run("artifacts")
    assert (found[of("mlflow_artifacts_bytes")], found[of("mlflow_artifacts_files")], found[of("mlflow_artifacts_complete")], said) == (5, 1, 1, "")


def test_a_stopped_server_is_measured_without_a_trace(tmp_path):
    host = Host(tmp_path)
    host.database.close()
    before = sorted(os.listdir(host.root))
    found, _said = host.run()
    assert sorted(os.listdir(host.root)) == before == ["artifacts", "mlflow.db"]
    assert found[of("mlflow_runs", state="FINISHED")] == 2 and found[of("mlflow_database_wal_bytes")] == 0


def test_what_cannot_be_found_out_is_told_and_the_rest_too(tmp_path):
    host = Host(tmp_path, ["https://127.0.0.1:9"])
    host.database.execute("DROP TABLE runs")
    (tmp_path / "backup.prom").write_text("something else\n", encoding="utf-8")
    found, said = host.run()
    parts = {part: found[of("mlflow_monitoring_success", part=part)] for part in ("database", "certificate", "backup", "disk")}
    assert parts == {"database": 0, "certificate": 0, "backup": 0, "disk": 1}
    assert "database: no such table: runs" in said and "certificate: https://127.0.0.1:9" in said and "something else" in said
    assert not [name for name in found if name.startswith("mlflow_runs")] and found[of("mlflow_database_wal_bytes")] > 0


def test_a_host_without_a_server_tells_so(tmp_path):
    host = Host(tmp_path)
    (tmp_path / "mlflow.fact").unlink()
    found, said = host.run()
    assert {found[of("mlflow_monitoring_success", part=part)] for part in ("deployed", "database", "disk")} == {0}
    assert "mlflow.fact" in said and of("mlflow_monitoring_timestamp_seconds", collector="server") in found


def test_a_store_in_postgresql_is_asked_by_variables_alone(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "roles/mlflow_monitoring/files"))
    postgresql = importlib.import_module("postgresql")
    monkeypatch.delitem(sys.modules, "postgresql")
    (tmp_path / "mlflow.env").write_text("MLFLOW_BACKEND_STORE_URI=postgresql+psycopg://mlflow:hush%2F@db.example.com:6432/store?sslrootcert=/run/mlflow/ca.pem"
                                         "&options=-c%20search_path%3Dml\n", encoding="utf-8")
    told = postgresql.environment(postgresql.uri(str(tmp_path)), 20)
    assert told["PGPASSWORD"] == "hush/" and told["PGPORT"] == "6432" and told["PGSSLROOTCERT"] == f"{tmp_path}/entry/ca.pem"
    assert told["PGOPTIONS"] == "-c search_path=ml -c statement_timeout=20000 -c default_transaction_read_only=on"
