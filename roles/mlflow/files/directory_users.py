#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users of an LDAP directory in MLflow's authentication app, whose `authorization_function` is `authenticate`. auth.py names it there.

The app gets a user of each name that logs in, without a password of its own, and the rights of an administrator as the directory's groups say.
The administrator of the inventory is not asked of the directory: he is there when it is not.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
import json
import os
import secrets
import threading
import time

import directory

# What was right is remembered by a digest that is worth nothing outside of this process.
SALT = secrets.token_bytes(32)
MOST = 10000
AWAY = "The directory that MLflow asks about users does not answer. Try again."


class Remembered:
    """What log_in told, for as long as seconds say; 0 remembers nothing."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.lock = threading.Lock()
        self.known = {}

    @staticmethod
    def key(name, password):
        return name, hmac.new(SALT, password.encode(), hashlib.sha256).digest()

    def get(self, name, password):
        with self.lock:
            until, told = self.known.get(self.key(name, password), (0, None))
        return told if time.monotonic() < until else None

    def put(self, name, password, told):
        if self.seconds:
            with self.lock:
                if len(self.known) >= MOST:
                    self.known.clear()
                self.known[self.key(name, password)] = (time.monotonic() + self.seconds, told)


def settle(store, name, is_admin):
    """Give the app a user of this name and these rights. Another worker may do so at the same time."""
    exception = importlib.import_module("mlflow.exceptions").MlflowException
    if not store.has_user(name):
        try:
            # Nobody knows this password, and nothing asks for it.
            store.create_user(name, secrets.token_urlsafe(32), is_admin=is_admin)
            return
        except exception:
            if not store.has_user(name):
                raise
    if store.get_user(name).is_admin != is_admin:
        store.update_user(name, is_admin=is_admin)


def authenticate():
    """The user of Flask's request: a werkzeug Authorization, or a Response that says why not (401; 503 where the directory does not answer)."""
    app = importlib.import_module("mlflow.server.auth")
    flask = importlib.import_module("flask")
    given = flask.request.authorization
    if given is None or given.type != "basic":
        return app.make_basic_auth_response()
    administrator = os.environ["MLFLOW_AUTH_ADMIN_USERNAME"]
    if given.username == administrator:
        return app.authenticate_request_basic_auth()
    name = remembered.get(given.username, given.password)
    if name is None:
        try:
            name, is_admin = users.log_in(given.username, given.password)
            # A directory finds names whatever their case: nobody becomes the administrator by another spelling.
            if name.lower() == administrator.lower():
                raise directory.Refused("the name of the administrator")
        except directory.Refused as reason:
            app._logger.info("%r is refused: %s", given.username, reason)
            return app.make_basic_auth_response()
        except Exception as reason:
            app._logger.error("the directory cannot be asked: %s: %s", type(reason).__name__, reason)
            return flask.make_response(AWAY, 503)
        settle(app.store, name, is_admin)
        remembered.put(given.username, given.password, name)
    return importlib.import_module("werkzeug.datastructures").Authorization("basic", {"username": name, "password": given.password})


users = directory.Directory(json.loads(os.environ.get("MLOPS_LDAP", "{}")))
remembered = Remembered(int(os.environ.get("MLOPS_AUTH_CACHE_SECONDS", "0")))
