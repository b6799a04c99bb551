"""The copy of the object store: it has what the store has, catches up after either was away, and is not made the store while it is a copy of nothing."""

from __future__ import annotations

import hashlib
import io
import json

import pytest
from conftest import wait_for
from doors import fetched
from provisioning import host_of
from replicas import FIRST, SECOND, turned

testinfra_hosts = ["ansible://mlflow_servers"]
STORE, COPY = "mlflow-object-store", "mlflow-object-store-copy"
PIECE = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Clients of both stores, with MLflow's key and the certificate of each."""
    import boto3
    from botocore.config import Config

    found = []
    for name in (FIRST, SECOND):
        host = host_of(name)
        address = host.check_output("ip -4 -o address show dev eth0").split()[3].partition("/")[0]
        found.append(boto3.client(
            "s3", endpoint_url=f"https://{address}:8333", verify=str(fetched(host, "/etc/mlflow-object-store/ca.crt", tmp_path_factory.mktemp("store"))),
            region_name="us-east-1", aws_access_key_id="mlflow-servers", aws_secret_access_key="store-secret-7d4-store-secret",
            config=Config(retries={"mode": "standard", "max_attempts": 10})))
    return found


def objects(client):
    return {entry["Key"]: entry["Size"] for entry in client.list_objects_v2(Bucket="mlflow").get("Contents", [])}


def wait_until_alike(stores):
    wait_for(lambda: objects(stores[0]) == objects(stores[1]), "the copy has what the store has")


def digest(client, key):
    return hashlib.sha256(client.get_object(Bucket="mlflow", Key=key)["Body"].read()).hexdigest()


def test_artifacts_are_copied_and_what_is_removed_goes(server, stores):
    client = server.client()
    run = client.create_run("0").info.run_id
    client.log_text(run, "copied", "a b/ü+1.txt")
    wait_until_alike(stores)
    key = f"artifacts/0/{run}/artifacts/a b/ü+1.txt"
    assert stores[1].get_object(Bucket="mlflow", Key=key)["Body"].read() == b"copied"
    stores[0].put_object(Bucket="mlflow", Key="t/again", Body=b"one")
    wait_until_alike(stores)
    stores[0].put_object(Bucket="mlflow", Key="t/again", Body=b"two")
    wait_for(lambda: stores[1].get_object(Bucket="mlflow", Key="t/again")["Body"].read() == b"two", "what was written anew is copied")
    stores[0].delete_object(Bucket="mlflow", Key="t/again")
    wait_until_alike(stores)
    assert "t/again" not in objects(stores[1])


def test_what_changed_while_one_was_away_is_made_up_for(stores):
    """An object that came in parts, as large ones do, and one of nothing."""
    host_of(SECOND).check_output(f"systemctl stop {COPY} {STORE}")
    stores[0].upload_fileobj(io.BytesIO(PIECE * 30), "mlflow", "t/large")
    stores[0].put_object(Bucket="mlflow", Key="t/empty", Body=b"")
    host_of(FIRST).check_output(f"systemctl kill -s KILL {STORE}")
    host_of(SECOND).check_output(f"systemctl start {STORE} {COPY}")
    wait_for(lambda: "t/large" in objects(stores[0]), "the store is back")
    wait_until_alike(stores)
    assert digest(stores[1], "t/large") == digest(stores[0], "t/large") == hashlib.sha256(PIECE * 30).hexdigest()
    before = host_of(SECOND).check_output(f"journalctl -u {COPY} -o cat | grep -c ' copied, '")
    SEEN.clear()
    wait_for(lambda: rounds(3), "it has looked again")
    assert host_of(SECOND).check_output(f"journalctl -u {COPY} -o cat | grep -c ' copied, '") == before, "it copies what it has"


def rounds(count):
    """Whether so many rounds have begun since SEEN was cleared, and all but the last of them ended."""
    SEEN.add(json.loads(host_of(SECOND).run("cat /run/mlflow-object-store-copy/status").stdout or "{}").get("began"))
    return len(SEEN - {None}) > count


SEEN = set()


def test_nothing_is_removed_from_the_copy_while_the_store_shows_nothing(stores):
    names = set(objects(stores[0]))
    host_of(SECOND).check_output(f"systemctl stop {COPY}")
    kept = {name: stores[0].get_object(Bucket="mlflow", Key=name)["Body"].read() for name in names}
    for name in names:
        stores[0].delete_object(Bucket="mlflow", Key=name)
    host_of(SECOND).check_output(f"systemctl start {COPY}")
    SEEN.clear()
    wait_for(lambda: rounds(3), "it has looked several times")
    assert set(objects(stores[1])) == names
    for name, body in kept.items():
        stores[0].put_object(Bucket="mlflow", Key=name, Body=body)
    wait_until_alike(stores)


def test_a_store_without_objects_is_not_put_in_place_of_one_that_has_them(site, stores):
    """As a new host is that was written first by mistake."""
    host_of(SECOND).check_output(f"systemctl stop {COPY}")
    for name in objects(stores[1]):
        stores[1].delete_object(Bucket="mlflow", Key=name)
    outcome = turned(site, "mlflow_object_stores").run("mlflow_object_stores")
    assert f"which serves, and holds no object, and {FIRST} holds some. Write that host first" in outcome.message(SECOND), outcome.output[-3000:]
    assert outcome.message(FIRST).startswith(f"{SECOND} was refused") and outcome.changed == {}
    outcome = site.run("mlflow_object_stores")
    assert outcome.status == 0 and FIRST not in outcome.changed, outcome.output[-3000:]
    wait_until_alike(stores)


def test_the_units_of_the_copy_see_little_of_its_host_and_its_keys_are_for_root():
    told = host_of(SECOND).check_output(f"systemd-analyze security {COPY} --no-pager | tail -n 1")
    assert float(told.split(":", 1)[1].split()[0]) <= 3.0, told
    assert host_of(SECOND).file("/run/mlflow-object-store-copy/keys").mode == 0o400
    assert not host_of(FIRST).file(f"/etc/systemd/system/{COPY}.service").exists
