"""An object store whose disk is full. The last of its scenario: the room of what is removed comes back after minutes."""

from __future__ import annotations

import hashlib

from proxying import PIECE

testinfra_hosts = ["ansible://mlflow_proxies"]
MEGABYTES = 100


def put(proxy, name, megabytes):
    connection = proxy.connect()
    headers = {**proxy.headers(proxy.admin), "Content-Length": str(len(PIECE) * megabytes)}
    connection.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/full/{name}", body=(PIECE for _piece in range(megabytes)), headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def digest(proxy, name):
    answer, found = proxy.get(f"/api/2.0/mlflow-artifacts/artifacts/full/{name}", user=proxy.admin), hashlib.sha256()
    assert answer.status == 200
    while chunk := answer.read(1 << 20):
        found.update(chunk)
    return found.hexdigest()


def test_a_full_store_is_told_to_the_client_and_loses_nothing(proxy, client, site):
    # The test before had the store make itself a new certificate, which the servers take with their next run.
    assert site.run("mlflow_servers").status == 0
    whole = hashlib.sha256(PIECE * MEGABYTES).hexdigest()
    acknowledged, status, text = [], 200, b""
    for number in range(20):
        status, text = put(proxy, number, MEGABYTES)
        if status != 200:
            break
        acknowledged.append(number)
    assert status == 500 and len(acknowledged) >= 5, (status, text[:300], acknowledged)
    # What was acknowledged is whole, and the server goes on with all that needs no room.
    assert {number: digest(proxy, number) for number in (acknowledged[0], acknowledged[-1])} == {acknowledged[0]: whole, acknowledged[-1]: whole}
    run = client.create_run("0").info.run_id
    client.log_metric(run, "m", 1.0)
    assert client.get_run(run).data.metrics == {"m": 1.0}
