"""What a server that is about to stop answers. That a load balancer then sends no more to it is proved on hosts (tests/host/test_cluster.py)."""

from __future__ import annotations

import asyncio
import importlib.util
import types

import pytest


@pytest.fixture
def drain(tree, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    spec = importlib.util.spec_from_file_location("drain", tree.root / "roles/mlflow/files/drain.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def asgi(app, path, kind="http"):
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(app({"type": kind, "path": path}, None, send))
    return sent[0]["status"] if sent else None


def wsgi(app, path):
    statuses = []
    app({"PATH_INFO": path}, lambda status, _headers: statuses.append(int(status.split()[0])))
    return statuses[0]


def application(drain, kind, factory=False):
    """A module with an application that answers 200 to all, after it was told to heed."""
    async def of_asgi(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def of_wsgi(_environ, start_response):
        start_response("200 OK", [])

    plain = of_asgi if kind == "Asgi" else of_wsgi
    module = types.SimpleNamespace(app=(lambda: plain) if factory else plain)
    drain.heed(module, "app", getattr(drain, kind), factory)
    return module.app() if factory else module.app


@pytest.mark.parametrize("factory", [False, True])
@pytest.mark.parametrize(("kind", "answer"), [("Asgi", asgi), ("Wsgi", wsgi)])
def test_health_alone_is_refused_and_only_while_it_drains(drain, tmp_path, kind, answer, factory):
    app = application(drain, kind, factory)
    assert answer(app, "/health") == 200
    (tmp_path / "draining").touch()
    assert [answer(app, path) for path in ("/health", "/prefix/health")] == [503, 503]
    assert [answer(app, path) for path in ("/version", "/api/2.0/mlflow/runs/log-metric", "/healthy")] == [200, 200, 200]


def test_what_the_application_has_beside_is_still_there(drain):
    assert drain.Asgi(types.SimpleNamespace(routes=["a"])).routes == ["a"]
    assert drain.Wsgi(types.SimpleNamespace(routes=["a"])).routes == ["a"]
