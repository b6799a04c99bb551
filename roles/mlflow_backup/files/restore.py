#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a snapshot into the place of what is there. Standard library only.

Fetched and compared beside the data, then swapped by renames. What was there is moved aside, never deleted. Before the first rename a
journal says what is to be moved where; a run that finds one finishes what it says.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.request

import database
import plan
import postgresql_restore
import store
import verify
from settings import Refused, write_whole
from status import stamp

MARGIN_BYTES = 64 << 20


def fetch(repository, manifest, deployed, folder):
    """Restore into a folder beside the data and compare it with the manifest. Returns how many files vanished while the backup ran."""
    try:
        os.makedirs(folder, mode=0o700)
        repository.restore(manifest["snapshot"], folder)
        wrong, vanished = verify.compare_list(manifest, folder)
        wrong += [*verify.compare_dump(manifest, folder), *verify.compare_sample(manifest, folder)]
        verify.refuse([*verify.compare_databases(manifest, folder), *wrong], manifest)
        plan.own(folder, manifest, deployed)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return len(vanished)


def put_dump_back(settings, deployed, journal):
    """The database server's part, in one transaction, before anything else. Where it fails, everything is as it was. Returns where the old tables are."""
    dump = journal["dump"]
    try:
        postgresql_restore.put_back(store.server(settings, deployed), dump["file"], dump["entry"], dump["aside"])
    except Refused as error:
        subprocess.run(["systemctl", "start", deployed.unit], check=False)
        os.unlink(settings.journal_file)
        shutil.rmtree(journal["folder"], ignore_errors=True)
        raise Refused(f"{error} Nothing was changed.") from None
    return f"schema {dump['aside']} of the database"


def swap(settings, deployed, journal):
    """Do, or finish, what the journal says; then start the server. The journal goes when nothing is left to do."""
    subprocess.run(["systemctl", "stop", deployed.unit], check=True)
    about_schema = put_dump_back(settings, deployed, journal) if "dump" in journal else ""
    os.makedirs(journal["aside"], mode=0o700, exist_ok=True)
    for new, place, aside in journal["moves"]:
        if not os.path.lexists(new):
            continue
        while os.path.lexists(aside):
            aside += ".again"
        for old in database.companions(place):
            os.rename(old, aside + old[len(place):])
        os.rename(new, place)
    shutil.rmtree(journal["folder"], ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(journal["aside"])
    started = subprocess.run(["systemctl", "start", deployed.unit], capture_output=True, text=True, check=False)
    os.unlink(settings.journal_file)
    aside = " and ".join(([journal["aside"]] if os.path.isdir(journal["aside"]) else []) + ([about_schema] if about_schema else []))
    about = f"What was there before is in {aside}." if aside else ""
    if started.returncode:
        raise Refused(f"Snapshot {journal['snapshot'][:8]} is in place and compared, but {deployed.unit} does not start "
                      f"with it: journalctl -u {deployed.unit}. {about}")
    with urllib.request.urlopen(deployed.fact["local_url"] + "/health", timeout=30) as answer:
        if answer.status != 200:
            raise Refused(f"{deployed.fact['local_url']}/health answers {answer.status}. {about}")
    return {**journal["told"], "aside": aside}


def begin(settings, journal):
    write_whole(settings.journal_file, json.dumps(journal), 0o600)


def finish(settings, deployed, dry):
    """Finish what an earlier run began, and tell it; nothing where none was cut short."""
    if dry or not os.path.exists(settings.journal_file):
        return None
    with open(settings.journal_file, encoding="utf-8") as handle:
        return {**swap(settings, deployed, json.load(handle)), "finished": True}


def restore(settings, repository, deployed, wanted, host, confirmed, dry):
    """The verb. wanted: id of a snapshot or "latest". confirmed: data that are there may be moved aside. dry: tell, and change nothing."""
    finished = finish(settings, deployed, dry)
    if finished and (wanted == "latest" or wanted.startswith(finished["snapshot"])):
        return finished
    manifest = verify.manifest_of(repository, verify.choose(repository, settings, wanted, host))
    server = store.server(settings, deployed) if deployed.store_kind == "postgresql" else None
    plan.refuse_other_store(manifest, deployed, server)
    plan.refuse_schema(manifest, deployed)
    held = plan.holds(deployed, server)
    told = {"snapshot": manifest["snapshot"][:8], "from": manifest["host"], "made": stamp(manifest["time"]), "version": manifest["version"],
            "tables": {name: rows for name, rows in store.entry_of(manifest)["tables"].items() if rows},
            "files": sum(top["files"] for top in manifest["folders"]), "held": held,
            "artifacts_elsewhere": manifest.get("artifacts_elsewhere", "")}
    if held and not confirmed:
        raise Refused(f"{deployed.root} holds data: {held}. They would be moved aside for snapshot {told['snapshot']} of {told['from']} ({told['made']}, "
                      f"{told['tables'].get('runs', 0)} runs, {told['files']} files). To do that, add -e mlflow_backup_restore_confirm={settings.host}.")
    folder, aside = (os.path.join(deployed.root, f".{word}-{stamp(time.time()).replace(':', '')}") for word in ("restore", "before-restore"))
    todo = plan.moves(manifest, deployed, folder, aside)
    needed = sum(entry["bytes"] for entry in [*manifest["databases"], *manifest["folders"], manifest.get("dump", {"bytes": 0})]) + MARGIN_BYTES
    for left in os.listdir(deployed.root) if not dry else ():
        if left.startswith(".restore-"):
            shutil.rmtree(os.path.join(deployed.root, left))
    free = shutil.disk_usage(deployed.root).free
    if free < needed:
        raise Refused(f"No room to restore: {deployed.root} has {free >> 20} MiB left, {needed >> 20} MiB needed. Free some, or "
                      "enlarge it. Nothing was changed.")
    if dry:
        return {**told, "dry": True}
    told["vanished"] = fetch(repository, manifest, deployed, folder)
    journal = {"snapshot": manifest["snapshot"], "folder": folder, "aside": aside, "moves": todo, "told": told}
    if server:
        schema = os.path.basename(aside)[1:].replace("-", "_").lower()
        journal["dump"] = {"file": folder + manifest["dump"]["copy"], "entry": manifest["dump"], "aside": schema}
    begin(settings, journal)
    return swap(settings, deployed, journal)
