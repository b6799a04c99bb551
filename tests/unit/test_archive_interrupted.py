"""An archive that is interrupted at any point is finished by the next, and until then each run is whole in the store or in an archive."""

from __future__ import annotations

import contextlib
import os
import pathlib

import pytest
from archive_parts import Rows, load


class Power(BaseException):
    """Lost."""


@pytest.fixture
def archive(tree, monkeypatch):
    return load(tree, monkeypatch)


class World:
    """A store of two runs with an artifact each, and a folder of archives. The power fails before the step `until`."""

    def __init__(self, archive, folder, monkeypatch):
        self.archive, self.rows, self.steps, self.until = archive, Rows(), 0, None
        self.folder = str(folder / "archive")
        os.makedirs(self.folder)
        for key in "ab":
            (folder / f"store/1/{key}/artifacts/deep").mkdir(parents=True)
            (folder / f"store/1/{key}/artifacts/deep/x").write_text(key * 1000, encoding="utf-8")
        self.store = archive.artifacts.Artifacts(str(folder / "store"))
        # Nobody clears up after a loss of power.
        # One family in a transaction, so that there is something between two.
        monkeypatch.setattr(archive.folder, "TOGETHER", 1)
        monkeypatch.setattr(archive.file.Writer, "abandon", archive.file.Writer.close)
        for module, names in ((archive.folder.os, ("fsync", "rename", "replace", "unlink", "rmdir")), (archive.artifacts.shutil, ("rmtree",)),
                              (self.rows, ("remove",)), (archive.file.Writer, ("add",)), (archive.read, ("verify",))):
            for name in names:
                monkeypatch.setattr(module, name, self.step(getattr(module, name)))

    def step(self, function):
        def stepped(*words, **options):
            if self.until is not None:
                self.steps += 1
                if self.steps > self.until:
                    raise Power
            return function(*words, **options)

        return stepped

    def place(self, key):
        return f"{self.store.root}/1/{key}/artifacts"

    def families(self):
        return [{"runs": [key], "models": [], "name": key, "experiment": "one", "places": {key: self.place(key)},
                 "files": {f"artifacts/{key}/{name}": path for name, path in self.archive.file.files(self.place(key))}} for key in sorted(self.rows.there)]

    def run(self):
        """What archive.py does."""
        folder = self.archive.folder
        waiting = folder.unfinished(self.folder)
        folder.sweep(self.folder)
        for name in waiting:
            path = os.path.join(self.folder, name)
            folder.remove(path, self.archive.read.verify(path), self.rows, self.store)
        families = self.families()
        if families:
            path, manifest = folder.write(self.folder, families, self.rows, 30)
            assert folder.remove(path, manifest, self.rows, self.store)[1] == {}

    def whole_in_the_store(self, key):
        file = pathlib.Path(self.place(key), "deep/x")
        return key in self.rows.there and file.is_file() and file.read_text(encoding="utf-8") == key * 1000

    def archived(self):
        """Runs that are whole in an archive."""
        found = set()
        for name in os.listdir(self.folder):
            if name.endswith(".tar.gz"):
                manifest = self.archive.read.verify(os.path.join(self.folder, name))
                found |= {family["runs"][0] for family in manifest["families"] if f"artifacts/{family['runs'][0]}/deep/x" in manifest["members"]}
        return found


def test_nothing_is_lost_wherever_it_is_interrupted(archive, tmp_path, monkeypatch):
    stops = 0
    while True:
        with monkeypatch.context() as patch:
            world = World(archive, tmp_path / str(stops), patch)
            world.until = stops
            with contextlib.suppress(Power):
                world.run()
                break
            world.until = None
            assert [key for key in "ab" if not world.whole_in_the_store(key) and key not in world.archived()] == [], f"lost at step {stops}"
            world.run()
            assert world.archived() == {"a", "b"} and world.rows.there == {} and os.listdir(world.store.root) == [], f"not finished after step {stops}"
            assert not [name for name in os.listdir(world.folder) if name.endswith((".part", ".removing"))]
            stops += 1
    assert stops > 20


def test_what_changed_meanwhile_stays(archive, tmp_path, monkeypatch):
    world = World(archive, tmp_path, monkeypatch)
    path, manifest = archive.folder.write(world.folder, world.families(), world.rows, 30)
    world.rows.there["a"]["tags"] = ["a", "another"]
    gone, stay = archive.folder.remove(path, manifest, world.rows, world.store)
    assert [family["runs"] for family in gone] == [["b"]] and stay == {"a": "it changed while it was archived: its rows in table tags"}
    assert world.whole_in_the_store("a") and not os.path.exists(world.place("b"))


@pytest.mark.parametrize("name", ["deep/x", "deep/new"])
def test_artifacts_that_changed_meanwhile_stay(archive, tmp_path, monkeypatch, name):
    world = World(archive, tmp_path, monkeypatch)
    path, manifest = archive.folder.write(world.folder, world.families(), world.rows, 30)
    for key in "ab":
        pathlib.Path(world.place(key), name).write_text("later", encoding="utf-8")
    gone, stay = archive.folder.remove(path, manifest, world.rows, world.store)
    assert gone == [] and set(stay) == {"a", "b"} and set(world.rows.there) == {"a", "b"}
    assert os.listdir(world.folder) == [], "an archive of which nothing went is in the way"
