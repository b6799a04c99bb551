"""A server under load is backed up, timers verify and rehearse, and what goes wrong is seen. The tests build on each other, in order."""

from __future__ import annotations

import json
import os
import subprocess

import backups
import pytest
from backups import NAME, PASSWORD, SOURCE, play, status, unit
from conftest import Server, wait_for
from extent import FULL

DROP_IN = "/run/systemd/system/{0}.timer.d"
AT_ONCE = "mkdir -p {1} && printf '[Timer]\\nOnCalendar=\\nOnActiveSec=1s\\n' > {1}/now.conf && systemctl daemon-reload && systemctl restart {0}.timer"
AS_BEFORE = "rm -r {1} && systemctl daemon-reload && systemctl restart {0}.timer"


# A scenario is green only where a test names each of its servers.
@pytest.fixture(scope="module", params=[SOURCE])
def source(request):
    return backups.host_of(request.param)


@pytest.fixture(scope="module")
def load(source, tmp_path_factory):
    """Twenty clients that write while a backup is made, and what the server acknowledged before it began."""
    with backups.Load(Server(source).url) as load:
        wait_for(lambda: load.count() > 400, "four hundred writes", 300)
        load.before = load.acknowledged()
        load.done = play("playbooks/backup.yml", SOURCE)
        load.after = load.acknowledged()
    backups.remember(load.before)
    return load


def test_a_backup_is_made_while_clients_write(source, load):
    assert load.done.returncode == 0, load.done.stdout[-3000:]
    told = status(source)["backup"]
    assert f"Made snapshot {told['snapshot']} of {SOURCE} in /backup/mlflow" in " ".join(load.done.stdout.split())
    assert not told["failing"] and told["runs"] >= 20 and told["bytes_total"] > 0
    assert backups.total(load.after) > backups.total(load.before), "nobody wrote during the backup"
    assert load.refused == []


CHANGE = "date +%s%N > /mlflow/artifacts/changed"


def test_a_backup_of_an_unchanged_tree_makes_no_snapshot(source, load):
    def once_more():
        source.check_output("systemctl start %s", unit())
        return status(source)["backup"]

    first, again = status(source)["backup"], once_more()
    assert again["snapshot"] != first["snapshot"] and again["files"] >= first["files"] and not again["unchanged"]
    # What was written a moment ago proves nothing.
    wait_for(lambda: once_more()["unchanged"], "nothing has changed")
    snapshots, last = backups.snapshots(source), once_more()
    assert last["unchanged"] and last["bytes_added"] == 0 and backups.snapshots(source) == snapshots
    done = play("playbooks/backup.yml", SOURCE)
    assert f"Nothing has changed since snapshot {last['snapshot']}" in " ".join(done.stdout.split()), done.stdout[-2000:]
    source.check_output(CHANGE)
    changed = once_more()
    assert changed["snapshot"] != last["snapshot"] and 0 < changed["bytes_added"] < changed["bytes_total"] / 10


@pytest.mark.parametrize("verb", [*(["backup", "check"] if FULL else []), "rehearse"])
def test_the_timer_does_it(source, load, verb):
    name = unit("" if verb == "backup" else verb).rpartition(".")[0]
    before = status(source).get(verb, {}).get("last_success_epoch", 0)
    assert source.check_output("systemctl is-active %s.timer", name) == "active"
    assert source.check_output("systemctl show %s -p CPUQuotaPerSecUSec --value", name) == "4s"
    source.check_output(AT_ONCE.format(name, DROP_IN.format(name)))
    try:
        wait_for(lambda: status(source).get(verb, {}).get("last_success_epoch", 0) > before, f"the timer of {verb} does its work", 120)
    finally:
        source.check_output(AS_BEFORE.format(name, DROP_IN.format(name)))
    assert not source.file(f"/var/lib/{NAME}/scratch").exists and not source.file(f"/var/lib/{NAME}/stage").exists


