"""Bad input of role mlflow_object_store is refused before anything on the host changes, with variable, value and fix, and no key in it."""

from __future__ import annotations

import pytest
from proxy_certificates import Authority
from refusals import ends_of_cases

KEY, SECRET = "AKHUSHHUSH12", "hush-hush-hush-hush"
GOOD = {"mlflow_object_store_source": "{pki}/weed.whl", "mlflow_object_store_access_key": KEY, "mlflow_object_store_secret_key": SECRET,
        "mlflow_object_store_name": "mlflow.example.com", "mlflow_object_store_dir": "/srv/no-store"}
FILES = {"mlflow_object_store_tls": "files", "mlflow_object_store_certificate": "{pki}/good.crt", "mlflow_object_store_certificate_key": "{pki}/good.key"}
ZEROS = "0" * 64
# What is set beside GOOD, without the beginning mlflow_object_store_, and what the message must hold. Refused without asking the host, which has no Python.
INPUT = {
    "unlike": ({"case_hosts": ["far", "unlike"], "bucket": "another"},
               "mlflow_object_store_access_key, mlflow_object_store_bucket, mlflow_object_store_secret_key of unlike differs from that of far"),
    "keep-days": ({"copy_keep_days": -1}, "mlflow_object_store_copy_keep_days is -1"),
    "copy-seconds": ({"copy_seconds": 0}, "mlflow_object_store_copy_seconds is 0"),
    "no-source": ({"source": ""}, "mlflow_object_store_source is ''. Give the absolute path"),
    "source-gone": ({"source": "/nowhere/weed"}, "mlflow_object_store_source is '/nowhere/weed', which is no file on the controller"),
    "source-with-password": ({"source": "ftp://u:hush@mirror/weed"}, "mlflow_object_store_source is 'ftp://***@mirror/weed'"),
    "url-without-checksum": ({"source": "https://mirror/weed"}, "mlflow_object_store_checksum is ''. Give the SHA-256"),
    "checksum": ({"checksum": "abc"}, "mlflow_object_store_checksum is 'abc'"),
    "no-access-key": ({"access_key": ""}, "mlflow_object_store_access_key (not shown) is empty"),
    "access-key": ({"access_key": "hush hush hush"}, "mlflow_object_store_access_key (not shown) is not as it must be"),
    "no-secret-key": ({"secret_key": ""}, "mlflow_object_store_secret_key (not shown) is empty"),
    "short-secret-key": ({"secret_key": "hush"}, "mlflow_object_store_secret_key (not shown) is not as it must be. Give MLflow's secret key"),
    "two-lines": ({"secret_key": SECRET + "\nhush"}, "mlflow_object_store_secret_key (not shown) is not as it must be"),
    "bucket": ({"bucket": "ML_flow"}, "mlflow_object_store_bucket is 'ML_flow'"),
    "bucket-is-address": ({"bucket": "192.0.2.1"}, "mlflow_object_store_bucket is '192.0.2.1'"),
    "name-is-url": ({"name": "https://store"}, "mlflow_object_store_name is 'https://store'"),
    "name-is-address": ({"name": "192.0.2.1"}, "mlflow_object_store_name is '192.0.2.1'"),
    "bind": ({"bind_address": "localhost"}, "mlflow_object_store_bind_address is 'localhost'"),
    "port": ({"port": 443}, "mlflow_object_store_port is 443. Give a port from 1024"),
    "inner-port": ({"inner_port": 65530}, "mlflow_object_store_inner_port is 65530"),
    "port-among-inner": ({"port": 8346}, "mlflow_object_store_port is 8346, which is one of the seven ports"),
    "no-key": ({**FILES, "mlflow_object_store_certificate_key": ""}, "mlflow_object_store_tls is 'files' and mlflow_object_store_certificate_key is empty"),
    "files-beside-own": ({**FILES, "tls": "internal"}, "mlflow_object_store_certificate_key is set. Set mlflow_object_store_tls to 'files'"),
    "not-there": ({**FILES, "certificate": "/nowhere/x.crt"}, "mlflow_object_store_certificate is '/nowhere/x.crt', which is no file on the controller"),
    "relative-on-host": ({**FILES, "certificate": "x.crt", "certificate_on_host": True}, "give absolute paths on the host"),
    "copy-of-none": ({"tls": "none", "ca_copy": "ca.crt"}, "mlflow_object_store_ca_copy is 'ca.crt' and mlflow_object_store_tls is 'none'"),
    "relative-dir": ({"dir": "data"}, "mlflow_object_store_dir is 'data'"),
    "home-dir": ({"dir": "/home/me/data"}, "mlflow_object_store_dir is '/home/me/data'"),
    "root-dir": ({"dir": "/srv"}, "mlflow_object_store_dir is '/srv'"),
    "volume-size": ({"volume_size": "1 gig"}, "mlflow_object_store_volume_size is '1 gig'"),
    "small-volume": ({"volume_size": "63MB"}, "mlflow_object_store_volume_size is '63MB'. Give 64MB or more"),
    "min-free": ({"min_free": "5%"}, "mlflow_object_store_min_free is '5%'"),
    "min-free-below-volume": ({"min_free": "512MB"}, "mlflow_object_store_min_free is '512MB' and mlflow_object_store_volume_size '1GB'"),
    "memory": ({"memory_limit": "1023MB"}, "mlflow_object_store_memory_limit is '1023MB'. Give 1GB or more"),
    "misspelt": ({"mlflow_object_store_buket": "x"}, "mlflow_object_store_buket: did you mean mlflow_object_store_bucket?"),
}
# What only the host, here this machine, can tell.
HOST = {
    "other-checksum": ({"checksum": ZEROS}, f"mlflow_object_store_checksum is {ZEROS}, and the file of mlflow_object_store_source has"),
    "wrong-key": ({**FILES, "certificate_key": "{pki}/other.key"}, "the key does not match the certificate. Give the key that"),
    "expired": ({**FILES, "certificate": "{pki}/expired.crt"}, "expired.crt', which expired at 20"),
    "not-yet": ({**FILES, "certificate": "{pki}/early.crt"}, "early.crt', which is not valid before 20"),
    "other-name": ({**FILES, "certificate": "{pki}/elsewhere.crt"}, "which is for elsewhere.example.org and not for mlflow.example.com"),
    "address-not-in-it": ({**FILES, "name": "", "bind_address": "127.0.0.1"}, "which is for mlflow.example.com and not for 127.0.0.1"),
    "encrypted": ({**FILES, "certificate_key": "{pki}/encrypted.key"}, "encrypted.key', which is encrypted with a passphrase"),
    "gone-on-host": ({**FILES, "certificate": "/nowhere/x.crt", "certificate_on_host": True}, "cannot be read: no such file"),
    "port-taken": ({"port": "{port}"}, "mlflow_object_store_port is {port}, and that port of port-taken is taken by"),
    "inner-port-taken": ({"inner_port": "{port}"}, "mlflow_object_store_inner_port is {port}, and port {port} of inner-port-taken is taken by"),
    "not-its-address": ({"bind_address": "192.0.2.77"}, "mlflow_object_store_bind_address is '192.0.2.77', which not-its-address does not have"),
    "no-room": ({"min_free": "999999GB"}, "mlflow_object_store_min_free is 999999GB, and the disk of mlflow_object_store_dir, '/srv/no-store', has"),
    "dir-is-file": ({"dir": "/var/lib/dpkg/status"}, "which is no folder"),
}
ACCEPTED = {
    "plain": {},
    "store-with-copy": {"case_hosts": ["store-with-copy", "far"]},
    "copy": {"case_hosts": ["like", "copy"], "copy_keep_days": 0},
    "url": {"source": "https://mirror.example.com/weed.tar.gz", "checksum": ZEROS},
    "names": {"name": "Store-1.example.com", "bucket": "ml.flow-2"},
    "address": {"name": "", "bind_address": "0.0.0.0"},
    "ports-as-text": {"port": "9000", "inner_port": "9001"},
    "no-limit": {"memory_limit": "", "min_free": "20GB", "volume_size": "20GB"},
    "plain-http": {"tls": "none"},
    "files": FILES,
    "on-host": {**FILES, "certificate": "/etc/ssl/my cert.pem", "certificate_on_host": "yes"},
    "odd-keys": {"access_key": "a.b_c-d1", "secret_key": "ab/cd+ef=gh-ij.kl"},
}


