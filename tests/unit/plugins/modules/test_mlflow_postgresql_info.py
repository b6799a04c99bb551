"""What PostgreSQL's own tools print is read as they print it. The server itself is asked in scenario cluster."""

from __future__ import annotations

import base64
import hashlib
import hmac

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


def test_a_password_is_known_by_what_the_server_keeps_of_it():
    """As PostgreSQL 17 keeps 'it is:me\\' (RFC 5802, 4096 rounds)."""
    salt, password = b"0123456789abcdef", "it is:me\\"
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    stored = hashlib.sha256(hmac.new(salted, b"Client Key", hashlib.sha256).digest()).digest()
    kept = f"SCRAM-SHA-256$4096:{base64.b64encode(salt).decode()}${base64.b64encode(stored).decode()}:AAAA"
    assert info.verified(kept, password)
    assert not info.verified(kept, "it is me")
    assert not info.verified("md5c4ca4238a0b923820dcc509a6f75849b", password) and not info.verified("", password)
