#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs in a container of an MLflow image. The backend store's URI comes through standard input: it may hold a password.

    inside.py about     print the version of MLflow and the schema revisions it knows: {"version", "heads": [...], "revisions": [...]}
    inside.py counts    read an environment (one line of JSON), print {"schema": REVISION, "counts": {TABLE: ROWS}} of its backend store
    inside.py migrate   read an environment, load what `mlflow db upgrade` needs, print `ready`, await the line `go`, upgrade, print `done`

Loading takes seconds, an upgrade of a small database does not; so it is loaded, and practised on an empty database, while the old server still serves.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import pathlib
import re
import sys
import tempfile
import traceback

NEEDED = ("sqlalchemy", "alembic.command", "mlflow.cli", "mlflow.store.db.utils", "mlflow.store.tracking.dbmodels.models")


def about():
    """Read from the files of the migrations, without loading MLflow."""
    package = importlib.util.find_spec("mlflow").submodule_search_locations[0]
    revisions, before = set(), set()
    for file in pathlib.Path(package, "store/db_migrations/versions").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        revisions.update(re.findall(r"""^revision(?:: str)? = ["'](\w+)["']""", text, re.M))
        for line in re.findall(r"^down_revision.* = (.*)$", text, re.M):
            before.update(re.findall(r"\w{6,}", line))
    version = re.search(r"""^VERSION.* = ["'](.*)["']""", pathlib.Path(package, "version.py").read_text(encoding="utf-8"), re.M)
    return {"version": version[1], "heads": sorted(revisions - before), "revisions": sorted(revisions)}


def read_environment():
    os.environ.update(json.loads(sys.stdin.readline()))
    return os.environ["MLFLOW_BACKEND_STORE_URI"]


def counts(uri):
    sqlalchemy = importlib.import_module("sqlalchemy")
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        tables = sqlalchemy.inspect(connection).get_table_names()
        if "alembic_version" not in tables:
            return {"schema": "", "counts": {}}
        schema = connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar()
        quote = engine.dialect.identifier_preparer.quote
        rows = {name: connection.execute(sqlalchemy.text(f"SELECT count(*) FROM {quote(name)}")).scalar() for name in tables}
    return {"schema": schema or "", "counts": rows}


def practise():
    """Make an empty database with all migrations, so that their code is loaded and compiled. Whether that works decides nothing."""
    sqlalchemy, utils = importlib.import_module("sqlalchemy"), importlib.import_module("mlflow.store.db.utils")
    with tempfile.TemporaryDirectory() as folder:
        engine = sqlalchemy.create_engine(f"sqlite:///{folder}/empty.db", poolclass=sqlalchemy.pool.NullPool)
        utils._initialize_tables(engine)


def migrate(uri):
    try:
        for name in NEEDED:
            importlib.import_module(name)
        practise()
    except Exception as reason:
        print(f"not all is loaded ahead: {type(reason).__name__}: {reason}", file=sys.stderr)
    print("Ready: what follows is about the database itself.", file=sys.stderr)
    print("ready", flush=True)
    if sys.stdin.readline().strip() != "go":
        return
    # Once its process has ended nobody has the database open, and the end of the container need not be awaited.
    child = os.fork()
    if not child:
        os._exit(upgraded(uri))
    if os.waitpid(child, 0)[1]:
        sys.exit(1)
    print("done", flush=True)


def upgraded(uri):
    """Upgrade; return the exit status."""
    try:
        importlib.import_module("mlflow.cli").cli.main(args=["db", "upgrade", uri], standalone_mode=False)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    if verb == "about":
        print(json.dumps(about()))
    elif verb == "counts":
        print(json.dumps(counts(read_environment())))
    elif verb == "migrate":
        migrate(read_environment())
    else:
        sys.exit(__doc__)
