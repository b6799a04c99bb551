"""The S3 store: what a server of MLflow on another machine can do there, what nobody can, and that nothing that was acknowledged is lost."""

from __future__ import annotations

import hashlib
import io
import socket
import ssl
import types

import pytest
from conftest import wait_for
from doors import fetched
from proxying import site_run

testinfra_hosts = ["ansible://mlflow_object_stores"]
UNIT, MEGABYTES = "mlflow-object-store", 300
PIECE = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def store(host, tmp_path_factory):
    import boto3
    from botocore.config import Config

    known = host.ansible.get_variables()
    address = host.ansible("setup", "gather_subset=!all,network")["ansible_facts"]["ansible_default_ipv4"]["address"]
    about = types.SimpleNamespace(host=host, address=address, bucket=known.get("mlflow_object_store_bucket", "mlflow"),
                                  keys=("mlflow-servers", known["vault_mlflow_object_store_secret_key"]),
                                  ca=fetched(host, "/etc/mlflow-object-store/ca.crt", tmp_path_factory.mktemp("store")))
    about.client = lambda keys=about.keys: boto3.client(
        "s3", endpoint_url=f"https://{address}:8333", verify=str(about.ca), region_name="us-east-1", aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1], config=Config(retries={"mode": "standard", "max_attempts": 10}))
    return about


def refused(call, *codes):
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as refusal:
        call()
    assert refusal.value.response["Error"]["Code"] in codes


def test_objects_go_up_and_down(store):
    client, bucket = store.client(), store.bucket
    client.put_object(Bucket=bucket, Key="t/a b.txt", Body=b"hello")
    client.put_object_tagging(Bucket=bucket, Key="t/a b.txt", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    assert client.get_object(Bucket=bucket, Key="t/a b.txt")["Body"].read() == b"hello"
    assert [one["Key"] for one in client.list_objects_v2(Bucket=bucket, Prefix="t/")["Contents"]] == ["t/a b.txt"]
    client.delete_object(Bucket=bucket, Key="t/a b.txt")
    assert client.list_objects_v2(Bucket=bucket, Prefix="t/")["KeyCount"] == 0


def test_a_large_object_goes_up_in_parts(store):
    client, whole = store.client(), hashlib.sha256()
    client.upload_fileobj(io.BytesIO(PIECE * MEGABYTES), store.bucket, "t/large")
    for piece in client.get_object(Bucket=store.bucket, Key="t/large")["Body"].iter_chunks(1 << 20):
        whole.update(piece)
    client.delete_object(Bucket=store.bucket, Key="t/large")
    assert whole.hexdigest() == hashlib.sha256(PIECE * MEGABYTES).hexdigest()


def test_the_key_is_for_this_bucket_alone(store):
    client = store.client()
    refused(lambda: client.create_bucket(Bucket="another"), "AccessDenied")
    refused(lambda: client.list_objects_v2(Bucket="another"), "AccessDenied")
    refused(lambda: client.delete_bucket(Bucket=store.bucket), "AccessDenied")
    refused(lambda: client.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Enabled"}), "AccessDenied")
    refused(lambda: store.client((store.keys[0], "not-the-secret-key")).list_objects_v2(Bucket=store.bucket), "SignatureDoesNotMatch")


def test_the_certificate_and_nothing_else_verifies_it(store):
    with socket.create_connection((store.address, 8333), timeout=10) as raw, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(raw, server_hostname=store.address)


def test_nothing_else_serves_other_machines(store):
    """The one more port that is open wants a certificate that only the store has."""
    listening = store.host.check_output("ss -Hltnp | grep weed | awk '{print $4}'").split()
    assert {entry for entry in listening if not entry.startswith("127.0.0.1:")} == {f"{store.address}:8333", f"{store.address}:8346"}
    code = (f"import socket, ssl; c = ssl._create_unverified_context(); c.set_alpn_protocols(['h2']); "
            f"c.wrap_socket(socket.create_connection(('{store.address}', 8346), 10)).recv(1)")
    assert "ssl.SSLError" in store.host.run("python3 -c %s", code).stderr


def test_other_users_of_the_host_get_nothing(store):
    told = store.host.run("setpriv --reuid=nobody --clear-groups cat /run/mlflow-object-store/s3.json /etc/mlflow-object-store/mlflow.keys")
    assert not told.stdout
    for port in (8340, 8344):
        code = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/dir/assign', timeout=5).status)"
        assert "HTTP Error 404" in store.host.run("python3 -c %s", code).stderr


def test_nothing_acknowledged_is_lost_when_it_is_killed(store):
    client, process = store.client(), store.host.check_output(f"systemctl show {UNIT} -p MainPID --value")
    for number in range(20):
        client.put_object(Bucket=store.bucket, Key=f"t/kill-{number}", Body=str(number).encode() * 1000)
    store.host.check_output("kill -9 %s", process)
    wait_for(lambda: store.host.check_output(f"systemctl show {UNIT} -p MainPID --value") not in ("0", process), "the store is started again")
    for number in range(20):
        assert client.get_object(Bucket=store.bucket, Key=f"t/kill-{number}")["Body"].read() == str(number).encode() * 1000
        client.delete_object(Bucket=store.bucket, Key=f"t/kill-{number}")


def test_the_keys_are_in_no_unit_list_or_journal(store):
    shown = store.host.check_output(f"systemctl cat {UNIT}; ps axww -o args; journalctl -u {UNIT} --no-pager; cat /etc/mlflow-object-store/server.conf")
    assert store.keys[1] not in shown
    assert store.host.file("/etc/mlflow-object-store/mlflow.keys").mode == 0o600


def test_the_unit_is_hardened(store):
    told = store.host.check_output(f"systemd-analyze security {UNIT} --no-pager | tail -n 1")
    assert float(told.split(":", 1)[1].split()[0]) <= 3.0, told


def test_a_bucket_of_another_owner_is_refused(store):
    admin = store.client(store.host.check_output("cat /run/mlflow-object-store/admin.keys").split())
    admin.create_bucket(Bucket="somebody-elses")
    admin.put_object(Bucket="somebody-elses", Key="x", Body=b"1")
    done = site_run(store, {"mlflow_object_store_bucket": "somebody-elses"})
    assert done.returncode != 0 and "holds objects and was not made by this role" in " ".join((done.stdout + done.stderr).split())
    assert store.client().list_objects_v2(Bucket=store.bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    admin.delete_object(Bucket="somebody-elses", Key="x")


def test_a_run_that_was_cut_off_is_mended(store):
    store.host.check_output("echo 'volume.preStopSeconds=9' >> /etc/mlflow-object-store/server.conf; rm /etc/mlflow-object-store/ca.key")
    store.host.check_output(f"systemctl stop {UNIT}")
    assert site_run(store, {}).returncode == 0
    assert store.host.service(UNIT).is_running
    done = site_run(store, {})
    assert done.returncode == 0 and " changed=0 " in done.stdout, done.stdout
