"""What servers that share a database and a store for artifacts are refused, before any host is asked, by role mlflow itself."""

from __future__ import annotations

import pytest
from refusals import ends_of

SERVERS = {"case_servers": ["one", "two"]}
KEYS = {"mlflow_crypto_kek_passphrase": "hush-kek", "mlflow_auth_secret_key": "hush-form"}
BASIC = {"mlflow_auth": "basic", "mlflow_auth_admin_password": "hush-admin-password"}
TWO = {"case_databases": ["db", "db2"]}
DATABASE, STORE = {"case_databases": ["db"]}, {"case_stores": ["store"]}
# {name: (what is set, what the message must hold)}
REFUSED = {
    "no-standby": ({**DATABASE, "mlflow_read_replica_uri": "standby"}, "mlflow_read_replica_uri is 'standby', and group mlflow_databases has no second host"),
    "standby-of-another": ({**TWO, "mlflow_read_replica_uri": "standby", "mlflow_backend_store_uri": "postgresql+psycopg://u:hush@h/d"},
                           "mlflow_read_replica_uri is 'standby', and the server does not use the group mlflow_databases"),
    "replica-of-another": ({**DATABASE, "mlflow_read_replica_uri": "mysql+pymysql://u:hush@h/d"}, "mlflow_read_replica_uri is 'mysql+pymysql://***@h/d'"),
    "old-version": ({**TWO, "mlflow_read_replica_uri": "standby", "mlflow_version": "3.10.1"}, "mlflow_read_replica_uri is set and mlflow_version is 3.10.1"),
    "no-password": ({"case_databases": ["bare"]}, "mlflow_database_password is empty for bare"),
    "local-artifacts": ({**SERVERS, **DATABASE, **KEYS}, "mlflow_artifacts_destination is empty, and one, two share one database"),
    "lone-keys": ({**SERVERS, **DATABASE, **STORE, **BASIC},
                  "mlflow_crypto_kek_passphrase and mlflow_auth_secret_key is empty, and one, two share one database"),
    "lone-key": ({**SERVERS, **DATABASE, **STORE}, "mlflow_crypto_kek_passphrase is empty, and one, two share one database"),
    "no-keys": ({"case_stores": ["bare"]}, "mlflow_object_store_access_key and mlflow_object_store_secret_key is empty for bare"),
    "no-secret-key": ({"case_stores": ["half"]}, "mlflow_object_store_secret_key is empty for half"),
}
ACCEPTED = {
    "cluster": {**SERVERS, **DATABASE, **STORE, **KEYS, **BASIC},
    "one-with-store": STORE,
    "store-and-copy": {"case_stores": ["store", "store2"]},
    "primary-and-standby": TWO,
    "reads-from-standby": {**TWO, "mlflow_read_replica_uri": "standby"},
    "reads-from-elsewhere": {**DATABASE, "mlflow_read_replica_uri": "postgresql+psycopg://u:hush@h/d"},
    "prefix-of-the-bucket": {**STORE, "mlflow_artifacts_destination": "s3://mlflow/team"},
    "another-bucket-beside-two-stores": {"case_stores": ["bare", "store"], "mlflow_artifacts_destination": "s3://mlflow-other/team"},
    "shared-folder": {**SERVERS, **DATABASE, **KEYS, "mlflow_artifacts_destination": "/mlflow/artifacts"},
}
OTHERS = {
    "db": {"mlflow_database_password": "hush-database-password"}, "db2": {}, "bare": {}, "store2": {}, "one": {}, "two": {},
    "store": {"mlflow_object_store_access_key": "mlflow-key", "mlflow_object_store_secret_key": "hush-store-secret"},
    "half": {"mlflow_object_store_access_key": "mlflow-key"},
}
EXTRA = {
    "__mlflow_databases": "{{ case_databases | default([]) }}", "__mlflow_stores": "{{ case_stores | default([]) }}",
    "__mlflow_servers": "{{ case_servers | default([inventory_hostname]) }}",
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    hosts = {name: given for name, (given, _says) in REFUSED.items()} | ACCEPTED
    found, output = ends_of("mlflow", tmp_path_factory.mktemp("shared-input"), hosts, {"ansible_python_interpreter": "/nowhere/python3"}, EXTRA, OTHERS)
    assert "hush" not in output
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_any_host_is_asked(ended, name):
    task, result = ended[name]
    assert "Refuse inputs that cannot work" in task, f"{task}: {result['msg']}"
    told = result["msg"].strip().splitlines()
    assert len(told) == 1 and REFUSED[name][1] in " ".join(told[0].split()), told


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(ended, name):
    assert "validate | Learn" in ended[name][0], ended[name]


def test_every_rule_has_a_case(tree):
    rules = [tree.yaml(f"roles/mlflow/vars/main/{name}.yml")[f"__mlflow_{key}_rules"] for name, key in (("database", "database"), ("object_store", "store"))]
    # the first, about the size of pools, is in bad_input
    assert sum(map(len, rules)) - 1 <= len(REFUSED)
