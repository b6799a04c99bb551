"""What the program refuses before anything is changed: the variable, its value, the fix."""

from __future__ import annotations

import json

import pytest


def test_a_downgrade_is_refused(world):
    world.modules.verbs.upgrade(world.plan())
    world.modules.verbs.commit()
    world.fact.write_text(json.dumps({"image": "mlflow:new", "version": "3.17.2", "local_url": ""}), encoding="utf-8")
    with pytest.raises(world.modules.host.Failure, match=r"mlflow_version is 3.10.1, which does not know the schema b"):
        world.modules.verbs.upgrade(world.plan("mlflow:old"))
    assert world.running == "mlflow:new"


def refused(world, says, **plan):
    with pytest.raises(world.modules.host.Failure, match=says):
        world.modules.verbs.upgrade(world.plan(**plan))
    assert (world.running, world.store()) == ("mlflow:old", ("a", 1))
    assert not (world.modules.verbs.JOURNAL.folder / "pending.json").exists()


def test_too_little_room(world, monkeypatch):
    monkeypatch.setattr(world.modules.forward, "SPARE_BYTES", 10**18)
    refused(world, r"mlflow_root is '.*/tree', where .* are free; to back up and migrate .* takes 1000000000.0 GB. Free some room")


def test_another_version_than_asked_for(world):
    refused(world, "mlflow_version is 3.16.1, and mlflow:new holds MLflow 3.17.2", version="3.16.1")


def test_a_damaged_database(world, monkeypatch):
    monkeypatch.setattr(world.modules.database, "faults", lambda _file: "row 1 missing from index")
    refused(world, "is damaged, and was not migrated: row 1 missing")


def test_a_folder_of_copies_that_is_not_ours(world):
    (world.tree / ".upgrade").symlink_to(world.folder)
    told = world.modules.verbs.upgrade(world.plan())
    assert (told["outcome"], world.running, world.store()) == ("failed", "mlflow:old", ("a", 1))
    assert "must be a folder of root" in told["message"]


def test_the_schema_of_a_database_server(world, monkeypatch):
    """It changes only with a backup that the operator vouches for."""
    monkeypatch.setattr(world.modules.forward, "look", lambda _plan, _image: {"schema": "a", "counts": {}})
    refused(world, "mlflow_upgrade_external_backup_confirmed is false", database="")


def test_rows_that_other_servers_write_meanwhile_are_no_loss(world):
    """Fewer are, and more are where nobody else writes to the store."""
    same = world.modules.forward.same_rows
    assert same({"runs": 1, "params": 2}, {"runs": 5, "params": 2}, True) == []
    for after, shared in (({"runs": 5, "params": 2}, False), ({"runs": 0, "params": 2}, True)):
        with pytest.raises(world.modules.host.Failure, match="runs had 1 rows and has"):
            same({"runs": 1, "params": 2}, after, shared)
