"""Room that an upgrade keeps: a disk that becomes full on the way takes no server away."""

from __future__ import annotations

import os

import pytest


def test_a_disk_that_becomes_full_stops_no_server(world, monkeypatch):
    """The room for the start of a server is taken before one is stopped."""
    def full(*_about):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(world.modules.host, "stop", lambda _unit: pytest.fail("the server was stopped"))
    told = world.modules.verbs.upgrade(world.plan())
    assert told["outcome"] == "failed" and "which has become full: No space left on device" in told["message"]
    assert (world.running, world.store()) == ("mlflow:old", ("a", 1))
    assert not (world.tree / ".upgrade/ticket").exists()


def test_the_old_server_has_room_to_start(world, monkeypatch):
    """It is given back before the old server starts, and it is there until then."""
    seen = []
    world.fault = "migration"
    ticket, start, stop = world.tree / ".upgrade/ticket", world.start, world.stop
    monkeypatch.setattr(world.modules.host, "stop", lambda unit: (seen.append(ticket.stat().st_size), stop(unit)))
    monkeypatch.setattr(world.modules.host, "start", lambda unit: (seen.append(ticket.exists()), start(unit)))
    assert world.modules.verbs.upgrade(world.plan())["outcome"] == "failed"
    assert seen[0] == world.modules.room.TICKET_BYTES and seen[-1] is False
    assert world.running == "mlflow:old"
