"""Reading a host: the parts of mlflow_host_info that need no host of their own."""

from __future__ import annotations

import http.server
import os
import pathlib
import socket
import threading

import pytest
from ansible_collections.mlops.mlflow.plugins.module_utils import host


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
        assert host.listeners(None, {"active": False}, [port]) == []
        listener.listen()
        found = host.listeners(None, {"active": False}, [port])
    own = pathlib.Path("/proc/self/comm").read_text(encoding="utf-8").strip()
    assert found == [{"port": port, "address": shown, "process": own, "container": ""}]


def test_a_path_and_one_that_is_not_there(tmp_path):
    tmp_path.chmod(0o750)
    found = host.path(str(tmp_path))
    assert (found["exists"], found["is_dir"], found["mode"], found["uid"]) == (True, True, "0750", os.getuid())
    assert found["free_bytes"] > 0
    missing = host.path(str(tmp_path / "a/b"))
    assert (missing["exists"], missing["mode"]) == (False, "0750")


def test_a_file_and_one_that_is_not_there(tmp_path):
    name = tmp_path / "file"
    name.write_text("x")
    name.chmod(0o600)
    found = host.file(str(name))
    assert found["mode"] == "0600"
    assert found["sha256"] == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert host.file(str(tmp_path / "none")) is None


def test_what_is_wrong_with_a_ca_file(tmp_path):
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_text("-----BEGIN CERTIFICATE-----\n")
    bad.write_text("nothing")
    assert host.ca_file_problem("") == ""
    assert host.ca_file_problem(str(good)) == ""
    assert host.ca_file_problem(str(bad)) == "holds no PEM certificate"
    assert host.ca_file_problem(str(tmp_path / "none")) == "no such file or directory"


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
    assert host.url(f"http://u:p%40ss@{index}/simple", 5, "") == {"ok": True, "reason": ""}
    assert host.url(f"http://other:one@{index}/simple", 5, "")["ok"]


def test_an_index_that_refuses_and_one_that_is_not_there(index):
    assert host.url(f"http://{index}/simple", 5, "")["ok"] is False
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = host.url(f"http://u:secret-word@127.0.0.1:{port}/simple", 5, "")
    assert found["ok"] is False
    assert "refused" in found["reason"]
    assert "secret-word" not in found["reason"]
