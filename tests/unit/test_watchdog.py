"""What the watchdog takes for a sign of life, on real sockets."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import threading
import time

import pytest

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


@pytest.fixture
def watchdog(tree, monkeypatch):
    spec = importlib.util.spec_from_file_location("watchdog", tree.root / "roles/mlflow/files/watchdog.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "STEP", 0.2)
    return module


@contextlib.contextmanager
def server(answer):
    """A server that hands each connection, with its number, to a thread of answer(number, connection)."""
    kept = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    kept.append(listener.accept()[0])
                    threading.Thread(target=answer, args=(len(kept), kept[-1]), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/health"
        listener.shutdown(socket.SHUT_RDWR)


def silent(_number, _connection):
    """Accept and say nothing."""


def busy(_number, connection):
    time.sleep(0.7)
    connection.sendall(ANSWER)


def one_of_two(number, connection):
    if number > 1:
        connection.sendall(ANSWER)


def closing(_number, connection):
    connection.close()


@pytest.mark.parametrize(("behaviour", "lives"), [(silent, False), (busy, True), (one_of_two, True), (closing, False)])
def test_signs_of_life(watchdog, behaviour, lives):
    with server(behaviour) as url:
        began = time.monotonic()
        assert watchdog.alive(url, 1.2) is lives
        assert time.monotonic() - began < (1.1 if lives else 2)


@pytest.mark.parametrize("paused", [True, False])
def test_time_in_which_the_host_was_paused_does_not_count(watchdog, monkeypatch, paused):
    """The clock jumps while the first questions wait, as it does for a virtual machine that was paused; the server answers after 1.2 s of its own."""
    rounds, clock, wait = [], time.monotonic, watchdog.select.select

    def waiting(*arguments):
        rounds.append(1)
        return wait(*arguments)

    def late(_number, connection):
        threading.Event().wait(1.2)
        connection.sendall(ANSWER)

    monkeypatch.setattr(watchdog.select, "select", waiting)
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: clock() + (100 * min(len(rounds), 6) if paused else 0))
    with server(late) as url:
        assert watchdog.alive(url, 0.8) is paused


def test_nobody_accepts(watchdog):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert watchdog.alive(f"http://127.0.0.1:{port}/health", 0.5) is False


@pytest.mark.parametrize(("state", "since", "acts"), [("active", 1000, True), ("active", 5, False), ("activating", 1000, False), ("deactivating", 1000, False)])
def test_only_a_server_that_has_served_for_a_while_is_ended(watchdog, monkeypatch, state, since, acts):
    class Over(Exception):
        """Ends the endless loop at its second turn."""

    turns, ran = [], []
    monkeypatch.setattr(watchdog, "alive", lambda url, seconds: False)
    monkeypatch.setattr(watchdog, "tell", lambda unit, text: ran.append(text))
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: 2000.0)

    def sleep(_seconds):
        turns.append(1)
        if len(turns) > 1:
            raise Over

    def run(command, **_options):
        if command[0] == "systemctl":
            return type("Done", (), {"stdout": f"ActiveState={state}\nActiveEnterTimestampMonotonic={(2000 - since) * 1000000}\n"})
        return ran.append(command)

    monkeypatch.setattr(watchdog.time, "sleep", sleep)
    monkeypatch.setattr(watchdog.subprocess, "run", run)
    with pytest.raises(Over):
        watchdog.watch("mlflow.service", "mlflow", "http://127.0.0.1:5001/health", 25)
    assert (["docker", "kill", "mlflow"] in ran) is acts
    assert any("not answered for 25 s" in str(text) for text in ran) is acts
