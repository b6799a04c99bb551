"""What PostgreSQL's own tools print is read as they print it. The server itself is asked in scenario cluster."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.mlflow.plugins.modules import mlflow_postgresql_info as info

LISTED = """15  main   5432 online         postgres /var/lib/postgresql/15/main   /var/log/postgresql/postgresql-15-main.log
15  mlflow 5433 down           postgres /var/lib/postgresql/15/mlflow /var/log/postgresql/postgresql-15-mlflow.log
17  copy   5434 online,recovery postgres /var/lib/postgresql/17/copy  /var/log/postgresql/postgresql-17-copy.log
"""


def test_clusters():
    found = info.clusters(LISTED)
    assert found["main"] == {"version": "15", "port": 5432, "online": True, "data": "/var/lib/postgresql/15/main"}
    assert not found["mlflow"]["online"] and found["copy"]["online"] and len(found) == 3
    assert info.clusters("") == {}


def test_versions_are_in_order(tmp_path):
    for version in ("9.6", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "postgres").touch()
    (tmp_path / "16" / "bin").mkdir(parents=True)
    assert info.installed(str(tmp_path)) == ["9.6", "15", "17"]


@pytest.mark.parametrize(("said", "told"), [
    ("psql: error: connection to server failed: Connection refused\n", "connection to server failed: Connection refused"),
    ('psql: error: one\nFATAL:  password authentication failed for user "mlflow"\n', 'FATAL:  password authentication failed for user "mlflow"'),
    ("", "it said nothing"),
])
def test_the_reason_is_the_last_line(said, told):
    assert info.last(said) == told
