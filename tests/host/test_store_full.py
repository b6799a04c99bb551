"""An object store whose disk is full. The last of its scenario: the room of what is removed comes back after minutes."""

from __future__ import annotations

from proxying import Transfer

testinfra_hosts = ["ansible://mlflow_proxies"]
MEGABYTES = 100


def test_a_full_store_is_told_to_the_client_and_loses_nothing(proxy, client, site):
    # The test before had the store make itself a new certificate, which the servers take with their next run.
    assert site.run("mlflow_servers").status == 0
    acknowledged, status = [], 200
    while status == 200 and len(acknowledged) < 20:
        transfer = Transfer(proxy, MEGABYTES, f"full-{len(acknowledged)}")
        status = transfer.put()
        acknowledged += [transfer] if status == 200 else []
    assert status == 500 and len(acknowledged) >= 5, (status, len(acknowledged))
    # What was acknowledged is whole, and the server goes on with all that needs no room.
    assert all(transfer.down() == transfer.digest for transfer in (acknowledged[0], acknowledged[-1]))
    run = client.create_run("0").info.run_id
    client.log_metric(run, "m", 1.0)
    assert client.get_run(run).data.metrics == {"m": 1.0}
