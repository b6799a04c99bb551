"""A host for the program that changes images. Only its files and databases are real."""

from __future__ import annotations

import json
import os
import pathlib
import sqlite3
import sys

import pytest

PROGRAM = pathlib.Path(__file__).resolve().parents[3] / "roles/mlflow/files/upgrade"
IMAGES = {"mlflow:old": ("3.10.1", ["a"]), "mlflow:new": ("3.17.2", ["a", "b"]), "mlflow:same": ("3.17.2", ["a"])}


class World:
    """A host: the unit is a file that names an image, and the server writes into the database that it finds."""

    def __init__(self, folder, modules):
        self.folder, self.modules = folder, modules
        self.tree, self.unit, self.fact = folder / "tree", folder / "mlflow.service", folder / "mlflow.fact"
        self.tree.mkdir()
        self.database = self.tree / "mlflow.db"
        self.running, self.broken, self.fault, self.rows = "", set(), None, 0
        with sqlite3.connect(self.database) as connection:
            connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE alembic_version (version_num); INSERT INTO alembic_version VALUES ('a');"
                                     "CREATE TABLE runs (name)")
        connection.close()
        self.unit.write_text("mlflow:old", encoding="utf-8")
        self.fact.write_text(json.dumps({"image": "mlflow:old", "version": "3.10.1", "local_url": "http://server"}), encoding="utf-8")
        self.start("mlflow.service")

    def serve(self):
        """One write that is acknowledged, if a server runs."""
        if self.running:
            connection = sqlite3.connect(self.database)
            with connection:
                connection.execute("INSERT INTO runs VALUES (?)", (self.rows,))
            connection.close()
            self.rows += 1

    def about(self, _plan, image):
        version, revisions = IMAGES[image]
        return {"version": version, "heads": revisions[-1:], "revisions": revisions}

    def start(self, _unit):
        image = self.unit.read_text(encoding="utf-8")
        if image in self.broken or self.store()[0] not in IMAGES[image][1]:
            raise self.modules.host.Failure(f"{image} does not start")
        self.running = image

    def stop(self, _unit):
        self.running = ""

    def store(self):
        look = self.modules.database.look(str(self.database))
        return look["schema"], look["counts"].get("runs", 0)

    def migrate(self, work):
        connection = sqlite3.connect(work / "mlflow.db")
        with connection:
            connection.execute("CREATE TABLE half (x)")
            if self.fault == "migration":
                raise self.modules.host.Failure("the migration of the database failed")
            if self.fault == "rows":
                connection.execute("DELETE FROM runs")
            connection.execute("UPDATE alembic_version SET version_num = 'b'")
        connection.close()

    def plan(self, image="mlflow:new", **other):
        files = [{"dest": str(self.unit), "content": image}, {"dest": str(self.folder / "env"), "mode": "0600", "content": "SECRET=hush\n"}]
        return {"service": "mlflow", "unit": "mlflow.service", "image": image, "version": IMAGES[image][0], "running_image": self.running,
                "url": "http://server", "root": str(self.tree), "uid": os.getuid(), "gid": os.getgid(), "database": str(self.database),
                "external_backup": False, "container_options": [], "fact": str(self.fact), "upgrade_fact": str(self.folder / "mlflow_upgrade.fact"),
                "env_file": str(self.folder / "env"), "images_keep": 2, "backups_keep": 2, "program": str(PROGRAM), "files": files, **other}


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(PROGRAM), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    names = ("host", "database", "journal", "forward", "room", "users", "steps", "backward", "keep", "verbs")
    for name in names:
        sys.modules.pop(name, None)
    modules = type("Modules", (), {name: __import__(name) for name in names})
    here = World(tmp_path, modules)

    class Migration:
        def __init__(self, _plan, _image, work, _log):
            self.work = work

        def go(self):
            here.migrate(self.work)

        def end(self):
            pass

    modules.verbs.JOURNAL.folder = tmp_path / "journal"
    modules.verbs.JOURNAL.folder.mkdir()
    for name in ("start", "stop", "about"):
        monkeypatch.setattr(modules.host, name, getattr(here, name))
    monkeypatch.setattr(modules.host, "state", lambda _unit: "active" if here.running else "inactive")
    monkeypatch.setattr(modules.host, "version", lambda *_words: IMAGES[here.running][0])
    monkeypatch.setattr(modules.host, "image_there", lambda image: image not in here.broken)
    monkeypatch.setattr(modules.host, "run", lambda *_words, **_options: "")
    monkeypatch.setattr(modules.steps, "Migration", Migration)
    monkeypatch.setattr(modules.forward, "SPARE_BYTES", 0)
    here.serve()
    yield here
    for name in names:
        sys.modules.pop(name, None)
