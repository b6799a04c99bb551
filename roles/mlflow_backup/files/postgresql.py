#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A backend store in PostgreSQL, read by PostgreSQL's own tools: psql and pg_dump. Standard library and these only.

The password comes from the server's own environment file and reaches the tools in their environment, never as an argument.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import urllib.parse

import database
from settings import Refused

# What may stand behind the ? of the URI, and where libpq reads it from.
OPTIONS = {
    "host": "PGHOST", "port": "PGPORT", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
    "options": "PGOPTIONS", "connect_timeout": "PGCONNECT_TIMEOUT", "channel_binding": "PGCHANNELBINDING", "gssencmode": "PGGSSENCMODE",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
END = "-- that was all --"
TABLES = "FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = quote_ident(current_schema())::regnamespace"


class Server:
    """The database that the server's environment file names. tools: folder of the client tools, or nothing for those in PATH."""

    def __init__(self, uri, tools=""):
        parts = urllib.parse.urlsplit(uri)
        given = {OPTIONS[name]: value for name, value in urllib.parse.parse_qsl(parts.query) if name in OPTIONS}
        named = {"PGHOST": parts.hostname, "PGPORT": parts.port, "PGUSER": parts.username, "PGPASSWORD": parts.password, "PGDATABASE": parts.path[1:]}
        named = {name: urllib.parse.unquote(str(value)) for name, value in named.items() if value}
        own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        self.environment = {"PGCONNECT_TIMEOUT": "20", "PGAPPNAME": "mlflow-backup", **own, **named, **given}
        self.tools = tools
        self.shown = f"{self.environment.get('PGHOST', 'localhost')}/{self.environment.get('PGDATABASE', '')}"

    def words(self, tool, *words):
        return [os.path.join(self.tools, tool), *words]

    def refuse(self, tool, said):
        """What went wrong, in the words of the tool, whose last lines tell the most."""
        words = "; ".join(line.strip() for line in said.splitlines() if line.strip())[-500:].rstrip(".")
        password = self.environment.get("PGPASSWORD")
        return Refused(f"{tool}, database {self.shown}: {words.replace(password, '***') if password else words}. See 'PostgreSQL' in docs/backups.md.")

    def run(self, tool, *words, **names):
        """Run a tool and return what it printed. names: other values for its environment, such as PGDATABASE."""
        try:
            done = subprocess.run(self.words(tool, *words), env={**self.environment, **names}, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise Refused(f"There is no {os.path.join(self.tools, tool)} on this host. Run site.yml, which installs PostgreSQL's client tools, or "
                          "name their folder in mlflow_backup_postgresql_tools.") from None
        if done.returncode:
            raise self.refuse(tool, done.stderr or done.stdout)
        return done.stdout

    def sql(self, statement, **names):
        """Rows of one statement as text, each a list of columns."""
        printed = self.run("psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", statement, **names)
        return [line.split("\t") for line in printed.splitlines()]

    def bytes(self):
        return int(self.sql(f"SELECT coalesce(sum(pg_total_relation_size(oid)), 0) {TABLES}")[0][0])

    def refuse_older_tools(self):
        """pg_dump refuses a server that is newer than itself."""
        theirs = int(self.sql("SHOW server_version_num")[0][0]) // 10000
        ours = int(re.search(r"(\d+)", self.run("pg_dump", "--version"))[1])
        if ours < theirs:
            raise Refused(f"pg_dump of this host is of PostgreSQL {ours}, and the server at {self.shown} of {theirs}: an older pg_dump refuses a newer "
                          f"server. Install the client tools of {theirs} or later (package postgresql-client-{theirs} of PostgreSQL's own archive) and name "
                          f"their folder in mlflow_backup_postgresql_tools, such as '/usr/lib/postgresql/{theirs}/bin'. Nothing was backed up.")


class Session:
    """A psql that stays: its statements see the database as it was at one moment, and so does a dump of the snapshot that it exports."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        words = self.server.words("psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1")
        self.process = subprocess.Popen(words, env=self.server.environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return self

    def __exit__(self, *_about):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def ask(self, statement):
        found = []
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{statement};\n\\echo {END}\n")
            self.process.stdin.flush()
        for line in self.process.stdout:
            if line.rstrip("\n") == END:
                return found
            found.append(line.rstrip("\n").split("\t"))
        raise self.server.refuse("psql", "\n".join("\t".join(row) for row in found))


def contents(ask):
    """Schema that holds the tables, Alembic's revision, and rows by table. ask: Server.sql or Session.ask."""
    place = ask("SELECT coalesce(current_schema(), '')")[0][0]
    if not place:
        raise Refused("The database names no schema to look for tables in (search_path). See 'PostgreSQL' in docs/backups.md.")
    counts = ask(f"SELECT format('SELECT %L, count(*) FROM %I.%I', relname, current_schema(), relname) {TABLES} ORDER BY relname")
    tables = {name: int(rows) for name, rows in ask(" UNION ALL ".join(row[0] for row in counts))} if counts else {}
    revision = ask("SELECT version_num FROM alembic_version") if "alembic_version" in tables else []
    tables.pop("alembic_version", None)
    return {"place": place, "schema": revision[0][0] if revision else "", "tables": tables}


def dump(server, file):
    """Dump the schema of the server's tables while it is in use. Returns the manifest's entry."""
    server.refuse_older_tools()
    with Session(server) as session:
        snapshot = session.ask("SELECT pg_export_snapshot()")[0][0]
        about = contents(session.ask)
        # Not compressed: restic keeps equal parts once, and compresses them.
        server.run("pg_dump", "--no-password", "--format=custom", "--compress=0", f"--snapshot={snapshot}",
                   '--schema="{}"'.format(about["place"].replace('"', '""')), f"--file={file}")
    return {"path": f"postgresql://{server.shown}", "copy": file, "bytes": os.path.getsize(file), "sha256": database.sha256(file), **about}
