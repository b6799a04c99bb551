"""Reading a host: who listens on its ports, and whether an address answers."""

from __future__ import annotations

import http.server
import os
import pathlib
import socket
import threading

import pytest
from ansible_collections.mlops.mlflow.plugins.module_utils import network


@pytest.mark.parametrize(("family", "address", "shown"), [
    (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
    (socket.AF_INET6, "::1", "0000:0000:0000:0000:0000:0000:0000:0001"),
])
def test_who_listens_on_a_port(family, address, shown):
    with socket.socket(family) as listener:
        try:
            listener.bind((address, 0))
        except OSError:
            pytest.skip("no such address on this machine")
        port = listener.getsockname()[1]
        assert network.listeners(None, {"active": False}, [port]) == []
        listener.listen()
        found = network.listeners(None, {"active": False}, [port])
    own = pathlib.Path("/proc/self/comm").read_text(encoding="utf-8").strip()
    assert found == [{"port": port, "address": shown, "process": own, "container": ""}]


def test_a_file_that_was_closed_meanwhile_hides_no_listener(monkeypatch):
    """As a program with many short connections has them: the first of its files is gone when it is looked at."""
    read_link, gone = os.readlink, []

    def readlink(path):
        if not gone:
            gone.append(path)
            raise FileNotFoundError(path)
        return read_link(path)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(network.os, "listdir", lambda _path: [str(os.getpid())])
        monkeypatch.setattr(network.os, "readlink", readlink)
        (found,) = network.listeners(None, {"active": False}, [listener.getsockname()[1]])
    assert found["process"] == pathlib.Path("/proc/self/comm").read_text(encoding="utf-8").strip()
    assert gone == [f"/proc/{os.getpid()}/fd/0"]


def test_a_published_port_names_its_container(module):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        answers = module({"docker ps": f"web\t127.0.0.1:{port}->80/tcp\nother\t\n"})
        (found,) = network.listeners(answers, {"cli": "/usr/bin/docker", "active": True}, [port])
    assert found["container"] == "web"


@pytest.fixture
def index():
    """A package index that wants a password, on a port of its own."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response({"Basic dTpwQHNz": 200, None: 401}.get(self.headers.get("Authorization"), 404))
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_index_that_answers(index):
    assert network.url(f"http://u:p%40ss@{index}/simple", 5, "") == {"ok": True, "reason": ""}
    assert network.url(f"http://other:one@{index}/simple", 5, "")["ok"]


def test_an_index_that_refuses_and_one_that_is_not_there(index):
    assert network.url(f"http://{index}/simple", 5, "")["ok"] is False
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = network.url(f"http://u:secret-word@127.0.0.1:{port}/simple", 5, "")
    assert found["ok"] is False
    assert "refused" in found["reason"]
    assert "secret-word" not in found["reason"]


def test_the_addresses_that_others_reach_this_machine_at():
    found = network.addresses()
    assert all(set(entry) == {"interface", "address"} and entry["interface"] != "lo" for entry in found)
    assert not [entry for entry in found if entry["address"].startswith(("127.", "fe80:", "::1"))]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: the kernel chooses the address that it would send from.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no way to other machines")
        assert probe.getsockname()[0] in [entry["address"] for entry in found]
