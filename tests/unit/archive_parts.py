"""For tests of archives: the programs, and a backend store that needs no database."""

from __future__ import annotations

import contextlib

TABLES = ("runs", "tags")


def load(tree, monkeypatch):
    """The programs as modules, by the last part of their names."""
    monkeypatch.syspath_prepend(str(tree.root / "roles/mlflow/files"))
    import archive_file
    import archive_folder
    import archive_plan
    import archive_read
    import cleanup_artifacts

    class Archive:
        file, folder, plan, read, artifacts = archive_file, archive_folder, archive_plan, archive_read, cleanup_artifacts

    return Archive


class Rows:
    """A backend store of two families of a run each, one row in each table."""

    schema, tables, engine = "0", {}, None

    def __init__(self):
        self.there = {key: {name: [key, name] for name in TABLES} for key in "ab"}
        self.engine = self

    def connect(self):
        return contextlib.nullcontext()

    def own(self):
        return TABLES

    def columns(self, name):
        return []

    def lines(self, connection, family):
        family.update(tables={name: {"rows": 1, "row": row} for name, row in self.there[family["runs"][0]].items()}, experiments=[])
        yield from self.there[family["runs"][0]].values()

    def experiments(self, connection, families):
        return {}

    def remove(self, families):
        found = []
        for family in families:
            told = {name: table["row"] for name, table in family["tables"].items()}
            here = self.there.get(family["runs"][0])
            found.append("absent" if here is None else "equal" if here == told else "tags")
            if here == told:
                del self.there[family["runs"][0]]
        return found
