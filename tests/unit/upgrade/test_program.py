"""The program that changes images, killed at each step and made to fail at each step."""

from __future__ import annotations

import json
import os

import pytest

STATES = ["planned", "stopped", "migrated", "swapped", "serving"]


class Killed(BaseException):
    """The process is gone in this moment."""


def test_the_normal_path(world):
    told = world.modules.verbs.upgrade(world.plan())
    assert (told["outcome"], world.running, world.store()) == ("upgraded", "mlflow:new", ("b", 1))
    assert told["window_seconds"] is not None
    assert world.modules.database.look(told["backup"])["counts"]["runs"] == 1
    committed = world.modules.verbs.commit()
    assert committed["outcome"] == "committed" and json.loads((world.folder / "mlflow_upgrade.fact").read_text())["previous_version"] == "3.10.1"


def killed_at(world, monkeypatch, state, where, act):
    """Do something that is gone just before or just after it enters a state in its journal."""
    enter = world.modules.journal.Journal.enter

    def dying(journal, record, new):
        if (new, where) == (state, "before"):
            raise Killed
        enter(journal, record, new)
        if new == state:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(world.modules.journal.Journal, "enter", dying)
        with pytest.raises(Killed):
            act()


@pytest.mark.parametrize("after", ["settle", "boot", "run"])
@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("state", STATES)
def test_killed(world, monkeypatch, state, where, after):
    """What the killed run's own unit, a reboot, or just the next run makes of it: nothing is lost, and the next run ends it."""
    killed_at(world, monkeypatch, state, where, lambda: world.modules.verbs.upgrade(world.plan()))
    if after == "settle":
        world.modules.backward.resume(world.modules.verbs.JOURNAL)
        assert world.running
    elif after == "boot":
        world.running = ""
        try:
            world.start("mlflow.service")
        except world.modules.host.Failure:
            assert world.store()[0] == "b", "only the old server on a migrated database may fail to start"
    world.serve()
    assert world.modules.verbs.upgrade(world.plan())["outcome"] == "upgraded"
    world.serve()
    assert (world.running, world.store()) == ("mlflow:new", ("b", world.rows))
    assert world.modules.verbs.commit()["outcome"] == "committed"
    assert not (world.modules.verbs.JOURNAL.folder / "pending.json").exists()
    assert not (world.tree / ".upgrade/work").exists()


def test_there_is_a_database_at_every_moment(world, monkeypatch):
    """A server that starts without one would begin an empty one. Cut short before the exchange, the link that was to be the backup goes."""
    rename = os.rename

    def dying(source, target):
        if str(target) == str(world.database):
            raise Killed
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(world.modules.database.os, "rename", dying)
        with pytest.raises(Killed):
            world.modules.verbs.upgrade(world.plan())
    assert world.store() == ("a", 1)
    world.modules.backward.resume(world.modules.verbs.JOURNAL)
    assert (world.running, world.store()) == ("mlflow:old", ("a", 1))
    assert not list((world.tree / ".upgrade").glob("*/mlflow.db*"))


@pytest.mark.parametrize("fault", ["migration", "rows", "start"])
def test_a_step_that_fails(world, fault):
    world.fault = fault
    if fault == "start":
        world.broken.add("mlflow:new")
    told = world.modules.verbs.upgrade(world.plan())
    assert (told["outcome"], world.running, world.store()) == ("failed", "mlflow:old", ("a", 1))
    assert "3.10.1 serves again" in told["message"] and "database is as it was" in told["message"]
    assert not (world.folder / "env").exists(), "a file that the old service did not have"
    world.fault, world.broken = None, set()
    world.serve()
    assert world.modules.verbs.upgrade(world.plan())["outcome"] == "upgraded"
    assert world.store() == ("b", 2)


@pytest.mark.parametrize("step", ["stop", "start", "replace"])
def test_killed_on_the_way_back(world, monkeypatch, step):
    """Going back is cut short too; the next run goes back first and then forward."""
    world.broken.add("mlflow:new")

    def dying(*_words):
        raise Killed

    place = world.modules.database if step == "replace" else world.modules.host
    killed_at(world, monkeypatch, "undoing", "after", lambda: world.modules.verbs.upgrade(world.plan()))
    with monkeypatch.context() as patch:
        patch.setattr(place, step, dying)
        with pytest.raises(Killed):
            world.modules.backward.resume(world.modules.verbs.JOURNAL)
    world.modules.backward.resume(world.modules.verbs.JOURNAL)
    assert (world.running, world.store()) == ("mlflow:old", ("a", 1))
    world.broken = set()
    assert world.modules.verbs.upgrade(world.plan())["outcome"] == "upgraded"


def test_another_image_of_the_same_schema_takes_no_copy(world):
    told = world.modules.verbs.upgrade(world.plan("mlflow:same"))
    assert (told["outcome"], told["backup"], world.running) == ("upgraded", "", "mlflow:same")
    assert not (world.tree / ".upgrade").exists()


def test_the_way_back(world):
    world.modules.verbs.upgrade(world.plan())
    world.fact.write_text(json.dumps({"image": "mlflow:new", "version": "3.17.2", "local_url": ""}), encoding="utf-8")
    world.modules.verbs.commit()
    world.serve()
    assert world.modules.verbs.loss()["lost"] == {"runs": 1}
    told = world.modules.verbs.rollback({})
    assert (told["outcome"], world.running, world.store()) == ("undone", "mlflow:old", ("a", 1))
    assert world.modules.database.look(told["replaced"])["counts"]["runs"] == 2
    assert json.loads(world.fact.read_text(encoding="utf-8"))["image"] == "mlflow:old"
    with pytest.raises(world.modules.host.Failure, match="no earlier deployment"):
        world.modules.verbs.rollback({})
