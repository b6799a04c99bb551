#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A dump of PostgreSQL, put back in one transaction: what was there is moved into another schema, or nothing has happened.

Standard library and PostgreSQL's own tools: psql and pg_restore.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile

import postgresql

# Tables with all that hangs on them, views, and sequences, types and functions (of triggers) that stand alone.
MOVE = """
DO $move$ DECLARE it record; BEGIN
  FOR it IN SELECT relname FROM pg_class c WHERE relnamespace = {place}::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT EXISTS
    (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND (d.deptype = 'e' OR relkind = 'S' AND d.deptype IN ('a', 'i')))
  LOOP EXECUTE format('ALTER TABLE %s.%I SET SCHEMA %I', {place}, it.relname, {aside}); END LOOP;
  FOR it IN SELECT typname FROM pg_type t WHERE typnamespace = {place}::regnamespace AND typtype IN ('e', 'd') AND NOT EXISTS
    (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
  LOOP EXECUTE format('ALTER TYPE %s.%I SET SCHEMA %I', {place}, it.typname, {aside}); END LOOP;
  FOR it IN SELECT p.oid::regprocedure AS what FROM pg_proc p WHERE pronamespace = {place}::regnamespace AND NOT EXISTS
    (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  LOOP EXECUTE format('ALTER ROUTINE %s SET SCHEMA %I', it.what, {aside}); END LOOP;
END $move$;
"""
COUNT = "DO $count$ BEGIN IF (SELECT count(*) FROM {table}) <> {rows} THEN RAISE EXCEPTION '%', {say}; END IF; END $count$;\n"


def name(text):
    return '"' + text.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def listed(server, entry, file, with_schema=False):
    """The dump's table of contents, less the schema, which is there already."""
    lines = server.run("pg_restore", "--list", file).splitlines()
    found = {match[1] for match in (re.match(r"\d+; \d+ \d+ TABLE DATA \S+ (\S+)", line) for line in lines) if match}
    missing = set(entry["tables"]) - found
    if missing:
        raise server.refuse("pg_restore", f"the dump lacks table {', '.join(sorted(missing))}")
    schema = r"\d+; \d+ \d+ (SCHEMA - |COMMENT - SCHEMA |ACL - SCHEMA )" + ("public " if with_schema else "")
    return "\n".join(line for line in lines if not re.match(schema, line)) + "\n"


@contextlib.contextmanager
def list_file(text):
    with tempfile.NamedTemporaryFile("w", suffix=".list") as handle:
        handle.write(text)
        handle.flush()
        yield f"--use-list={handle.name}"


def put_back(server, file, entry, aside):
    """Put a dump into the place of what is there, which goes into schema aside. Done already where that schema is there."""
    if server.sql(f"SELECT 1 FROM pg_namespace WHERE nspname = {literal(aside)}"):
        return
    place = name(entry["place"])
    begin = f"BEGIN;\nSET LOCAL lock_timeout = '60s';\nCREATE SCHEMA {name(aside)};\n" + MOVE.format(place=literal(place), aside=literal(aside))
    end = "".join(COUNT.format(table=f"{place}.{name(table)}", rows=rows, say=literal(f"table {table} has not the {rows} rows that it had"))
                  for table, rows in entry["tables"].items()) + "COMMIT;\n"
    with list_file(listed(server, entry, file)) as use, tempfile.TemporaryFile("w+") as said:
        psql = subprocess.Popen(server.words("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, "-f", "-"), env=server.environment,
                                stdin=subprocess.PIPE, stderr=said)
        script = subprocess.Popen(server.words("pg_restore", "--no-owner", "--no-privileges", use, "--file=-", file), env=server.environment,
                                  stdout=subprocess.PIPE, stderr=said)
        with contextlib.suppress(BrokenPipeError):
            psql.stdin.write(begin.encode())
            for number, line in enumerate(script.stdout):
                # A newer pg_restore sets what an older server does not know, to the value that it has anyway.
                if number > 60 or not line.startswith(b"SET transaction_timeout"):
                    psql.stdin.write(line)
            # Without the last word nothing has happened.
            if script.wait() == 0:
                psql.stdin.write(end.encode())
        script.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            psql.stdin.close()
        if psql.wait() or script.wait():
            said.seek(0)
            raise server.refuse("psql", said.read())
    now = postgresql.contents(server.sql)
    if now["schema"] != entry["schema"]:
        raise server.refuse("psql", f"the tables are back, and their schema is {now['schema'] or 'none'}, where it was {entry['schema']}")


def rehearse(server, file, entry, scratch):
    """Restore a dump into a scratch database, count and drop it, where the role may create one. Returns whether it could."""
    contents_list = listed(server, entry, file, with_schema=True)
    if server.sql("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")[0] != ["t"]:
        return False
    server.sql(f"CREATE DATABASE {name(scratch)} TEMPLATE template0")
    try:
        with list_file(contents_list) as use:
            server.run("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", use, f"--dbname={scratch}", file)
        path = f"SET search_path = {name(entry['place'])}; "
        now = postgresql.contents(lambda statement: server.sql(path + statement, PGDATABASE=scratch))
        if now != {key: entry[key] for key in now}:
            wrong = [table for table in entry["tables"] if now["tables"].get(table) != entry["tables"][table]]
            raise server.refuse("pg_restore", f"the dump does not give back what went in: {', '.join(wrong) or 'another schema'}")
    finally:
        server.sql(f"DROP DATABASE {name(scratch)}")
    return True