def named(given):
    return {name if name.startswith(("mlflow_", "case_")) else f"mlflow_object_store_{name}": value for name, value in given.items()}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Where each case ended: (task, message, the port that is taken)."""
    folder = tmp_path_factory.mktemp("store-input")
    with Authority(folder / "pki") as pki:
        (pki.folder / "weed.whl").write_bytes(b"no program")
        yield run(folder, pki)


def run(folder, pki):
    refused, on_host = ({name: (named(given), says) for name, (given, says) in group.items()} for group in (INPUT, HOST))
    accepted = {name: named(given) for name, given in ACCEPTED.items()}
    places = {"{pki}": pki.folder, "{port}": pki.port}
    extra = {"__mlflow_object_store_hosts": "{{ case_hosts | default([inventory_hostname]) }}"}
    found, output = ends_of_cases("mlflow_object_store", folder, GOOD, refused, on_host, accepted, places, extra, {"far": {}, "like": GOOD})
    assert "PRIVATE KEY" not in output and SECRET not in output
    return {name: (*end, pki.port) for name, end in found.items()}


@pytest.mark.parametrize("name", INPUT)
def test_refused_before_the_host_is_asked(ended, name):
    task, told, _port = ended[name]
    assert "Refuse" in task, f"{task}: {told}"
    assert INPUT[name][1] in " ".join(told.split()) and "hush" not in told
    assert len(told.strip().splitlines()) == (2 if name == "misspelt" else 1), told


@pytest.mark.parametrize("name", HOST)
def test_refused_before_the_host_is_changed(ended, name):
    task, told, port = ended[name]
    assert "Refuse a host that cannot carry the store" in task, f"{task}: {told}"
    assert HOST[name][1].replace("{port}", str(port)) in " ".join(told.split())


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(ended, name):
    assert "Learn the names of the host" in ended[name][0], ended[name][1]


def test_every_rule_has_a_case(tree):
    assert len(tree.yaml("roles/mlflow_object_store/vars/main/input_rules.yml")["__mlflow_object_store_input_rules"]) < len(INPUT)
