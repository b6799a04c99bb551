"""A host that lets in nothing but what it is there for, and stays that way."""

from __future__ import annotations

import pytest
from conftest import wait_for
from doors import open_ports
from proxying import site_run

PORT = 9999


@pytest.fixture
def listener(host):
    """Something else on the host, which listens on every address."""
    host.check_output(f"systemd-run --quiet --collect --unit listener python3 -m http.server {PORT}")
    wait_for(lambda: host.run(f"python3 -c \"import socket; socket.create_connection(('127.0.0.1', {PORT}))\"").rc == 0, "the listener listens")
    yield
    host.check_output("systemctl stop listener")


def test_only_the_proxy_and_ssh_are_reached_and_a_run_mends_it(proxy, listener):
    assert open_ports(proxy.address, [443, 80, PORT, 5001]) == {443, 80}
    proxy.host.check_output("nft flush ruleset")
    assert open_ports(proxy.address, [443, PORT]) == {443, PORT}
    done = site_run(proxy, {})
    assert done.returncode == 0 and " changed=0 " not in done.stdout, done.stdout[-3000:]
    assert open_ports(proxy.address, [443, 80, PORT, 5001]) == {443, 80}
    assert proxy.host.run("systemctl is-active mlflow-firewall-undo.timer").stdout.strip() == "inactive"


def test_it_is_there_before_the_network_and_comes_back_with_the_distributions_own(proxy, listener):
    unit = proxy.host.check_output("systemctl show mlflow-firewall -p Before,UnitFileState")
    assert "network-pre.target" in unit and "UnitFileState=enabled" in unit
    for verb in ("start", "reload", "restart", "stop"):
        proxy.host.check_output(f"systemctl {verb} nftables")
        assert open_ports(proxy.address, [443, PORT]) == {443}, verb


def test_stopping_the_unit_takes_the_table_away(proxy, listener):
    """As the host itself does, after 90 s, where a run does not get in any more."""
    assert proxy.host.check_output("systemctl show mlflow-firewall -p ExecStop --value").count("delete table") == 1
    proxy.host.check_output("systemctl stop mlflow-firewall")
    assert open_ports(proxy.address, [443, PORT]) == {443, PORT}
    proxy.host.check_output("systemctl start mlflow-firewall")
    assert open_ports(proxy.address, [443, PORT]) == {443}


@pytest.mark.parametrize("unit", ["mlflow", "mlflow-watchdog", "mlflow-maintenance", "mlflow-proxy", "mlflow-firewall"])
def test_the_units_see_little_of_the_host(proxy, unit):
    assert proxy.host.check_output("systemctl is-enabled mlflow-firewall") == "enabled"
    told = proxy.host.check_output("systemd-analyze security %s --no-pager | tail -n 1", unit)
    assert float(told.split(":", 1)[1].split()[0]) <= 3.0, told


def test_the_strict_profile_limits_memory_and_closes_the_artifacts(server):
    assert server.inspect(".HostConfig.Memory") > 0
    assert server.host.file("/mlflow/artifacts").mode == 0o750


def test_maintenance_does_its_work_under_the_strict_profile(server):
    server.host.check_output("systemctl start mlflow-maintenance")
    assert "ANALYZE" in server.host.check_output("journalctl -u mlflow-maintenance -n 20 -o cat --no-pager")
