"""A disk that fills up on the way: it is told with the way out, what was acknowledged is kept, and room is all that it takes to go on."""

from __future__ import annotations

import pytest
import requests
from conftest import answers, wait_for
from extent import full_only
from provisioning import BUILD, address_of, host_of

SERVER, BARE = "mlflow-faults-debian13", "mlflow-faults-bare"
SMALL = {"mlflow_service_name": "mlflow-small", "mlflow_root": "/srv/small", "mlflow_port": 5009, "mlflow_workers": 1}
REMOVE_SMALL = """
systemctl disable --now mlflow-small.service mlflow-small-maintenance.timer
rm -rf /etc/systemd/system/mlflow-small* /etc/mlflow-small /etc/ansible/facts.d/mlflow-small.fact
systemctl daemon-reload
umount /srv/small && rmdir /srv/small
"""
# Room for the base image and not for what is built on it; the rule that foresees this is told that there is enough.
SMALL_ENGINE = "systemctl stop mlflow docker.socket docker && mount -t tmpfs -o size=350m none /var/lib/docker && systemctl start docker"
LARGE_ENGINE = """
systemctl stop docker.socket docker
while findmnt --noheadings --types tmpfs /var/lib/docker; do umount --recursive /var/lib/docker; done
systemctl start docker mlflow
"""


@pytest.fixture
def small(site):
    """The API of a second server, whose tree is a disk of its own with little room."""
    host = host_of(SERVER)
    host.check_output("mkdir -p /srv/small && mount -t tmpfs -o size=150m none /srv/small")
    try:
        outcome = site.run(SERVER, variables=SMALL)
        assert outcome.status == 0, outcome.output[-3000:]
        yield f"http://{address_of(SERVER)}:5009/api/2.0/mlflow"
    finally:
        host.run(REMOVE_SMALL)


class Writer:
    """Logs one metric, step by step, and remembers which steps were acknowledged."""

    def __init__(self, api):
        self.api, self.step, self.acknowledged = api, 0, []
        body = {"experiment_id": "0", "start_time": 0}
        self.run = requests.post(f"{api}/runs/create", json=body, timeout=30).json()["run"]["info"]["run_id"]

    def write(self):
        """Log the next step; True where the server acknowledged it."""
        self.step += 1
        metric = {"run_id": self.run, "key": "loss", "value": self.step, "timestamp": self.step, "step": self.step}
        ok = requests.post(f"{self.api}/runs/log-metric", json=metric, timeout=60).status_code == 200
        if ok:
            self.acknowledged.append(self.step)
        return ok

    def kept(self):
        query = {"run_id": self.run, "metric_key": "loss", "max_results": 25000}
        found = requests.get(f"{self.api}/metrics/get-history", params=query, timeout=60).json()["metrics"]
        return {int(metric["step"]) for metric in found}


def test_a_full_disk_costs_no_acknowledged_write(small):
    host, writer = host_of(SERVER), Writer(small)
    assert all(writer.write() for _attempt in range(20))
    container = host.check_output("docker container inspect --format '{{.Id}}' mlflow-small")
    host.run("dd if=/dev/zero of=/srv/small/fill bs=64k")
    assert host.check_output("df --output=avail /srv/small | tail -n 1").strip() == "0"
    # The log of SQLite has some room of its own left; then writes are refused, and not forgotten.
    wait_for(lambda: not writer.write(), "a refused write on a full disk")
    refused = writer.step
    host.check_output("rm /srv/small/fill")
    wait_for(writer.write, "a write after the disk has room again")
    assert set(writer.acknowledged) <= writer.kept()
    assert refused not in writer.kept()
    assert host.check_output("docker container inspect --format '{{.Id}}' mlflow-small") == container, "the server was restarted"


@full_only
def test_a_disk_that_fills_during_the_build_is_told(site):
    host = host_of(BARE)
    hosts = {BARE: {"ansible_connection": "community.docker.docker"}}
    host.check_output(SMALL_ENGINE)
    try:
        outcome = site.run(BARE, hosts=hosts, variables={**BUILD, "__mlflow_build_bytes": 1})
        told = outcome.message(BARE)
        assert "No disk space: /var/lib/docker is full. Free some room" in told, outcome.output[-3000:]
    finally:
        host.run(LARGE_ENGINE)
    wait_for(lambda: answers(f"http://{address_of(BARE)}:5001/health"), "the server answers again", 120)
    assert host.run("ls -d /etc/mlflow/image").rc != 0, "the folder of the image phase was left"
