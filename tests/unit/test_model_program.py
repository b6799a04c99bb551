"""The program of role mlflow_model, on real sockets and links."""

from __future__ import annotations

import importlib
import json
import socket
import subprocess
import sys

import pytest

ENTRY = {"id": "demand", "name": "Demand", "alias": "production", "version": "", "sample": {}, "workers": 1, "memory": "", "cpus": "", "pids": 256,
         "network": "none", "timeout": 60}
CONFIG = {"release": "r", "base": "python:3.12-slim", "models": [ENTRY], "listen": "127.0.0.1:5002", "metrics": "127.0.0.1:5003", "wait_seconds": 30,
          "drain_seconds": 60, "registry": {"url": "http://127.0.0.1:9"}}
FOUND = {"version": "7", "source": "mlflow-artifacts:/1/models/m-1/artifacts"}


@pytest.fixture
def program(tree, monkeypatch, tmp_path):
    """The modules of the program, whose state is in a folder of the test."""
    folder = tree.root / "roles/mlflow_model/files/program"
    monkeypatch.syspath_prepend(str(folder))
    names = [path.stem for path in folder.glob("[a-z]*.py")]
    modules = {name: importlib.import_module(name) for name in names}
    monkeypatch.setattr(modules["registry"], "STATE", tmp_path)
    monkeypatch.setattr(modules["asking"], "RUN", str(tmp_path / "run"))
    (tmp_path / "door").mkdir()
    yield type("Program", (), modules)
    for name in names:
        sys.modules.pop(name)


def test_another_setting_is_another_instance(program):
    name = program.registry.instance_of(CONFIG, ENTRY, FOUND)
    assert name.startswith("demand-7-") and len(name.split("-")) == 3
    for changed in ({"memory": "1g"}, {"workers": 2}, {"network": "bridge"}, {"name": "Other"}):
        assert program.registry.instance_of(CONFIG, {**ENTRY, **changed}, FOUND) != name
    assert program.registry.instance_of({**CONFIG, "release": "s"}, ENTRY, FOUND) != name
    # What ansible-core 2.18 gives as text, and what says nothing of the container.
    assert program.registry.instance_of({**CONFIG, "drain_seconds": 5}, {**ENTRY, "workers": "1", "sample": {"inputs": [1]}}, FOUND) == name


def test_requests_are_led_to_another_instance_at_once(program):
    assert program.registry.serving("demand") == ""
    for instance in ("demand-1-aaaaaaaa", "demand-2-bbbbbbbb"):
        program.serving.lead("demand", instance)
        assert program.registry.serving("demand") == instance
        assert [path.name for path in (program.registry.STATE / "door").iterdir()] == ["demand.sock"]


def test_requests_that_nobody_has_taken_yet_count_as_under_way(program, tmp_path):
    path = tmp_path / "run/demand-1-aaaaaaaa/http.sock"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(5)
        assert program.asking.under_way("demand-1-aaaaaaaa") == 0
        with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
            first.connect(str(path))
            assert program.asking.under_way("demand-1-aaaaaaaa") == 1
            with listener.accept()[0]:
                second.connect(str(path))
                assert program.asking.under_way("demand-1-aaaaaaaa") == 2
            assert program.asking.under_way("demand-2-aaaaaaaa") == 0


@pytest.mark.parametrize(("line", "wanted"), [
    ("mlflow==3.17.2", "mlflow-skinny==3.17.2"), ("mlflow[extras]>=3", "mlflow-skinny>=3"), ("mlflow", "mlflow-skinny"),
    ("mlflow-skinny==3.17.2", "mlflow-skinny==3.17.2"), ("scikit-learn==1.9.1  # why", "scikit-learn==1.9.1"),
])
def test_what_a_model_needs(program, tmp_path, line, wanted):
    (tmp_path / "MLmodel").touch()
    (tmp_path / "requirements.txt").write_text(f"# made by MLflow\n\n{line}\n", encoding="utf-8")
    assert program.images.requirements(tmp_path) == [wanted]


def test_files_that_are_no_model_are_refused(program, tmp_path):
    with pytest.raises(program.registry.Refused, match="not logged by MLflow"):
        program.images.requirements(tmp_path)


def test_each_model_has_a_server_of_its_own_to_be_counted_by(program):
    servers = program.door.settings({**CONFIG, "models": [ENTRY, {**ENTRY, "id": "second"}]})["apps"]["http"]["servers"]
    assert set(servers) == {"demand", "second", "front-door", "metrics-page"}
    assert all("metrics" in servers[name] for name in ("demand", "second"))
    assert "metrics-page" not in program.door.settings({**CONFIG, "metrics": ""})["apps"]["http"]["servers"]


COUNTED = """# HELP caddy_http_requests_in_flight Number of requests
caddy_http_request_duration_seconds_sum{code="200",handler="reverse_proxy",method="POST",server="demand"} 2.5
caddy_http_request_duration_seconds_count{code="200",handler="reverse_proxy",method="POST",server="demand"} 8
caddy_http_request_duration_seconds_sum{code="500",handler="reverse_proxy",method="POST",server="demand"} 0.5
caddy_http_request_duration_seconds_count{code="500",handler="reverse_proxy",method="POST",server="demand"} 2
caddy_http_request_errors_total{handler="reverse_proxy",server="demand"} 1
"""


def test_what_is_logged_is_what_came_since(program):
    now = program.report.totals(COUNTED)["demand"]
    assert program.report.since(now, {}) == {"requests": 10, "errors": 2, "unanswered": 1, "mean_seconds": 0.3}
    before = {"requests": 6, "errors": 2, "unanswered": 1, "seconds": 2.0}
    assert program.report.since(now, before) == {"requests": 4, "errors": 0, "unanswered": 0, "mean_seconds": 0.25}
    # Caddy was restarted, and has counted from nothing.
    assert program.report.since(now, {**before, "requests": 11})["requests"] == 10
    assert program.report.since(now, now) == {"requests": 0, "errors": 0, "unanswered": 0}


def test_the_plan_of_a_registry_that_does_not_answer(tree):
    """As the role has it run on a host that has nothing of this yet."""
    code = tree.text("roles/mlflow_model/files/program/registry.py")
    done = subprocess.run([sys.executable, "-I", "-c", code], input=json.dumps(CONFIG), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["due"] and "no answer from http://127.0.0.1:9" in plan["models"]["demand"]["problem"]
    assert plan["models"]["demand"]["asked"] == "Demand@production"
