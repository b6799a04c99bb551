"""The source is destroyed, and a host that has nothing yet takes its place. The tests build on each other, in order, and on test_backup.py."""

from __future__ import annotations

import backups
import pytest
from backups import NAME, SOURCE, TARGET, play
from conftest import Server
from extent import full_only

DATA = "find /mlflow -not -path '/mlflow/tmp*' -not -name 'mlflow.db*' -printf '%p %y %m %U:%G %s %T@\\n' | sort; sha256sum /mlflow/mlflow.db"


@pytest.fixture(scope="module")
def target():
    return backups.host_of(TARGET)


@pytest.fixture(scope="module")
def snapshot():
    """The snapshot that was made under load; those after it hold more."""
    return backups.snapshots(backups.host_of(SOURCE))[0]


def said(done):
    # an older core shows a message in quotes, with those in it doubled
    return " ".join((done.stdout + done.stderr).split()).replace("''", "'")


def restore(*options):
    return play("playbooks/restore.yml", TARGET, *options)


def test_the_source_is_destroyed(snapshot):
    source = backups.host_of(SOURCE)
    source.check_output("systemctl disable --now mlflow.service && rm -rf /mlflow /etc/mlflow /etc/ansible/facts.d/mlflow.fact")
    assert not source.file("/mlflow").exists


def test_a_wrong_password_is_told_before_anything_is_restored(target):
    done = restore("-e", "mlflow_backup_password=hush-some-other-word")
    assert done.returncode != 0
    assert "The password of /backup/mlflow is another one. Set mlflow_backup_password" in said(done), said(done)[-2000:]
    assert "hush" not in said(done)
    assert Server(target).healthy(), "the new host was not provisioned"


def test_an_unknown_snapshot_is_told(target):
    done = restore("-e", "mlflow_backup_restore_snapshot=0123456789abcdef")
    assert done.returncode != 0 and "There is no snapshot '0123456789abcdef' of mlflow. The newest are:" in said(done), said(done)[-2000:]


def test_a_damaged_repository_is_told(target):
    target.check_output("cp -a /backup/mlflow /backup/damaged && find /backup/damaged/data -type f -size +1k -exec truncate --size 100 {} +")
    before = target.check_output(DATA)
    done = restore("-e", "mlflow_backup_repository=/backup/damaged")
    assert done.returncode != 0 and "/backup/damaged is damaged" in said(done), said(done)[-2000:]
    assert "are untouched" in said(done)
    assert target.check_output(DATA) == before and Server(target).healthy()
    assert target.run("ls -d /mlflow/.restore-*").rc != 0, "a half restore was left"


def test_a_full_target_is_told(target):
    # A disk of its own, and a small one: see molecule.yml.
    assert target.mount_point("/mlflow").filesystem == "tmpfs"
    free = int(target.check_output("df --output=avail -B1 /mlflow | tail -n 1"))
    target.check_output("fallocate -l %s /mlflow/tmp/fill", str(free - (30 << 20)))
    try:
        done = restore()
        assert done.returncode != 0 and "No room to restore: /mlflow has" in said(done), said(done)[-2000:]
    finally:
        target.check_output("rm /mlflow/tmp/fill")
    assert Server(target).healthy()


def test_the_new_host_has_every_acknowledged_write(target, snapshot, tmp_path):
    foretold = restore("--check", "-e", f"mlflow_backup_restore_snapshot={snapshot[:8]}")
    assert foretold.returncode == 0 and f"Would restore snapshot {snapshot[:8]} of {SOURCE}" in said(foretold), said(foretold)[-2000:]
    done = restore("-e", f"mlflow_backup_restore_snapshot={snapshot[:8]}")
    assert done.returncode == 0 and f"Restored snapshot {snapshot[:8]} of {SOURCE}" in said(done), said(done)[-3000:]
    acknowledged = backups.remembered()
    assert backups.total(acknowledged) > 400
    assert backups.missing(Server(target).url, acknowledged, tmp_path) == []


def test_the_tree_belongs_to_the_server(target):
    foreign = target.check_output("find /mlflow/artifacts /mlflow/mlruns /mlflow/mlflow.db -not -uid 50000 -o -not -gid 50000")
    assert foreign == ""
    assert target.file("/mlflow/artifacts").mode == 0o777


def test_data_are_moved_aside_only_when_the_host_is_named(target, tmp_path):
    client = Server(target).client()
    run_id = client.create_run(client.create_experiment("after the restore")).info.run_id
    done = restore()
    assert done.returncode != 0
    assert "/mlflow holds data: 21 runs" in said(done) and f"add -e mlflow_backup_restore_confirm={TARGET}" in said(done), said(done)[-2000:]
    other = restore("-e", "mlflow_backup_restore_confirm=some-other-host")
    assert other.returncode != 0 and "names some-other-host" in said(other)
    assert client.get_run(run_id)
    done = restore("-e", f"mlflow_backup_restore_confirm={TARGET}")
    assert done.returncode == 0, said(done)[-3000:]
    aside = target.check_output("ls -d /mlflow/.before-restore-*").split()[-1]
    assert aside in said(done)
    kept = target.check_output("sqlite3 %s/mlflow.db \"SELECT count(*) FROM runs WHERE run_uuid = '%s'\" || true", aside, run_id)
    assert kept in ("1", "") and target.file(f"{aside}/mlflow.db").exists and target.file(f"{aside}/artifacts").is_directory
    assert backups.missing(Server(target).url, backups.remembered(), tmp_path) == []


@full_only
def test_a_restore_that_was_killed_is_made_good_by_the_next(target, tmp_path):
    """Killed while it fetches: the server serves on, and what was fetched is cleared away by the next run."""
    before = target.check_output(DATA)
    program = f"/etc/{NAME}/program/backup.py"
    # Seen and killed by one shell on the host: a restore of so little takes a second.
    target.check_output(f"setsid python3 -B {program} restore --confirmed --host {SOURCE} >/dev/null 2>&1 & "
                        "until ls -d /mlflow/.restore-* >/dev/null 2>&1; do :; done; kill -9 -$!")
    assert Server(target).healthy() and target.run("ls -d /mlflow/.restore-*").rc == 0
    assert [line for line in before.splitlines() if "artifacts" in line] == [
        line for line in target.check_output(DATA).splitlines() if "artifacts" in line and ".restore-" not in line]
    done = restore("-e", f"mlflow_backup_restore_confirm={TARGET}")
    assert done.returncode == 0, said(done)[-3000:]
    assert target.run("ls -d /mlflow/.restore-*").rc != 0
    assert backups.missing(Server(target).url, backups.remembered(), tmp_path) == []


@full_only
def test_turned_off_it_leaves_the_repository_alone(target):
    before = backups.snapshots(target)
    done = play("site.yml", TARGET, "-e", "mlflow_backup_enabled=false")
    assert done.returncode == 0, said(done)[-3000:]
    assert target.run(f"ls -d /etc/{NAME} /var/lib/{NAME} /etc/systemd/system/{NAME}* /etc/ansible/facts.d/mlflow_backup.fact").stdout == ""
    again = play("site.yml", TARGET, "-e", "mlflow_backup_enabled=false")
    assert " changed=0 " in again.stdout
    done = play("site.yml", TARGET)
    assert done.returncode == 0 and backups.snapshots(target) == before
