"""Each fault is found on its own line, as bad as it is, with its remedy; a server that is well has no fault."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.mlflow.plugins.plugin_utils import diagnosis

LOOPBACK = "0000:0000:0000:0000:0000:0000:0000:0001"
REACH = {"target": "ml.example.com:5001", "known": True, "ok": False, "reason": "timed out", "public": True}
ADDRESS = {"target": "192.0.2.7:5001", "known": True, "ok": True, "reason": "", "public": False}
HTTPS = {"server": {"public_url": "https://ml.example.com"}}

# What is changed in what was seen, the line, its status, and what value and next must hold.
FAULTS = {
    "no engine": ({"engine": {"present": False}}, "engine", "fail", ["no Docker Engine", "site.yml"]),
    "no client": ({"engine": {"cli": "", "active": False}}, "engine", "fail", ["no docker client", "site.yml"]),
    "engine stopped": ({"engine": {"active": False}}, "engine", "fail", ["does not answer", "systemctl start docker"]),
    "engine not at boot": ({"units": {"docker.service": {"UnitFileState": "disabled"}, "docker.socket": {"UnitFileState": "disabled"}}}, "engine", "warn",
                           ["does not start with the host", "systemctl enable docker"]),
    "no unit": ({"units": {"mlflow.service": {"LoadState": "not-found"}}}, "unit", "fail", ["not-found", "site.yml"]),
    "unit stopped": ({"units": {"mlflow.service": {"ActiveState": "inactive"}}}, "unit", "fail", ["inactive", "systemctl start mlflow.service"]),
    "unit fails again and again": ({"units": {"mlflow.service": {"ActiveState": "activating"}}}, "unit", "fail",
                                   ["activating", "journalctl -u mlflow.service"]),
    "unit not at boot": ({"units": {"mlflow.service": {"UnitFileState": "disabled"}}}, "unit", "warn", ["systemctl enable mlflow"]),
    "unit not read": ({"units": {"mlflow.service": {"NeedDaemonReload": "yes"}}}, "unit", "warn", ["systemctl daemon-reload"]),
    "no fact": ({"recorded": None}, "settings", "warn", ["no record", "site.yml"]),
    "file changed": ({"differing": ["/etc/mlflow/mlflow.env"]}, "settings", "warn", ["mlflow.env", "--check --diff"]),
    "fact differs": ({"recorded": {"version": "3.16.1", "workers": 4}}, "settings", "warn", ["version 3.16.1 (inventory: 3.17.2)", "site.yml"]),
    "file younger": ({"files": {"/etc/mlflow/mlflow.env": {"mtime": 9e12}}}, "settings", "warn", ["younger", "systemctl restart mlflow"]),
    "no container": ({"container": None}, "container", "fail", ["no container mlflow", "docker ps -a"]),
    "container paused": ({"container": {"status": "paused"}}, "container", "fail", ["paused", "docker unpause mlflow"]),
    "container dead": ({"container": {"status": "exited"}}, "container", "fail", ["exited", "systemctl restart"]),
    "processes stopped": ({"container": {"processes": [[10, "S"], [11, "T"]]}}, "container", "fail", ["1 of 2", "kill -CONT 11"]),
    "another image": ({"container": {"image": "mlflow:other"}}, "container", "warn", ["mlflow:other", "systemctl restart"]),
    "unhealthy": ({"health": {"status": 500}}, "health", "fail", ["500", "systemctl restart mlflow"]),
    "slow": ({"health": {"seconds": 7}}, "health", "warn", ["7.0 s", "docker stats"]),
    "another version": ({"version": {"text": "3.16.1"}}, "version", "fail", ["3.16.1", "site.yml"]),
    "port of another": ({"listeners": [{"port": 5001, "address": "0.0.0.0", "process": "nginx", "container": ""}]}, "listener", "fail",
                        ["taken by nginx", "ss -ltnp"]),
    "nobody listens": ({"listeners": [], "health": {"status": 0}}, "listener", "fail", ["nobody listens", "systemctl restart"]),
    "firewall": ({"reach": [REACH]}, "reachable", "fail", ["timed out", "DOCKER-USER"]),
    "public name leads elsewhere": ({"reach": [REACH, ADDRESS]}, "reachable", "fail", ["timed out", "curl -v"]),
    "no name is known": ({"reach": [dict(REACH, known=False)]}, "reachable", "warn", ["no address", "curl -v"]),
    "foreign host name": ({"api": {"status": 403}}, "tracking URI", "fail", ["refuses the name ml.example.com:5001", "mlflow_extra_allowed_hosts"]),
    "API fails": ({"api": {"status": 500}}, "tracking URI", "fail", ["500", "journalctl"]),
    "disk full": ({"disk": {"/": {"free": 5000}}}, "disk", "fail", ["5.0 kB", "df -h"]),
    "disk nearly full": ({"disk": {"/": {"free": 4_000_000_000}}}, "disk", "warn", ["4.0 GB", "df -h"]),
    "read-only mount": ({"disk": {"/": {"read_only": True}}}, "disk", "fail", ["read-only", "remount,rw /"]),
    "no inodes": ({"disk": {"/": {"free_inodes": 0}}}, "inodes", "fail", ["0% free", "df -i"]),
    "few inodes": ({"disk": {"/": {"free_inodes": 40}}}, "inodes", "warn", ["4% free", "df -i"]),
    "folder gone": ({"tree": {"/mlflow": {"exists": False}}}, "tree", "fail", ["/mlflow is missing", "mount -a"]),
    "wrong mode": ({"tree": {"/mlflow/artifacts": {"mode": "0700"}}}, "tree", "fail", ["mode 0700, not 0777", "chmod 0777 /mlflow/artifacts"]),
    "wrong owner": ({"tree": {"/mlflow": {"uid": 0}}}, "tree", "fail", ["owner 0, not 50000", "chown 50000 /mlflow"]),
    "no database": ({"database": {"": None}}, "database", "fail", ["there is no /mlflow/mlflow.db", "findmnt"]),
    "root's database": ({"database": {"": {"uid": 0}}}, "database", "fail", ["belongs to 0", "chown 50000:50000 /mlflow/mlflow.db"]),
    "root's log": ({"database": {"-wal": {"uid": 0}}}, "database", "fail", ["mlflow.db-wal belongs to 0", "chown 50000:50000 /mlflow/mlflow.db-wal"]),
    "read-only database": ({"database": {"": {"mode": "0444"}}}, "database", "fail", ["mode 0444", "chmod u+rw /mlflow/mlflow.db"]),
    "older schema": ({"contents": {"schema": "aaa"}}, "schema", "fail", ["older", "site.yml"]),
    "newer schema": ({"contents": {"schema": "ccc"}}, "schema", "fail", ["newer", "mlflow_version"]),
    "damaged page": ({"integrity": {"fault": "row 3 missing from index"}}, "integrity", "fail", ["row 3 missing", "restore the last backup"]),
    "locked": ({"integrity": {"fault": "database is locked"}}, "integrity", "fail", ["locked", "fuser -v /mlflow/mlflow.db"]),
    "large log": ({"database": {"-wal": {"size": 300_000_000}}}, "WAL", "warn", ["300 MB", "fuser -v"]),
    "slow search": ({"search": {"seconds": 9}}, "search", "warn", ["9.00 s", "systemctl start mlflow-maintenance"]),
    "search fails": ({"search": {"status": 500}}, "search", "fail", ["500", "journalctl"]),
    "killed for memory": ({"container": {"memory": {"kills": 2}}}, "memory", "fail", ["2 processes killed", "mlflow_memory_limit"]),
    "near its limit": ({"container": {"memory": {"limit": 410_000_000}}}, "memory", "warn", ["of 410 MB", "mlflow_memory_limit"]),
    "host without memory": ({"memory": {"MemAvailable": 1000}}, "memory", "warn", ["1.0 kB of", "ps -eo"]),
    "restarted": ({"restarts": {"count": 3, "hung": ["x"]}}, "restarts", "warn", ["3 in 24 hours, 1 because it hung", "journalctl"]),
    "watchdog stopped": ({"units": {"mlflow-watchdog.service": {"ActiveState": "inactive"}}}, "watchdog", "warn",
                         ["inactive", "systemctl start mlflow-watchdog"]),
    "watchdog missing": ({"units": {"mlflow-watchdog.service": {"LoadState": "not-found"}}}, "watchdog", "warn", ["not-found", "site.yml"]),
    "backup failed": ({"backup": {"backup": {"failing": True, "message": "disk full"}}}, "backup", "fail", ["disk full", "mlflow-backup"]),
    "backup old": ({"backup": {"backup": {"last_success_epoch": 1}}}, "backup", "warn", ["hours ago", "mlflow-backup"]),
    "no backup yet": ({"backup": {"service": "mlflow"}}, "backup", "warn", ["none has been made", "systemctl start mlflow-backup"]),
    "certificate ended": (HTTPS | {"certificate": {"days": -2, "problem": "expired"}}, "certificate", "fail",
                          ["-2 days", "openssl s_client -connect ml.example.com:443"]),
    "certificate ends": (HTTPS | {"certificate": {"days": 9, "problem": ""}}, "certificate", "warn", ["9 days", "renew"]),
    "certificate not trusted": (HTTPS | {"certificate": {"days": 99, "problem": "self-signed"}}, "certificate", "warn", ["self-signed", "openssl"]),
    "no certificate": (HTTPS, "certificate", "warn", ["shows none", "openssl"]),
    "clock ahead": ({"skew": [299.0, 301.0]}, "clock", "fail", ["299 s ahead", "timedatectl"]),
    "clock behind": ({"skew": [-12.0, -9.0]}, "clock", "warn", ["9 s behind", "timesyncd"]),
    "clock not kept": ({"clock": {"synchronised": False}}, "clock", "warn", ["not synchronised", "timedatectl"]),
}


def merged(low, high):
    if isinstance(low, dict) and isinstance(high, dict):
        return {**low, **{key: merged(low.get(key), high[key]) for key in high}}
    return high


def plant(seen, changes):
    """Change something in what was seen, by the name of a look or of what stands beside the looks."""
    for name, change in changes.items():
        place, key = (seen["looks"][name], "value") if name in seen["looks"] else (seen, name)
        place[key] = merged(place[key], change)


def by_name(seen):
    return {line["name"]: line for line in diagnosis.judge(seen)}


def test_a_server_that_is_well_has_no_fault(seen):
    assert [line for line in diagnosis.judge(seen) if line["status"] != "ok"] == []
    assert diagnosis.worst(diagnosis.judge(seen)) == "ok"


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(seen, fault):
    changes, name, status, says = FAULTS[fault]
    plant(seen, changes)
    line = by_name(seen)[name]
    assert line["status"] == status, line
    assert [part for part in says if part not in f"{line['value']} -> {line['next']}"] == [], line
    assert line["next"]


def test_a_look_that_failed_is_a_line_of_its_own(seen):
    well = by_name(seen)
    for name in seen["looks"]:
        seen["looks"][name] = {"value": None, "error": "no answer within 20 s", "seconds": 20}
    lines = diagnosis.judge(seen)
    assert [line["name"] for line in lines] == list(well)
    # What needs no look of the host: the controller's own, and what is off.
    assert {line["name"] for line in lines if line["status"] == "ok"} <= {"reachable", "certificate"}
    assert diagnosis.worst(lines) == "fail"


def test_a_port_for_the_host_alone_needs_not_be_reachable(seen):
    plant(seen, {"listeners": [{"port": 5001, "address": "127.0.0.1", "process": "docker-proxy", "container": "mlflow"}],
                 "reach": [dict(REACH, reason="Connection refused")]})
    assert by_name(seen)["reachable"]["status"] == "ok"


def test_a_store_that_is_not_sqlite(seen):
    seen["server"]["backend_store"] = "postgresql+psycopg://db.example.com/mlflow"
    for name in ("database", "integrity", "contents"):
        seen["looks"].pop(name)
    assert [line for line in diagnosis.judge(seen) if line["status"] != "ok"] == []


def test_the_table_tells_each_line_and_below_it_what_to_do(seen):
    plant(seen, {"engine": {"active": False}})
    text = diagnosis.table("ml.example.com", diagnosis.judge(seen))
    assert text[0] == "ml.example.com: 24 ok, 0 warn, 1 fail"
    assert text[1].startswith("fail  engine")
    assert text[2].lstrip().startswith("-> systemctl start docker")
    assert text[3].startswith("ok    unit")
