#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server that is about to stop says so where load balancers ask, and serves on: launch.py calls `heed`, the unit's ExecStop makes the file.

MLflow's own /health answers 200 until the process ends. A load balancer learns of the end by a request that fails.
"""

from __future__ import annotations

import os

BODY = b"DRAINING"


def flag():
    """The file that says so. server.py empties this folder at each start."""
    return os.path.join(os.environ.get("TMPDIR", "/tmp"), "draining")


def asked(path):
    """Whether a request for path asks for the health of a server that is draining; with a static prefix the path has that before it."""
    return path.endswith("/health") and os.path.exists(flag())


class Around:
    """What stands before an application, and has all that it has."""

    def __init__(self, app):
        self.app = app

    def __getattr__(self, name):
        return getattr(self.app, name)


class Asgi(Around):
    """An ASGI application that answers 503 to who asks for its health while it is draining."""

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and asked(scope["path"]):
            await send({"type": "http.response.start", "status": 503, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": BODY})
        else:
            await self.app(scope, receive, send)


class Wsgi(Around):
    """The same for a WSGI application."""

    def __call__(self, environ, start_response):
        if asked(environ["PATH_INFO"]):
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [BODY]
        return self.app(environ, start_response)


def heed(module, name, kind, factory):
    """Have the application `name` of module do so, or what its factory makes; kind is Asgi or Wsgi."""
    made = getattr(module, name)
    setattr(module, name, (lambda: kind(made())) if factory else kind(made))
