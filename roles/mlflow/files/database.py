#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The backend store where it is a database server, which several tracking servers may share. Runs in any image that holds MLflow.

    database.py ask    read {"uri", "replica", "certificates", "connections"} as JSON from standard input; print why a server could not work with
                       that database or its replica, in words, or nothing

`turn()` lets one server at a time prepare the database: MLflow's own lock of the first start is a file of one machine.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import re
import sys
import tempfile
import time

# Any number, the same in every server. pg_advisory_lock (PostgreSQL, 9.28.10), GET_LOCK (MySQL, 14.14).
KEY = 5001_1900
LOCKS = {"postgresql": f"SELECT pg_advisory_lock({KEY})", "mysql": f"SELECT GET_LOCK('mlflow-{KEY}', 600)"}
PATIENCE = {"postgresql": {"connect_timeout": 10}, "mysql": {"connect_timeout": 10}, "mssql": {"login_timeout": 10}}
# Seconds in which a replica has to have what the first start made, or a new version changed.
LAG = 60


def engine(uri):
    """An engine that keeps no connection, each statement of which stands alone."""
    sqlalchemy = importlib.import_module("sqlalchemy")
    options = PATIENCE.get(kind(uri), {})
    return sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool, isolation_level="AUTOCOMMIT", connect_args=options)


def kind(uri):
    return re.split(r"[+:]", uri, maxsplit=1)[0]


@contextlib.contextmanager
def turn(prepared=False):
    """Hold a lock in the server's database for as long as the block takes. It is released with its connection, however the process ends.

    prepared: make or find MLflow's tables first, which the start of a server does by itself.
    """
    uri = os.environ["MLFLOW_BACKEND_STORE_URI"]
    if kind(uri) not in LOCKS:
        yield
        return
    sqlalchemy = importlib.import_module("sqlalchemy")
    with engine(uri).connect() as connection:
        connection.execute(sqlalchemy.text(LOCKS[kind(uri)]))
        replica = os.environ.get("MLFLOW_READ_REPLICA_BACKEND_STORE_URI")
        if prepared or replica:
            importlib.import_module("mlflow.store.tracking.sqlalchemy_store").SqlAlchemyStore(uri, "mlflow-artifacts:/")
        if replica:
            follow(connection, replica)
        yield


def follow(connection, replica):
    """Wait until a replica shows what was written so far: MLflow ends at once where it has not the tables yet."""
    sqlalchemy = importlib.import_module("sqlalchemy")
    if kind(replica) != "postgresql":
        return
    written = connection.execute(sqlalchemy.text("SELECT pg_current_wal_lsn()")).scalar_one()
    there = sqlalchemy.text("SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= CAST(:written AS pg_lsn)")
    deadline = time.monotonic() + LAG
    with engine(replica).connect() as standby:
        while not standby.execute(there, {"written": written}).scalar_one():
            if time.monotonic() > deadline:
                sys.exit(f"database.py: the read replica has not got in {LAG} s what the database holds")
            time.sleep(0.1)


def leave():
    """Close the connections of this process, which its forks must not share."""
    engines = importlib.import_module("sqlalchemy").Engine
    for opened in [thing for thing in gc.get_objects() if isinstance(thing, engines)]:
        opened.dispose()


def plain(reason, uri):
    """What a driver said, on one line and without the password."""
    secret = importlib.import_module("sqlalchemy").engine.make_url(uri).password
    words = " ".join(str(getattr(reason, "orig", None) or reason).split())
    words = re.sub(r"\(Background on this error at: [^)]*\)", "", words).strip()
    return words.replace(secret, "***") if secret else words


def fault(uri, connections):
    """Why a server cannot work with the database, or nothing."""
    sqlalchemy = importlib.import_module("sqlalchemy")
    with engine(uri).connect() as connection:
        if kind(uri) != "postgresql":
            return ""
        encoding, most, kept, create = connection.execute(sqlalchemy.text(
            "SELECT pg_encoding_to_char(encoding), current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,"
            " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) FROM pg_database WHERE datname = current_database()")).one()
    if encoding != "UTF8":
        return f"it is encoded as {encoding}, and MLflow needs UTF8"
    if not create:
        return "its user may not make tables in it: GRANT CREATE ON SCHEMA public"
    if most - kept < connections:
        return (f"it accepts {most - kept} connections (max_connections {most}, of which {kept} are kept for superusers), and the servers can ask for "
                f"{connections} at once: raise max_connections, or lower mlflow_workers, mlflow_pool_size or mlflow_pool_overflow")
    return ""


def ask():
    asked = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        for name, uri in (("", asked["uri"]), ("its read replica: ", asked.get("replica"))):
            for path, text in asked["certificates"].items():
                if text and path in (uri or ""):
                    file = os.path.join(folder, os.path.basename(path))
                    with open(file, "w", encoding="ascii") as handle:
                        handle.write(text)
                    uri = uri.replace(path, file)
            try:
                told = fault(uri, asked["connections"]) if uri else ""
            except ImportError as reason:
                told = f"the image has no driver for it ({reason})"
            except Exception as reason:
                told = plain(reason, uri)
            if told:
                print(name + told)
                return


if __name__ == "__main__":
    if sys.argv[1:] != ["ask"]:
        sys.exit(__doc__)
    ask()
