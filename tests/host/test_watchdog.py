"""A server that accepts connections and answers nothing is back within a minute; one that is slow or stopped on purpose is left alone."""

from __future__ import annotations

import subprocess
import time

import pytest
from conftest import wait_for

NAME = "mlflow-diagnose-debian13"
SIGNAL = "kill -{} $(docker top mlflow -o pid | tail -n +2)"
OFF = {"mlflow_watchdog_enabled": False}


def container(host):
    return host.run("docker container inspect --format '{{.Id}}' mlflow").stdout.strip()


def watched(host):
    return host.run("systemctl is-active mlflow-watchdog").stdout.strip() == "active"


@pytest.fixture(autouse=True)
def running(server, host):
    host.check_output("systemctl start mlflow")
    server.wait()
    wait_for(lambda: watched(host), "the watchdog runs")


def test_a_hung_server_is_back_within_a_minute(server, host):
    before = container(host)
    host.check_output(SIGNAL.format("STOP"))
    began = time.monotonic()
    assert not server.healthy()
    wait_for(lambda: container(host) not in (before, "") and server.healthy(), "the server is back", 60)
    print(f"back after {time.monotonic() - began:.0f} s")
    assert "mlflow.service hung: http://127.0.0.1:5001/health was not answered for 20 s" in server.journal(200)
    wait_for(lambda: watched(host), "the watchdog runs again")


def test_a_pause_that_is_shorter_is_left_alone(server, host):
    before = container(host)
    host.check_output(SIGNAL.format("STOP"))
    assert host.run("timeout 12 tail -f /dev/null").rc == 124
    host.check_output(SIGNAL.format("CONT"))
    server.wait()
    assert host.run("timeout 20 tail -f /dev/null").rc == 124
    assert container(host) == before and watched(host)


def test_a_host_that_was_paused_keeps_its_server(server, host):
    """As a virtual machine is while it is moved. The server is made busy first, so that the watchdog waits for its answer."""
    before = container(host)
    host.check_output(SIGNAL.format("STOP"))
    assert host.run("timeout 8 tail -f /dev/null").rc == 124
    subprocess.run(["docker", "pause", NAME], check=True)
    try:
        subprocess.run(["timeout", "25", "tail", "-f", "/dev/null"], check=False)
    finally:
        subprocess.run(["docker", "unpause", NAME], check=True)
    # A host that was paused has more to do at first than to answer.
    assert host.run("timeout 8 tail -f /dev/null").rc == 124
    host.check_output(SIGNAL.format("CONT"))
    server.wait()
    assert host.run("timeout 20 tail -f /dev/null").rc == 124
    assert container(host) == before and watched(host)


def test_a_server_that_is_stopped_stays_stopped(host):
    host.check_output("systemctl stop mlflow")
    assert not watched(host)
    # Longer than the watchdog and systemd wait before they start something again.
    assert host.run("timeout 15 tail -f /dev/null").rc == 124
    assert host.run("systemctl is-active mlflow mlflow-watchdog").stdout.split() == ["inactive", "inactive"]
    assert container(host) == ""


def test_a_watchdog_that_somebody_stopped_is_started_by_the_next_run(host, site):
    before = container(host)
    host.check_output("systemctl stop mlflow-watchdog")
    foretold, outcome = site.run(NAME, check=True), site.run(NAME)
    assert outcome.status == 0, outcome.output[-3000:]
    assert foretold.phases(NAME) == outcome.phases(NAME) == {"mlflow : service"}
    assert watched(host) and container(host) == before


def test_without_it_nothing_of_it_is_left(host, site):
    foretold, outcome = site.run(NAME, variables=OFF, check=True), site.run(NAME, variables=OFF)
    assert outcome.status == 0, outcome.output[-3000:]
    assert foretold.phases(NAME) == outcome.phases(NAME) == {"mlflow : service", "mlflow : watchdog"}
    assert host.run("pgrep -f '[w]atchdog.py'").rc == 1
    assert host.run("ls /etc/mlflow/watchdog.py /etc/systemd/system/mlflow-watchdog.service").stdout == ""
    quiet = site.run(NAME, variables=OFF)
    assert (quiet.status, quiet.changed) == (0, {}), quiet.output[-3000:]
    back = site.run(NAME)
    assert back.status == 0 and watched(host), back.output[-3000:]
