"""A backend store in PostgreSQL: how its tools are called, and what is refused. The database itself is tested on hosts."""

from __future__ import annotations

import subprocess
import types

import pytest
from test_backup_program import program

__all__ = ["program"]
URI = "postgresql+psycopg://mlflow:hush%2Fhush%40@db.example.com:6432/store?sslmode=verify-full&sslrootcert=/etc/ca.pem"


@pytest.fixture
def server(program, monkeypatch):
    """A server whose tools are not called, with the calls and an answer by tool."""
    calls, answers = [], {}

    def run(words, env, **_options):
        calls.append((words, env))
        return subprocess.CompletedProcess(words, *answers.get(words[0], (0, "", "")))

    monkeypatch.setattr(program.postgresql.subprocess, "run", run)
    server = program.postgresql.Server(URI)
    server.calls, server.answers = calls, answers
    return server


def test_the_password_is_no_argument_and_in_no_message(program, server):
    server.sql("SELECT 1")
    words, environment = server.calls[0]
    assert "hush" not in " ".join(words) and environment["PGPASSWORD"] == "hush/hush@"
    assert (environment["PGHOST"], environment["PGPORT"], environment["PGUSER"], environment["PGDATABASE"]) == ("db.example.com", "6432", "mlflow", "store")
    assert (environment["PGSSLMODE"], environment["PGSSLROOTCERT"]) == ("verify-full", "/etc/ca.pem")
    server.answers["psql"] = (2, "", "psql: error: connection failed: no hush/hush@ here\n")
    with pytest.raises(program.settings.Refused, match=r"psql, database db.example.com/store: .*no \*\*\* here"):
        server.sql("SELECT 1")


@pytest.mark.parametrize(("ours", "refused"), [("15.8 (Debian)", True), ("17.2", False), ("18", False)])
def test_older_tools_are_refused_with_the_way_out(program, server, ours, refused):
    server.answers.update(psql=(0, "170002\n", ""), pg_dump=(0, f"pg_dump (PostgreSQL) {ours}\n", ""))
    if refused:
        with pytest.raises(program.settings.Refused, match=r"of PostgreSQL 15, and the server at db.example.com/store of 17.*mlflow_backup_postgresql_tools"):
            server.refuse_older_tools()
    else:
        server.refuse_older_tools()


def test_tools_that_are_not_there_are_told(program):
    with pytest.raises(program.settings.Refused, match="There is no /nowhere/bin/psql on this host"):
        program.postgresql.Server(URI, "/nowhere/bin").sql("SELECT 1")


def test_a_dump_without_a_table_is_refused(program, server):
    entry = {"tables": {"runs": 1, "metrics": 2}, "place": "public"}
    row = "{0}; 0 {0} {1} public {2} mlflow\n"
    toc = ";\n" + row.format(1, "SCHEMA -", "public") + row.format(2, "TABLE DATA", "runs") + row.format(3, "TABLE DATA", "metrics")
    toc = toc.replace("SCHEMA - public public", "SCHEMA - public")
    server.answers["pg_restore"] = (0, toc, "")
    assert "SCHEMA" not in program.postgresql_restore.listed(server, entry, "file")
    server.answers["pg_restore"] = (0, toc.replace("metrics", "other"), "")
    with pytest.raises(program.settings.Refused, match="the dump lacks table metrics"):
        program.postgresql_restore.listed(server, entry, "file")


@pytest.mark.parametrize(("kind", "snapshot", "says"), [
    ("postgresql", {}, "in the snapshot is sqlite, and that of this host postgresql"),
    ("sqlite", {"dump": {"place": "public"}}, "in the snapshot is postgresql, and that of this host sqlite"),
    ("postgresql", {"dump": {"place": "other"}}, "lie in schema 'other', and those of .* in 'public'"),
])
def test_a_snapshot_of_another_kind_of_store_is_refused(program, server, kind, snapshot, says):
    server.answers["psql"] = (0, "public\n", "")
    with pytest.raises(program.settings.Refused, match=says):
        program.plan.refuse_other_store(snapshot, types.SimpleNamespace(store_kind=kind), server if kind == "postgresql" else None)


def test_what_lies_in_the_database_is_somebodys(program, server, tmp_path, monkeypatch):
    monkeypatch.setattr(program.postgresql, "contents", lambda _ask: {"tables": {"experiments": 1, "runs": 7}})
    deployed = types.SimpleNamespace(database="", artifacts="", root=str(tmp_path))
    assert program.plan.holds(deployed, server) == "7 runs"


def test_a_database_that_has_no_tool_here_is_refused(program):
    with pytest.raises(program.settings.Refused, match=r"a database of mysql.*or move to PostgreSQL. Nothing was backed up"):
        program.store.refuse(types.SimpleNamespace(store_kind="mysql"))


def test_a_dump_that_cannot_be_put_back_leaves_the_server_as_it_was(program, tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(program.restore.subprocess, "run", lambda words, **_options: called.append(words[1]))

    def refuse(*_words):
        raise program.settings.Refused("psql: no.")

    monkeypatch.setattr(program.restore.postgresql_restore, "put_back", refuse)
    (tmp_path / "restore.json").write_text("{}")
    (tmp_path / "new").mkdir()
    settings = types.SimpleNamespace(journal_file=str(tmp_path / "restore.json"), postgresql_tools="")
    deployed = types.SimpleNamespace(unit="mlflow.service", uri=lambda: URI)
    journal = {"folder": str(tmp_path / "new"), "aside": str(tmp_path / "aside"), "moves": [], "dump": {"file": "x", "entry": {}, "aside": "y"}}
    with pytest.raises(program.settings.Refused, match=r"psql: no. Nothing was changed."):
        program.restore.swap(settings, deployed, journal)
    assert called == ["stop", "start"] and list(tmp_path.iterdir()) == []
