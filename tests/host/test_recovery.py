"""A server that people depend on is back by itself, and what it acknowledged is there."""

from __future__ import annotations

import threading

import pytest
from conftest import wait_for
from extent import FULL, full_only
from mlflow import MlflowClient

testinfra_hosts = [f"ansible://{'mlflow_servers' if FULL else 'mlflow-faults-debian13'}"]


class Writer(threading.Thread):
    """Logs metric after metric until told to stop, and remembers which ones the server acknowledged."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.client, self.acknowledged, self.done = MlflowClient(url), [], threading.Event()
        experiment = self.client.get_experiment_by_name("recovery")
        experiment_id = experiment.experiment_id if experiment else self.client.create_experiment("recovery")
        self.run_id = self.client.create_run(experiment_id).info.run_id

    def run(self):
        step = 0
        while not self.done.is_set():
            try:
                self.client.log_metric(self.run_id, "step", float(step), step=step)
                self.acknowledged.append(step)
            except Exception:  # whatever the client makes of a server that is gone
                self.done.wait(0.2)
            step += 1


@pytest.fixture
def writer(server):
    server.wait(300)
    writer = Writer(server.url)
    writer.start()
    wait_for(lambda: len(writer.acknowledged) > 20, "twenty writes are acknowledged", 300)
    yield writer
    writer.done.set()
    # The client may still try again for minutes.
    writer.join(timeout=5)


def pid_of(host, server, which):
    if which == "client":
        return host.check_output(f"systemctl show -P MainPID {server.service}")
    if which == "main process":
        return host.check_output(f"docker inspect -f '{{{{.State.Pid}}}}' {server.service}")
    if which == "worker":
        return host.check_output(f"docker top {server.service} -o pid").splitlines()[-1].strip()
    return host.check_output("systemctl show -P MainPID docker")


@pytest.mark.parametrize("victim", ["worker", "dockerd", *(["main process", "client"] if FULL else [])])
def test_killed(server, host, writer, victim):
    before, client = len(writer.acknowledged), pid_of(host, server, "client")
    host.check_output("kill -9 %s", pid_of(host, server, victim))
    # Without its client, or the daemon, the container may go on for a while until systemd has replaced it.
    if victim != "worker":
        wait_for(lambda: pid_of(host, server, "client") not in (client, "0"), "the container has a new client", 300)
        before = len(writer.acknowledged)
    wait_for(lambda: len(writer.acknowledged) > before + 20, f"writes go on after kill -9 of the {victim}", 300)
    wait_for(lambda: host.service(server.service).is_running and server.healthy(), "the unit is active again", 300)
    writer.done.set()
    writer.join(timeout=60)
    kept = {metric.step for metric in server.client().get_metric_history(writer.run_id, "step")}
    assert set(writer.acknowledged) <= kept


@full_only
def test_the_container_is_removed_by_hand(server, host, writer):
    before = len(writer.acknowledged)
    host.check_output(f"docker rm -f {server.service}")
    wait_for(lambda: len(writer.acknowledged) > before + 20, "writes go on after docker rm -f", 300)


def test_the_host_reboots_and_gets_another_address(server, host, writer):
    """systemd goes down in order and comes up again; the machine around it is the container that stands for it."""
    import docker

    machine = docker.from_env().containers.get(host.backend.get_hostname())
    before, others = server.address, []
    machine.stop(timeout=60)
    writer.done.set()
    try:
        # Other machines take the addresses that are free now, the one of this machine among them.
        while before not in [other.attrs["NetworkSettings"]["IPAddress"] for other in others] and len(others) < 10:
            others.append(machine.client.containers.run(machine.image, ["sleep", "infinity"], detach=True))
            others[-1].reload()
        machine.start()
    finally:
        for other in others:
            other.remove(force=True)
    wait_for(lambda: host.run("systemctl is-system-running").stdout.strip() == "running", "the host has booted", 300)
    server.locate()
    assert server.address != before
    server.wait(300)
    kept = {metric.step for metric in server.client().get_metric_history(writer.run_id, "step")}
    assert writer.acknowledged and set(writer.acknowledged) <= kept


def test_a_start_that_cannot_succeed_fails_with_the_reason(server, host):
    """`systemctl start` must not return as if all were well. The database is locked away for the time of the test."""
    host.check_output(f"systemctl stop {server.service} && chmod 0000 {server.root}/mlflow.db")
    try:
        answer = host.run(f"systemctl start {server.service}")
        assert answer.rc != 0
        assert "unable to open database file" in server.journal(200)
    finally:
        host.check_output(f"chmod 0644 {server.root}/mlflow.db; systemctl reset-failed {server.service}; systemctl start {server.service}")
    assert server.healthy()
