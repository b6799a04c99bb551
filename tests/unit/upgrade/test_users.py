"""The database of users across a change of version: a server migrates it by itself when it starts."""

from __future__ import annotations

import json
import sqlite3

import pytest


@pytest.fixture
def users(world, monkeypatch):
    """The file; a new server changes it at its start, and the old one does not start on what it made of it."""
    file = world.tree / "basic_auth.db"
    with sqlite3.connect(file) as connection:
        connection.executescript("CREATE TABLE alembic_version_auth (version_num); INSERT INTO alembic_version_auth VALUES ('old'); CREATE TABLE users (name)")
    connection.close()

    def start(unit):
        world.start(unit)
        connection = sqlite3.connect(file)
        with connection:
            if world.running == "mlflow:old" and schema(file) != "old":
                raise world.modules.host.Failure("the old server does not know its users any more")
            if world.running == "mlflow:new":
                connection.execute("UPDATE alembic_version_auth SET version_num = 'new'")
        connection.close()

    monkeypatch.setattr(world.modules.host, "start", start)
    return file


def schema(file):
    connection = sqlite3.connect(file)
    found = connection.execute("SELECT version_num FROM alembic_version_auth").fetchone()[0]
    connection.close()
    return found


def add_user(file):
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("INSERT INTO users VALUES ('ada')")
    connection.close()


def upgrade(world, users, **plan):
    return world.modules.verbs.upgrade(world.plan(users=str(users), **plan))


def test_the_way_back_has_the_users_of_before(world, users):
    assert upgrade(world, users)["outcome"] == "upgraded"
    world.modules.verbs.commit()
    world.fact.write_text(json.dumps({"image": "mlflow:new", "version": "3.17.2", "local_url": ""}), encoding="utf-8")
    assert schema(users) == "new"
    add_user(users)
    assert world.modules.verbs.loss()["lost"] == {"users": 1}
    assert world.modules.verbs.rollback({})["outcome"] == "undone"
    assert (world.running, schema(users)) == ("mlflow:old", "old")


def test_a_failed_start_has_the_users_of_before(world, users, monkeypatch):
    monkeypatch.setattr(world.modules.host, "version", lambda *_words: "nonsense" if world.running == "mlflow:new" else "3.10.1")
    assert upgrade(world, users)["outcome"] == "failed"
    assert (world.running, schema(users)) == ("mlflow:old", "old")


def test_also_where_no_schema_of_runs_changes(world, users, monkeypatch):
    monkeypatch.setattr(world, "about", lambda _plan, image: {"version": "3.17.2" if image != "mlflow:old" else "3.10.1", "heads": ["a"], "revisions": ["a"]})
    monkeypatch.setattr(world.modules.host, "about", world.about)
    monkeypatch.setattr(world.modules.host, "version", lambda *_words: "nonsense" if world.running == "mlflow:new" else "3.10.1")
    assert upgrade(world, users)["outcome"] == "failed"
    assert (world.running, schema(users)) == ("mlflow:old", "old")


def test_a_server_without_users(world):
    assert world.modules.verbs.upgrade(world.plan(users=""))["outcome"] == "upgraded"
    assert not list(world.tree.glob("**/basic_auth*"))
