"""Each alert is fired by its fault, by a real Prometheus, and ends with it. No rule waits here; promtool has tried how long they wait elsewhere."""

from __future__ import annotations

import contextlib

import pytest
import requests
from conftest import Server, wait_for
from monitored import FOLDER, SERVER, TEXTFILES, Prometheus, host_of, written

# No fault that takes less than hours brings it about; promtool has its cases.
BY_PROMTOOL = {"MlflowDiskFillsUp"}
# Made a month ago, over in two hours.
OLD_CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=front -keyout /etc/front.key -out /etc/front.crt"
    " -not_before $(date -u -d '30 days ago' +%Y%m%d%H%M%SZ) -not_after $(date -u -d '2 hours' +%Y%m%d%H%M%SZ) && systemctl restart front")
# A reader that does not end, and somebody who writes meanwhile.
READER = """
import sqlite3, time
reader, writer = sqlite3.connect("/mlflow/mlflow.db"), sqlite3.connect("/mlflow/mlflow.db")
reader.execute("BEGIN")
reader.execute("SELECT count(*) FROM runs").fetchone()
writer.execute("CREATE TABLE filler (bytes BLOB)")
for _number in range(9):
    writer.execute("INSERT INTO filler VALUES (zeroblob(1000000))")
    writer.commit()
time.sleep(600)
"""
EMPTIED = "import sqlite3; it = sqlite3.connect('/mlflow/mlflow.db', timeout=20); it.execute('DROP TABLE filler'); it.commit(); " \
    "it.execute('PRAGMA wal_checkpoint(TRUNCATE)')"


@pytest.fixture(scope="module", params=[SERVER])
def server(request):
    return Server(host_of(request.param))


@pytest.fixture(scope="module")
def prometheus():
    return Prometheus()


@contextlib.contextmanager
def between(host, fault, repair):
    """A fault and its repair, each a command on the host."""
    host.run_expect([0], fault)
    try:
        yield lambda: None
    finally:
        host.run_expect([0], repair)


def stopped(unit):
    return lambda server, _prometheus: between(server.host, f"systemctl stop {unit}", f"systemctl start {unit}")


@contextlib.contextmanager
def errors(server, _prometheus):
    """Artifacts that the server may not read, and people who ask for them."""
    client = server.client()
    run = client.create_run("0").info.run_id
    client.log_text(run, "text", "text.txt")
    with between(server.host, "chmod 0 /mlflow/artifacts", "chmod 0777 /mlflow/artifacts"):
        yield lambda: requests.get(server.url + "/api/2.0/mlflow/artifacts/list", params={"run_id": run}, timeout=20)


def broken_file(server, _prometheus):
    return between(server.host, f"echo 'no metric at all' > {TEXTFILES}/broken.prom", f"rm {TEXTFILES}/broken.prom")


def large_log(server, _prometheus):
    server.host.run_expect([0], f"cat > /tmp/reader.py <<'END_OF_IT'\n{READER}\nEND_OF_IT")
    return between(server.host, "systemd-run --unit reader python3 /tmp/reader.py", f'systemctl stop reader; python3 -c "{EMPTIED}"')


def lost_repository(server, _prometheus):
    return between(server.host, "mv /srv/repository /srv/lost; systemctl start mlflow-backup; systemctl start mlflow-backup-rehearse; true",
                   "mv /srv/lost /srv/repository && systemctl start mlflow-backup && systemctl start mlflow-backup-rehearse")


def old_certificate(server, _prometheus):
    return between(server.host, f"cp -p /etc/front.crt /etc/front.key /srv/ && {OLD_CERTIFICATE}",
                   "mv /srv/front.crt /srv/front.key /etc/ && systemctl restart front")


@pytest.fixture(scope="module")
def low(tmp_path_factory):
    """Rules whose limits every healthy server is beyond."""
    folder = written(tmp_path_factory.mktemp("low"), limit_latency_seconds=0, limit_database_bytes=0, limit_disk_free_percent=100, limit_backup_hours=0,
                     limit_rehearsal_days=0)
    return (folder / "rules/mlflow.rules").read_text(encoding="utf-8")


FAULTS = {
    "stopped-server": (stopped("mlflow"), {"MlflowDown", "MlflowUnhealthy"}),
    "unreadable-artifacts": (errors, {"MlflowErrors"}),
    "stopped-exporter": (stopped("prometheus-node-exporter"), {"MlflowExporterDown"}),
    "stopped-timer": (stopped("mlflow-monitoring.timer"), {"MlflowMetricsStale"}),
    "address-that-does-not-answer": (stopped("front"), {"MlflowMetricsIncomplete"}),
    "broken-file": (broken_file, {"MlflowMetricsUnreadable"}),
    "reader-that-never-ends": (large_log, {"MlflowWalLarge"}),
    "lost-repository": (lost_repository, {"MlflowBackupFailed", "MlflowRehearsalFailed"}),
    "old-certificate": (old_certificate, {"MlflowCertificateExpires"}),
}
BY_LIMIT = {"MlflowSlow", "MlflowDatabaseLarge", "MlflowDiskAlmostFull", "MlflowBackupOld", "MlflowRehearsalOld"}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fires_its_alert_and_its_repair_ends_it(server, prometheus, name):
    fault, alerts = FAULTS[name]
    assert not alerts & prometheus.firing()
    with fault(server, prometheus) as again:
        def fired():
            again()
            return alerts <= prometheus.firing()

        wait_for(fired, f"{', '.join(alerts)} fired", 90)
    wait_for(lambda: not alerts & prometheus.firing(), f"{', '.join(alerts)} ended", 90)


def test_what_is_beyond_a_limit_fires(server, prometheus, low):
    assert not BY_LIMIT & prometheus.firing()
    prometheus.take(low)
    client = server.client()
    wait_for(lambda: client.search_experiments() and prometheus.firing() >= BY_LIMIT, f"{', '.join(BY_LIMIT)} fired", 90)
    prometheus.take((FOLDER / "rules/mlflow.rules").read_text(encoding="utf-8"))
    wait_for(lambda: not prometheus.firing(), "quiet", 90)


def test_every_alert_was_fired(prometheus):
    alerts = {rule["name"] for rule in prometheus.rules() if rule["type"] == "alerting"}
    assert BY_LIMIT.union(BY_PROMTOOL, *(alerts for _fault, alerts in FAULTS.values())) == alerts


def test_it_leaves_nothing_that_runs_or_tells(server, site):
    done = site.run(SERVER, playbook="uninstall.yml")
    assert done.status == 0, done.output
    where = f"-path '*mlflow*monitoring*' -o -path '*/prometheus-node-exporter.service.d/*' -o -path '{TEXTFILES}/mlflow*'"
    assert server.host.check_output(f"find /etc /run/systemd /var/lib/prometheus {where}") == ""
    assert server.host.check_output("ss -Hltn 'sport = 9100'") == ""
    assert server.host.run("systemctl list-units --all --plain --no-legend '*monitoring*'").stdout == ""
