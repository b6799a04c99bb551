"""A backend store in PostgreSQL is backed up while clients write, rehearsed and restored. After test_adopt.py, whose server ends there."""

from __future__ import annotations

import json

import pytest
from backups import Load, missing, total
from cleanup_history import play
from conftest import Server, wait_for
from extent import full_only
from test_adopt import SECRET

REPOSITORY, PASSWORD = "/srv/backup", "hush-open-sesame"


@pytest.fixture(scope="module")
def options(host):
    server = Server(host)
    assert server.fact["backend_store"].startswith("postgresql")
    return {"mlflow_backend_store_uri": f"postgresql+psycopg://mlflow:{SECRET}@{server.address}:5432/mlflow", "mlflow_backup_enabled": True,
            "mlflow_backup_repository": REPOSITORY, "mlflow_backup_password": PASSWORD, "mlflow_backup_random_delay": "0"}


@pytest.fixture(scope="module")
def load(host, options):
    """Twenty clients that write while a backup is made, and what the server acknowledged before it began."""
    done = play(host, "playbooks/site.yml", **options)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    with Load(Server(host).url) as load:
        wait_for(lambda: load.count() > 200, "two hundred writes", 300)
        load.before = load.acknowledged()
        load.done = play(host, "playbooks/backup.yml", **options)
        load.after = load.acknowledged()
    return load


def status(host):
    return json.loads(host.check_output("cat /var/lib/mlflow-backup/status.json"))


def flat(done):
    return " ".join((done.stdout + done.stderr).split())


def test_a_dump_is_made_while_clients_write(host, load):
    assert load.done.returncode == 0, flat(load.done)[-3000:]
    assert total(load.after) > total(load.before) and load.refused == []
    assert status(host)["backup"]["runs"] >= 20 and SECRET not in flat(load.done)


@full_only
@pytest.mark.parametrize("may", [False, True])
def test_the_rehearsal_goes_as_far_as_the_role_may(host, load, may):
    host.check_output(f"runuser -u postgres -- psql -c 'ALTER ROLE mlflow {'' if may else 'NO'}CREATEDB'")
    host.check_output("systemctl start mlflow-backup-rehearse")
    told = status(host)["rehearse"]
    assert told["rows"] > 200 and ("scratch database" in told["dump"]) is may
    assert "mlflow_rehearsal" not in host.check_output("runuser -u postgres -- psql -lAt")


@full_only
def test_data_are_moved_aside_only_when_the_host_is_named(host, load, options, tmp_path):
    client = Server(host).client()
    run = client.create_run(client.create_experiment("after the dump")).info.run_id
    done = play(host, "playbooks/restore.yml", **options)
    assert done.returncode != 0 and "holds data:" in flat(done) and client.get_run(run), flat(done)[-2000:]
    done = play(host, "playbooks/restore.yml", mlflow_backup_restore_confirm=host.backend.get_hostname(), **options)
    assert done.returncode == 0 and "schema before_restore_" in flat(done), flat(done)[-3000:]
    assert missing(Server(host).url, load.before, tmp_path) == []
    assert client.get_experiment_by_name("after the dump") is None
    kept = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'before_restore%'"
    aside = host.check_output(f'cd / && runuser -u postgres -- psql -At mlflow -c "{kept}"')
    assert host.check_output(f"cd / && runuser -u postgres -- psql -At mlflow -c \"SELECT count(*) FROM {aside}.runs WHERE run_uuid = '{run}'\"") == "1"


def test_no_secret_is_seen(host, load):
    assert host.run(f"grep -rl {SECRET} /etc/mlflow-backup /etc/systemd /var/lib/mlflow-backup").stdout == ""
    # Watched by one shell on the host: a dump of so little takes a moment. The brackets keep it from finding itself.
    watch = ('cat() { command cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "; }; systemctl start --no-block mlflow-backup; '
             'until seen=$(cat) && echo "$seen" | grep -q "[p]g_dump --no"; do :; done; echo "$seen"')
    seen = host.check_output("timeout 60 bash -c %s", watch)
    assert "pg_dump --no" in seen
    assert SECRET not in seen
    wait_for(lambda: host.check_output("systemctl show -P ActiveState mlflow-backup") == "inactive", "the backup ends")
