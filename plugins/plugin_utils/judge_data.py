# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements about what is stored: database, schema, runs, artifacts, backup."""

from __future__ import annotations

from ansible_collections.mlops.mlflow.plugins.plugin_utils.judging import FAIL, OK, WARN, journal, looked, size

# SQLite empties its log at 4 MB unless a reader that never ends keeps it from that.
WAL_BYTES = 100_000_000
SLOW_SECONDS = 2
BACKUP_HOURS = 48
OTHER = "not SQLite: its own tools tell"


def _file(seen):
    """Path of the SQLite file, or an empty string."""
    store = seen["server"]["backend_store"]
    return store[len("sqlite:///"):] if store.startswith("sqlite:///") else ""


def database(seen):
    file, uid, gid = _file(seen), seen["server"]["uid"], seen["server"]["gid"]
    if not file:
        return OK, f"{seen['server']['backend_store']} ({OTHER})", ""
    found = looked(seen, "database", then=f"findmnt -T {file}")
    if not found[""]:
        return FAIL, f"there is no {file}", f"findmnt -T {file}; mount -a. Never start a server on an empty tree in place of the real one"
    faults, commands = [], []
    for suffix, now in found.items():
        if not now:
            continue
        if now["uid"] != uid:
            faults.append(f"{file}{suffix} belongs to {now['uid']}, not {uid}")
            commands.append(f"chown {uid}:{gid} {file}{suffix}")
        if int(now["mode"], 8) & 0o600 != 0o600:
            faults.append(f"{file}{suffix} has mode {now['mode']}, with which the server cannot read and write it")
            commands.append(f"chmod u+rw {file}{suffix}")
    if faults:
        return FAIL, "; ".join(faults), "; ".join(commands)
    return OK, f"{file}, {size(found['']['size'])}", ""


def schema(seen):
    """The revision of the database against those that the image knows."""
    if not _file(seen):
        return OK, OTHER, ""
    now = looked(seen, "contents", WARN, f"ls -l {_file(seen)}*; findmnt -T {_file(seen)}")["schema"]
    image = looked(seen, "expected_schema", WARN, f"docker image ls; docker ps -a; {journal(seen)}")
    if now in image["heads"]:
        return OK, f"{now}, which is what the image expects", ""
    if now in image["known"]:
        return FAIL, f"{now} is older than the image's {', '.join(image['heads'])}", f"back up {_file(seen)}, then ansible-playbook site.yml; {journal(seen)}"
    then = "set mlflow_version to the newest that has served it, then ansible-playbook site.yml"
    return FAIL, f"{now} is newer than the image, which ends in {', '.join(image['heads'])}", then


def integrity(seen):
    if not _file(seen):
        return OK, OTHER, ""
    file = _file(seen)
    found = looked(seen, "integrity", WARN, f"ls -l {file}*; findmnt -T {file}")
    if "locked" in found["fault"]:
        return FAIL, found["fault"], f"fuser -v {file}; stop what holds it"
    if found["fault"]:
        return FAIL, found["fault"], f"systemctl stop {seen['server']['unit']}; restore the last backup, or recover: sqlite3 {file} .recover | sqlite3 NEW.db"
    return OK, "no fault found" if found["finished"] else "no fault found in the time given (mlflow_diagnose_seconds)", ""


def wal(seen):
    if not _file(seen):
        return OK, OTHER, ""
    found = looked(seen, "database", then=f"ls -l {_file(seen)}*")["-wal"]
    if not found:
        return OK, "none beside the database", ""
    big = found["size"] > WAL_BYTES
    value = size(found["size"]) + (", because a reader that never ends keeps SQLite from emptying it" if big else "")
    return (WARN if big else OK), value, f"fuser -v {_file(seen)}; systemctl restart {seen['server']['unit']}"


def search(seen):
    service = seen["server"]["service"]
    found = looked(seen, "search", WARN, f"systemctl start {service}-maintenance; {journal(seen)}")
    runs = "" if found["runs"] is None else f" among {found['runs']} runs"
    if found["status"] != 200:
        return FAIL, f"runs/search answers {found['status']}", journal(seen)
    value = f"{found['seconds']:.2f} s for a page of runs by {found['order']}{runs}"
    return (WARN if found["seconds"] > SLOW_SECONDS else OK), value, f"systemctl start {service}-maintenance; docker stats --no-stream {service}"


def runs(seen):
    if not _file(seen):
        return OK, OTHER, ""
    found = looked(seen, "contents", WARN, f"ls -l {_file(seen)}*; findmnt -T {_file(seen)}")["runs"]
    return OK, ", ".join(f"{count} {state}" for state, count in found.items()) or "none yet", ""


def artifacts(seen):
    folder = seen["server"]["artifacts_destination"]
    if "://" in folder:
        return OK, f"in {folder}, which is not on the host", ""
    found = looked(seen, "artifacts", WARN, f"ls -ld {folder}; findmnt -T {folder}")
    names = ((seen["looks"].get("contents") or {}).get("value") or {}).get("names", {})
    most = sorted(found["entries"].items(), key=lambda entry: -entry[1][0])
    total, count = sum(entry[0] for entry in found["entries"].values()), sum(entry[1] for entry in found["entries"].values())
    shown = ", ".join(f"{names.get(entry, entry)} {size(about[0])}" for entry, about in most[:3])
    value = f"{'' if found['finished'] else 'more than '}{size(total)} in {count} files" + (f"; most: {shown}" if shown else "")
    return OK, value, ""


def backup(seen):
    """From the status file of role mlflow_backup, which is a fact: by verb, whether the newest run failed, why, and when one succeeded."""
    found, unit = looked(seen, "backup", WARN, ""), f"{seen['server']['service']}-backup"
    then = f"systemctl status {unit}; journalctl -u {unit} -n 50 --no-pager"
    if not found:
        return OK, "none is set up for this server", ""
    failing = [f"{verb}: {about.get('message')}" for verb, about in sorted(found.items()) if isinstance(about, dict) and about.get("failing")]
    if failing:
        return FAIL, "; ".join(failing), then
    last = (found.get("backup") or {}).get("last_success_epoch")
    if not last:
        return WARN, "none has been made yet", f"systemctl start {unit}"
    hours = (seen["times"][1] - last) / 3600
    return (WARN if hours > BACKUP_HOURS else OK), f"{hours:.0f} hours ago", then
