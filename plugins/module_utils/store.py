# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading what a tracking server has stored, without the server: the SQLite file and the artifact folder.

Nothing is written, not even the files that SQLite keeps beside a database. Sizes are bytes.
Sources: https://www.sqlite.org/wal.html, https://www.sqlite.org/uri.html, MLflow's tables (mlflow/store/tracking/dbmodels).
"""

from __future__ import annotations

import os
import stat
import time

try:
    import sqlite3
except ImportError:
    sqlite3 = None

BUSY_SECONDS = 3
# How many instructions SQLite works between two looks at the clock.
INSTRUCTIONS = 10000


def files(database):
    """Size, mode and owner of the database and of what SQLite keeps beside it, by suffix ("", "-wal", "-shm"); None where there is none."""
    found = {}
    for suffix in ("", "-wal", "-shm"):
        try:
            about = os.stat(database + suffix)
        except FileNotFoundError:
            found[suffix] = None
            continue
        found[suffix] = {"size": about.st_size, "mode": f"{stat.S_IMODE(about.st_mode):04o}", "uid": about.st_uid, "gid": about.st_gid}
    return found


def connect(database, seconds):
    """A connection that reads for at most so many seconds, then raises sqlite3.OperationalError("interrupted")."""
    if not sqlite3:
        raise RuntimeError("Python on the host has no sqlite3")
    if not os.path.isfile(database):
        raise FileNotFoundError(f"there is no {database}")
    # Without the two files nobody writes, and a reader that may would make them.
    used = all(os.path.exists(database + suffix) for suffix in ("-wal", "-shm"))
    connection = sqlite3.connect(f"file:{database}?{'mode=ro' if used else 'immutable=1'}", uri=True, timeout=BUSY_SECONDS)
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, INSTRUCTIONS)
    return connection


def integrity(database, seconds):
    """What SQLite finds wrong, "" where it finds nothing, and whether it came to an end in time. See PRAGMA quick_check."""
    try:
        rows = connect(database, seconds).execute("PRAGMA quick_check(3)").fetchall()
    except getattr(sqlite3, "Error", RuntimeError) as error:
        if "interrupted" in str(error):
            return {"fault": "", "finished": False}
        return {"fault": str(error), "finished": True}
    said = "; ".join(row[0] for row in rows)
    return {"fault": "" if said == "ok" else " ".join(said.split())[:200], "finished": True}


def contents(database, seconds):
    """Schema (Alembic's revision), runs by state, experiments with the most runs as [id, name, runs], and the key of some metric."""
    connection = connect(database, seconds)
    runs = connection.execute("SELECT CASE lifecycle_stage WHEN 'active' THEN status ELSE lifecycle_stage END, count(*) FROM runs GROUP BY 1 ORDER BY 1")
    most = connection.execute(
        "SELECT runs.experiment_id, experiments.name, count(*) FROM runs JOIN experiments USING (experiment_id)"
        " WHERE runs.lifecycle_stage = 'active' GROUP BY 1 ORDER BY 3 DESC LIMIT 5").fetchall()
    metric = connection.execute("SELECT key FROM latest_metrics LIMIT 1").fetchone()
    schema = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    names = connection.execute("SELECT experiment_id, name FROM experiments ORDER BY experiment_id LIMIT 10000")
    return {"schema": schema[0] if schema else "", "runs": dict(runs.fetchall()), "most": most, "metric": metric[0] if metric else "",
            "names": {str(number): name for number, name in names}}


def contents_or_nothing(database, seconds):
    """The same; of a store that cannot be read, what an empty one holds."""
    try:
        return contents(database, seconds)
    except Exception:  # it is told where it was asked for itself
        return {"schema": "", "runs": {}, "most": [], "metric": "", "names": {}}


def artifacts(folder, seconds):
    """Bytes and files below each folder of a folder (an experiment each), and whether all was seen in time. Links are not followed."""
    deadline, found = time.monotonic() + seconds, {}
    for entry in os.scandir(folder):
        found[entry.name] = [0, 0]
        if not entry.is_dir(follow_symlinks=False):
            continue
        for place, _folders, names in os.walk(entry.path):
            if time.monotonic() > deadline:
                return {"entries": found, "finished": False}
            for name in names:
                try:
                    found[entry.name][0] += os.lstat(os.path.join(place, name)).st_size
                    found[entry.name][1] += 1
                except FileNotFoundError:
                    pass  # removed meanwhile
    return {"entries": found, "finished": True}
