#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A shorter way from uvicorn to MLflow's Flask part, which answers nearly every call of the API.

Upstream sends each request through seven layers of ASGI middleware and a bridge that goes back and forth between the event loop
and one of forty threads several times; that is a third of the time of `log_metric`. Here a call from a program goes straight to
Flask, which checks the Host header and the origin itself (it is the check that the server has under gunicorn), in one step, on
one of a few threads. Everything else takes upstream's way: other paths, other methods, and all that comes from a browser.
"""

from __future__ import annotations

import contextvars
import os
import time

import anyio
import anyio.to_thread
from starlette.middleware.wsgi import build_environ
from starlette.routing import Match, Mount

# More threads than this only wait for each other (the interpreter's lock).
THREADS = 4
# What is ready at once is sent at once; what is long or slow goes out in pieces.
PIECE_BYTES = 65536
PIECE_SECONDS = 0.05


class Bridge:
    """An ASGI application out of a WSGI application."""

    def __init__(self, wsgi):
        self.wsgi = wsgi
        self.limiter = None

    async def __call__(self, scope, receive, send):
        if self.limiter is None:
            self.limiter = anyio.CapacityLimiter(THREADS)
        body = []
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body.append(message.get("body", b""))
            more = message.get("more_body", False)
        call = Call(self.wsgi, build_environ(scope, b"".join(body)))
        # One context for all steps: Flask's variables live in it.
        context = contextvars.copy_context()
        started = False
        more = True
        try:
            while more:
                piece, more = await anyio.to_thread.run_sync(context.run, call.step, limiter=self.limiter)
                if not started:
                    await send({"type": "http.response.start", "status": call.status, "headers": call.headers})
                    started = True
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            if more:
                context.run(call.close)


class Call:
    """One request to the WSGI application, answered piece by piece."""

    def __init__(self, wsgi, environ):
        self.wsgi = wsgi
        self.environ = environ
        self.answer = None
        self.pieces = None
        self.status = 500
        self.headers = []

    def start_response(self, status, headers, _exc_info=None):
        self.status = int(status.split(" ", 1)[0])
        self.headers = [(name.strip().encode("latin-1").lower(), value.strip().encode("latin-1")) for name, value in headers]

    def step(self):
        if self.pieces is None:
            self.answer = self.wsgi(self.environ, self.start_response)
            self.pieces = iter(self.answer)
        piece = []
        size = 0
        end = time.monotonic() + PIECE_SECONDS
        for part in self.pieces:
            piece.append(part)
            size += len(part)
            if size >= PIECE_BYTES or time.monotonic() > end:
                return b"".join(piece), True
        self.close()
        return b"".join(piece), False

    def close(self):
        if hasattr(self.answer, "close"):
            self.answer.close()


class Shortcut:
    """Send what is for Flask alone to Flask, and all else to the whole application."""

    def __init__(self, whole, flask, paths):
        self.whole = whole
        self.bridge = Bridge(flask)
        self.paths = paths

    def __getattr__(self, name):
        return getattr(self.whole, name)

    async def __call__(self, scope, receive, send):
        if (
            scope["type"] == "http"
            and scope["path"] in self.paths
            and scope["method"] in ("GET", "POST", "PATCH", "DELETE")
            and not any(name == b"origin" for name, _value in scope["headers"])
        ):
            await self.bridge(scope, receive, send)
        else:
            await self.whole(scope, receive, send)


def shorten(whole):
    """The application with the shortcut, or as it is where the shortcut could differ from it in anything."""
    if os.environ.get("MLFLOW_ENABLE_WORKSPACES", "false").lower() not in ("false", "0"):
        return whole
    mounts = [route for route in whole.routes if isinstance(route, Mount) and route.path == ""]
    flask = getattr(mounts[0].app, "app", None) if len(mounts) == 1 else None
    if flask is None or not hasattr(flask, "url_map"):
        return whole
    checks = {check.__name__ for check in flask.before_request_funcs.get(None, ())}
    layers = {layer.cls.__name__ for layer in whole.user_middleware}
    if ("HostValidationMiddleware" in layers) != ("validate_host" in checks):
        return whole
    native = [route for route in whole.routes if route is not mounts[0]]

    def for_flask_alone(path):
        scope = {"type": "http", "path": path, "root_path": "", "method": "POST", "headers": [], "query_string": b""}
        return all(route.matches(dict(scope))[0] == Match.NONE for route in native)

    paths = {rule.rule for rule in flask.url_map.iter_rules() if not rule.arguments and "/mlflow/" in rule.rule}
    return Shortcut(whole, flask, frozenset(path for path in paths if for_flask_alone(path)))
