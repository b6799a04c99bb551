"""What mlflow_diagnose sees on a server that is well; tests change one thing in it."""

from __future__ import annotations

import copy
import time

import pytest

NOW = time.time()
SERVER = {
    "service": "mlflow", "unit": "mlflow.service", "version": "3.17.2", "image": "mlflow:3.17.2-0123", "root": "/mlflow", "uid": 50000, "gid": 50000,
    "port": 5001, "static_prefix": "", "local_url": "http://127.0.0.1:5001", "public_url": "http://ml.example.com:5001", "workers": 4,
    "backend_store": "sqlite:////mlflow/mlflow.db", "artifacts_destination": "/mlflow/artifacts",
}
UNIT = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled", "Result": "success",
        "NeedDaemonReload": "no", "NRestarts": "0"}
FOLDER = {"exists": True, "is_dir": True, "uid": 50000, "gid": 50000, "mode": "0755"}
FILE = {"size": 3_000_000, "mode": "0644", "uid": 50000, "gid": 50000}
ROOM = {"free": 50_000_000_000, "size": 100_000_000_000, "read_only": False, "free_inodes": 900, "inodes": 1000}
ANSWER = {"status": 200, "text": "OK", "seconds": 0.004}
LOOKS = {
    "engine": {"present": True, "cli": "/usr/bin/docker", "active": True, "server_version": "26.1.5", "root": "/var/lib/docker"},
    "units": {"mlflow.service": UNIT, "docker.service": UNIT, "docker.socket": UNIT, "mlflow-watchdog.service": UNIT},
    "container": {"status": "running", "image": "mlflow:3.17.2-0123", "oom": False, "processes": [[10, "S"], [11, "S"]], "started": NOW - 100,
                  "memory": {"used": 400_000_000, "limit": 0, "kills": 0}},
    "listeners": [{"port": 5001, "address": "0.0.0.0", "process": "docker-proxy", "container": "mlflow"}],
    "health": ANSWER, "version": dict(ANSWER, text="3.17.2"), "api": ANSWER, "restarts": {"count": 0, "hung": []},
    "tree": {"/mlflow": FOLDER, "/mlflow/artifacts": dict(FOLDER, mode="0777")},
    "files": {"/etc/mlflow/mlflow.env": {"mtime": NOW - 200}}, "disk": {"/": ROOM},
    "database": {"": FILE, "-wal": dict(FILE, size=4_000_000), "-shm": FILE},
    "backup": None, "clock": {"synchronised": True, "own": True}, "memory": {"MemTotal": 8_000_000_000, "MemAvailable": 4_000_000_000},
    "search": dict(ANSWER, runs=3, order="metrics.`loss` DESC"), "expected_schema": {"known": ["aaa", "bbb"], "heads": ["bbb"]},
    "integrity": {"fault": "", "finished": True},
    "contents": {"schema": "bbb", "runs": {"FINISHED": 2, "deleted": 1}, "most": [["1", "my_experiment", 2]], "metric": "loss",
                 "names": {"1": "my_experiment"}},
    "artifacts": {"entries": {"1": [12_000_000, 3]}, "finished": True},
}


@pytest.fixture
def seen():
    looks = {name: {"value": value, "error": "", "seconds": 0.1} for name, value in LOOKS.items()}
    return copy.deepcopy({
        "server": SERVER, "expected": SERVER, "recorded": SERVER, "looks": looks, "differing": [], "runtime": ["/etc/mlflow/mlflow.env"],
        "watchdog": "mlflow-watchdog.service",
        "tree_wanted": [{"path": "/mlflow"}, {"path": "/mlflow/artifacts", "mode": "0777"}], "times": [NOW, NOW], "skew": [-0.5, 0.6],
        "reach": [{"target": "ml.example.com:5001", "known": True, "ok": True, "reason": "", "public": True}], "certificate": None,
    })