def test_the_rehearsal_compared_rows_and_files(source, load):
    told = status(source)["rehearse"]
    assert told["rows"] > 400 and told["files"] == 20


def test_two_never_run_at_once(source):
    source.check_output(f"systemd-run --unit keep-lock --quiet flock /var/lib/{NAME}/lock tail -f /dev/null")
    try:
        wait_for(lambda: source.run(f"flock -n /var/lib/{NAME}/lock true").rc != 0, "the lock is held")
        done = play("playbooks/backup.yml", SOURCE)
        assert done.returncode != 0 and "Another run goes on" in " ".join(done.stdout.split())
        assert source.check_output("systemctl is-failed %s", unit()) == "failed"
    finally:
        source.run("systemctl stop keep-lock")


def test_a_full_repository_is_told_and_costs_nothing(source):
    """The common disk is full: here a small file system in its place."""
    snapshots = backups.snapshots(source)
    small = "mount -t tmpfs -o size=60m none /backup/mlflow"
    source.check_output(f"cp -a /backup/mlflow /srv/kept && {small} && cp -a /srv/kept/. /backup/mlflow && rm -r /srv/kept")
    try:
        source.check_output(CHANGE + "; dd if=/dev/zero of=/backup/mlflow/fill bs=1M; true")
        done = play("playbooks/backup.yml", SOURCE)
        assert done.returncode != 0 and "No room for the snapshot" in " ".join(done.stdout.split()), done.stdout[-2000:]
        assert status(source)["backup"]["failing"] and "No room" in status(source)["backup"]["message"]
        assert 'failed{service="mlflow",operation="backup"} 1' in source.file(f"/var/lib/{NAME}/metrics.prom").content_string
        source.check_output("rm /backup/mlflow/fill")
        assert backups.snapshots(source) == snapshots
    finally:
        source.check_output("umount /backup/mlflow")
    source.check_output("systemctl start %s", unit())
    assert not status(source)["backup"]["failing"]


def test_the_fact_is_the_status(source):
    asked = ["ansible", "-i", os.environ["MOLECULE_INVENTORY_FILE"], SOURCE, "-m", "setup", "-a", "gather_subset=!all filter=ansible_local", "-o"]
    answer = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.partition("=>")[2])
    assert answer["ansible_facts"]["ansible_local"]["mlflow_backup"]["backup"]["snapshot"] == status(source)["backup"]["snapshot"]


def test_no_secret_is_seen(source):
    # What processes show while a backup runs, sampled as fast as it goes.
    source.check_output(f"{CHANGE}; systemctl start --no-block {unit()}")
    seen = wait_for(lambda: source.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout.partition("restic")[1:], "a backup runs")
    assert PASSWORD not in "".join(seen)
    wait_for(lambda: source.check_output("systemctl show -P ActiveState %s", unit()) == "inactive", "the backup ends")
    holding = source.run(f"grep -rlsF {PASSWORD} /etc /var/lib/{NAME} /run /var/log /usr/local").stdout.split()
    assert holding == [f"/etc/{NAME}/password"]
    assert source.file(f"/etc/{NAME}/password").mode == 0o600 and source.file(f"/etc/{NAME}/restic.env").mode == 0o600
    assert PASSWORD not in source.check_output("journalctl --no-pager -o cat")
    assert PASSWORD not in source.check_output("systemctl cat 'mlflow-backup*'; systemctl show 'mlflow-backup*'")
    done = play("site.yml", SOURCE, "--diff", "-vv", "-e", "mlflow_backup_ssh_known_hosts=secret-host", "-e", "mlflow_backup_s3_access_key=key hush-other",
                "-e", "mlflow_backup_s3_secret_key=hush-secret")
    assert done.returncode == 0 and "hush" not in done.stdout + done.stderr
    assert "hush-secret" in source.file(f"/etc/{NAME}/restic.env").content_string
    play("site.yml", SOURCE)
