"""Looks go on side by side, and none that hangs, dies or fails holds up the others."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

from ansible_collections.mlops.mlflow.plugins.module_utils import looks


def hang():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Event().wait()


def test_each_has_its_own_end():
    began = time.monotonic()
    found = looks.look({
        "well": lambda: {"size": 1}, "failing": lambda: 1 / 0, "hanging": hang, "silent": lambda: subprocess.run(["sleep", "60"], check=True),
        "dying": lambda: os.kill(os.getpid(), signal.SIGKILL), "large": lambda: "x" * 1_000_000,
        "file": lambda: os.stat("/nowhere"),
    }, 1)
    assert 1 <= time.monotonic() - began < 3
    assert found["well"]["value"] == {"size": 1} and found["well"]["error"] == ""
    assert found["failing"]["error"] == "division by zero"
    assert found["file"]["error"] == "No such file or directory: /nowhere"
    assert found["hanging"] == {"value": None, "error": "no answer within 1 s", "seconds": 1}
    assert found["silent"]["error"] == "no answer within 1 s"
    assert found["dying"]["error"] == "it ended without a result"
    assert len(found["large"]["value"]) == 1_000_000


def test_what_is_printed_is_not_in_the_way(capfd):
    assert looks.look({"loud": lambda: os.write(1, b"noise")}, 5)["loud"]["value"] == 5
    assert capfd.readouterr().out == ""


def test_none_waits_longer_than_it_has_to():
    began = time.monotonic()
    looks.look({"one": lambda: 1, "two": lambda: time.sleep(0.2)}, 60)
    assert time.monotonic() - began < 5


def test_nothing_to_look_at():
    assert looks.look({}, 5) == {}
