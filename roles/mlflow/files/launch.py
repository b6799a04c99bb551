#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Become `mlflow server OPTION...` with its code loaded once: `launch.become(options)`, called by server.py.

The CLI imports everything, starts a server process that imports everything, which starts workers that import everything. Here the CLI does its part (options,
checks, database) in a short-lived fork and tells which command it would start with which environment. This process then runs that very command in itself,
uvicorn's own supervisor or gunicorn's, and the workers are forks of it: a third of the memory, a quarter of the start. What is not as expected ends in the CLI.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import sys
import traceback

import auth
import database
import direct
import drain

# Most of what a server imports. None may import mlflow.server, which reads the environment that the CLI has yet to make.
AHEAD = ("uvicorn.main", "alembic.command", "flask_cors", "mlflow.store.tracking.sqlalchemy_store", "mlflow.pyfunc")
SERVERS = {"uvicorn": drain.Asgi, "gunicorn": drain.Wsgi}


class Unexpected(Exception):
    """This MLflow is not as we know it."""


def apart(work):
    """Do work in a fork of this process, whose number is returned."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def ended(child):
    """Wait for the end of a fork. This process ends with it where it failed."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        sys.exit(code if code > 0 else 128 - code)


def ask(options):
    """The command and the environment that `mlflow server OPTION...` would start a server with. Ends with it where it fails."""
    reader, writer = os.pipe()

    def tell(command, *_words, extra_env=None, **_options):
        auth.settle()
        with os.fdopen(writer, "w") as pipe:
            json.dump([command, {**os.environ, **(extra_env or {})}], pipe)
        raise SystemExit(0)

    def run():
        server = importlib.import_module("mlflow.server")
        if not hasattr(server, "_exec_cmd"):
            return
        server._exec_cmd = tell
        sys.argv = ["mlflow", "server", *options]
        with database.turn():
            auth.begin()
            importlib.import_module("mlflow.cli").cli()

    child = apart(run)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    ended(child)
    if not told:
        raise Unexpected("the CLI has no _exec_cmd, or started no server")
    return json.loads(told)


def prepare(options):
    """Import what the server needs and return the words of its command, without the interpreter."""
    for name in AHEAD:
        importlib.import_module(name)
    if any(name == "mlflow.server" or name.startswith("mlflow.server.") for name in sys.modules):
        raise Unexpected("mlflow.server was imported too early")
    command, environment = ask(options)
    if command[1] != "-m" or command[2] not in SERVERS:
        raise Unexpected(f"the CLI would start {command[:3]}")
    os.environ.update(environment)
    module, _colon, name = command[-1].partition(":")
    app = importlib.import_module(module)
    direct.heed()
    # Without users, each search imports this module up to its first missing package, and answers 500 where two do so at once.
    sys.modules.setdefault("mlflow.server.auth", None)
    if command[2] == "uvicorn":
        if command[-1] == "mlflow.server.fastapi_app:app":  # An app of users has checks of its own in those layers.
            try:
                app.app = importlib.import_module("bridge").shorten(app.app)
            except Exception as reason:
                print(f"launch.py: {reason!r}; every request takes the long way", file=sys.stderr)
        # A fork of more than one thread may hold a lock for ever: then let the workers import for themselves.
        if len(os.listdir("/proc/self/task")) == 1:
            import multiprocessing

            subprocess = importlib.import_module("uvicorn._subprocess")
            subprocess.spawn = multiprocessing.get_context("fork")
    drain.heed(app, name.removesuffix("()"), SERVERS[command[2]], factory=name.endswith("()") or "--factory" in command)
    return command[2:]


def settle():
    """What `ask` does by the way."""
    with database.turn(prepared=True):
        auth.settle()


def become(options):
    # The first process of a container ignores SIGTERM unless it says otherwise; asked to stop before it serves, there is nothing to finish.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    # A server multiplies no matrices, and a thread per core would be in the way of the forks.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    words = None
    # The job runner wants the CLI as the server's parent.
    if os.environ.get("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "true").lower() in ("false", "0"):
        try:
            words = prepare(options)
        except (ImportError, AttributeError, LookupError, TypeError, ValueError, Unexpected) as reason:
            print(f"launch.py: {reason}; going on with the plain command", file=sys.stderr)
    if words is None:
        ended(apart(settle))
        os.execvp("mlflow", ["mlflow", "server", *options])
    database.leave()
    # What is frozen is not touched by the collectors of the workers, and so stays shared among them.
    gc.collect()
    gc.freeze()
    sys.argv = words
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
