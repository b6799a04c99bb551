#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a restore would do on this host: what is in the way, whether the image knows the schema, and which renames. Changes nothing but owners."""

from __future__ import annotations

import os
import subprocess

import database
import postgresql
from settings import Refused

# Rows of a store that nobody has used yet.
UNUSED = {"experiments": 1, "workspaces": 1}
REVISIONS = """
import importlib.util, os
folder = os.path.join(importlib.util.find_spec("mlflow").submodule_search_locations[0], "store", "db_migrations", "versions")
print(*(name.split("_")[0] for name in os.listdir(folder)))
"""


def holds(deployed, server=None):
    """What would be moved out of the way, in words; nothing where nobody has used the server yet. server: the store, where it is no file."""
    found = []
    if server or (deployed.database and os.path.exists(deployed.database) and os.path.getsize(deployed.database)):
        try:
            tables = (postgresql.contents(server.sql) if server else database.contents(deployed.database, "rw"))["tables"]
            found = [f"{rows} {name}" for name, rows in tables.items() if rows > UNUSED.get(name, 0)]
        except Refused:
            raise
        except Exception as error:  # whatever is wrong with it: it is somebody's database
            found = [f"a database that cannot be read ({error})"]
        found = sorted(found, key=lambda text: ("runs" not in text, text))[:6]
    if deployed.artifacts and any(os.scandir(deployed.artifacts) if os.path.isdir(deployed.artifacts) else ()):
        found.append(f"files in {deployed.artifacts}")
    return ", ".join(found)


def refuse_schema(manifest, deployed):
    """Refuse a schema that the deployed image does not know: its server would not start."""
    command = ["docker", "run", "--rm", "--userns=host", "--network", "none", "--entrypoint", "python3", deployed.image, "-c", REVISIONS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"The image {deployed.image} cannot be asked for its schema: {' '.join(done.stderr.split())[-300:]}. Run site.yml first.")
    if manifest["schema"] and manifest["schema"] not in done.stdout.split():
        raise Refused(f"The snapshot has schema {manifest['schema']} of MLflow {manifest['version']}, which MLflow {deployed.version} on this host does "
                      f"not know. Set mlflow_version to {manifest['version']} or later, run site.yml, and restore again. Nothing was changed.")


def refuse_other_store(manifest, deployed, server):
    """Refuse a snapshot whose backend store cannot take the place of the one that is deployed."""
    kind = "postgresql" if "dump" in manifest else "sqlite"
    if kind != deployed.store_kind:
        raise Refused(f"The backend store in the snapshot is {kind}, and that of this host {deployed.store_kind}. Set mlflow_backend_store_uri to one of the "
                      "snapshot's kind, run site.yml, and restore again. Nothing was changed.")
    place = server and server.sql("SELECT coalesce(current_schema(), '')")[0][0]
    if server and place != manifest["dump"]["place"]:
        raise Refused(f"The tables in the snapshot lie in schema '{manifest['dump']['place']}', and those of {server.shown} in '{place}'. Name a database "
                      "in mlflow_backend_store_uri whose search_path begins with that schema. Nothing was changed.")


def place_of(path, manifest, deployed):
    """Where a path of the snapshot belongs on this host, whose root may be another one."""
    if path == manifest["store"]:
        return deployed.database
    if path == manifest["artifacts"] and deployed.artifacts:
        return deployed.artifacts
    root = manifest["root"].rstrip("/") + "/"
    return os.path.join(deployed.root, path[len(root):]) if path.startswith(root) else path


def moves(manifest, deployed, folder, aside):
    """The renames: each [new, place, aside]."""
    found = []
    for entry in manifest["databases"]:
        place = place_of(entry["path"], manifest, deployed)
        found.append([folder + entry["copy"], place, os.path.join(aside, os.path.basename(place))])
    for entry in manifest["folders"]:
        place = place_of(entry["path"], manifest, deployed)
        found.append([folder + entry["path"], place, os.path.join(aside, os.path.basename(place))])
    device = os.stat(deployed.root).st_dev
    for _new, place, _aside in found:
        nearest = place if os.path.isdir(place) else os.path.dirname(place)
        if os.path.ismount(place) or not os.path.isdir(nearest) or os.stat(nearest).st_dev != device:
            raise Refused(f"{place} does not lie on the file system of {deployed.root}, so that nothing can be swapped by a rename. "
                          "Restore it by hand: 'By hand' in docs/backups.md.")
    return found


def own(folder, manifest, deployed):
    """Give what was fetched to the server's user."""
    for entry in manifest["databases"]:
        os.chown(folder + entry["copy"], deployed.uid, deployed.gid)
        os.chmod(folder + entry["copy"], 0o644)
    if (manifest["uid"], manifest["gid"]) != (deployed.uid, deployed.gid):
        for top in manifest["folders"]:
            for path, folders, files in os.walk(folder + top["path"]):
                for name in ["", *folders, *files]:
                    os.chown(os.path.join(path, name).rstrip("/"), deployed.uid, deployed.gid, follow_symlinks=False)
