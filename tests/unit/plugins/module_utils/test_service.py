"""Reading a server: its units, its journal, its container, its answers, and the revisions that its image knows."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading

import pytest
from ansible_collections.mlops.mlflow.plugins.module_utils import service
from ansible_collections.mlops.mlflow.plugins.modules import mlflow_diagnose

SHOWN = "LoadState=loaded\nActiveState=active\n\nLoadState=not-found\nActiveState=inactive\n"


@pytest.fixture
def asked(module, monkeypatch):
    """A module whose commands answer as given; a command may be required."""
    def make(answers):
        made = module(answers)
        find = made.get_bin_path
        monkeypatch.setattr(made, "get_bin_path", lambda name, required=False: find(name), raising=False)
        return made
    return make


def test_units_by_name(asked):
    found = service.units(asked({"systemctl show": SHOWN}), ["mlflow.service", "docker.service"])
    assert found["mlflow.service"]["ActiveState"] == "active"
    assert found["docker.service"]["LoadState"] == "not-found"


def test_restarts_and_their_reasons(asked):
    journal = "journalctl --quiet --no-pager --output cat --since 24 hours ago "
    found = service.restarts(asked({journal + "UNIT": "again\nagain\n", journal + "OBJECT": "it hung\n"}), "mlflow.service")
    assert found == {"count": 2, "hung": ["it hung"]}


def test_the_container_and_its_processes(asked):
    state = {"Status": "running", "StartedAt": "2026-11-23T12:00:00.5Z", "Pid": os.getpid()}
    answer = [{"State": state, "Config": {"Image": "mlflow:1"}, "HostConfig": {"Memory": 7}}]
    with subprocess.Popen(["sleep", "60"]) as child:
        found = service.container(asked({"docker container inspect": answer}), {"cli": "/usr/bin/docker"}, "mlflow")
        child.kill()
    assert [os.getpid(), child.pid] == [pid for pid, _state in found["processes"] if pid in (os.getpid(), child.pid)]
    assert found["memory"]["limit"] == 7
    assert service.container(asked({"docker container": ""}), {"cli": "/usr/bin/docker"}, "mlflow") is None


def test_the_revisions_of_an_image(tmp_path):
    versions = tmp_path / "mlflow/store/db_migrations/versions"
    versions.mkdir(parents=True)
    (tmp_path / "mlflow/__init__.py").write_text("raise SystemExit('nothing of it may be imported')", encoding="utf-8")
    (versions / "__init__.py").write_text("", encoding="utf-8")
    (versions / "aaa_first.py").write_text('revision = "aaa"\ndown_revision = None\n', encoding="utf-8")
    (versions / "bbb_then.py").write_text("revision: str = 'bbb'\ndown_revision: str = 'aaa'\n", encoding="utf-8")
    said = subprocess.run([sys.executable, "-c", service.REVISIONS], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert sorted(json.loads(said)["known"]) == ["aaa", "bbb"]
    assert json.loads(said)["heads"] == ["bbb"]


def test_an_image_that_cannot_be_asked(asked):
    with pytest.raises(RuntimeError, match="mlflow:1 could not be asked"):
        service.expected_schema(asked({"docker nothing": ""}), {"cli": "/usr/bin/docker"}, "mlflow", "mlflow:1", False)


def test_a_call_tells_the_name_that_it_was_given():
    seen = []

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append((self.path, self.headers["Host"], self.headers["Origin"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(403)
            self.end_headers()
            self.wfile.write(b"Invalid Host header")

        def log_message(self, *_words):
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as listener:
        threading.Thread(target=listener.handle_request, daemon=True).start()
        found = service.ask(f"http://127.0.0.1:{listener.server_port}/ml", "/api", 5, host="ml.example.com", origin="http://ml.example.com", body={})
    assert (found["status"], found["text"]) == (403, "Invalid Host header")
    assert seen == [("/ml/api", "ml.example.com", "http://ml.example.com", b"{}")]


@pytest.mark.parametrize(("engine", "socket", "asleep"), [("inactive", "active", True), ("active", "active", False), ("inactive", "inactive", False),
                                                          (None, None, False)])
def test_an_engine_that_a_question_would_start_is_not_asked(engine, socket, asleep):
    units = {"docker.service": {"ActiveState": engine}, "docker.socket": {"ActiveState": socket}} if engine else {}
    assert mlflow_diagnose.asleep(units) is asleep
