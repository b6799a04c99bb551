"""A second proxy, and an address that one of the two holds: what clients see while it moves."""

from __future__ import annotations

import copy
import ipaddress
import socket
import subprocess
import time

import pytest
from cluster_load import PROXY, SPARE, Load
from conftest import wait_for
from extent import full_only
from provisioning import host_of

pytestmark = full_only
testinfra_hosts = ["ansible://mlflow_proxies"]

PROXIES = {"mlflow_proxies": {SPARE: {}}, "mlflow_firewalls": {SPARE: {}}}
# Neither in nor out, as without its cable; this machine's way into it is another.
CUT = """add table inet cut
add chain inet cut incoming { type filter hook input priority -300; policy drop; }
add chain inet cut outgoing { type filter hook output priority -300; policy drop; }
add rule inet cut incoming iif lo accept
add rule inet cut outgoing oif lo accept"""


@pytest.fixture(scope="module")
def grown(proxy, site, tmp_path_factory):
    """The site with two proxies and one certificate, and the run that made it. As a proxy: the address that floats."""
    pki = tmp_path_factory.mktemp("pki")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=mlflow",
                    "-addext", f"subjectAltName=DNS:{proxy.name}", "-keyout", pki / "tls.key", "-out", pki / "tls.crt"], check=True, capture_output=True)
    own = host_of(PROXY).check_output("ip -4 -o address show dev eth0").split()[3]
    floating = copy.copy(proxy)
    floating.address, floating.ca = str(ipaddress.ip_interface(own).network.broadcast_address - 55), pki / "tls.crt"
    floating.variables = {"mlflow_proxy_tls": "files", "mlflow_proxy_certificate": str(pki / "tls.crt"), "mlflow_proxy_certificate_key": str(pki / "tls.key"),
                          "mlflow_proxy_ca_copy": "", "mlflow_proxy_floating_address": floating.address}
    floating.outcome = site.run("all", groups=PROXIES, variables=floating.variables)
    return floating


def holders(floating):
    """Who has the address right now."""
    return [name for name in (PROXY, SPARE) if f" {floating.address}/32 " in host_of(name).check_output("ip -4 -o address show dev eth0")]


def other_than(name):
    return SPARE if name == PROXY else PROXY


def test_a_second_proxy_joins_and_one_of_them_holds_the_address(grown, site):
    assert grown.outcome.status == 0, grown.outcome.output[-3000:]
    assert holders(grown) == [PROXY]
    assert grown.get("/health").status == 200
    again = site.run("mlflow_proxies", groups=PROXIES, variables=grown.variables)
    assert (again.status, again.changed) == (0, {}), again.output[-3000:]
    foretold = site.run("mlflow_proxies", groups=PROXIES, variables=grown.variables, check=True)
    assert (foretold.status, foretold.changed) == (0, {}), foretold.output[-3000:]


def answers(floating):
    """Whether somebody who comes now is served."""
    try:
        with socket.create_connection((floating.address, 443), timeout=3) as raw, floating.context().wrap_socket(raw, server_hostname=floating.name) as line:
            line.sendall(f"GET /health HTTP/1.1\r\nHost: {floating.name}\r\nConnection: close\r\n\r\n".encode())
            return line.recv(15) == b"HTTP/1.1 200 OK"
    except OSError:
        return False


def test_a_proxy_that_stops_gives_it_away_and_does_not_take_it_back(grown, client):
    before = holders(grown)[0]
    with Load(grown) as load:
        began = time.monotonic()
        host_of(before).check_output("systemctl stop mlflow-proxy")
        wait_for(lambda: holders(grown) == [other_than(before)], "the address moves", 15)
        print(f"{time.monotonic() - began:.1f} s until the address had moved, {len(load.failed)} requests failed")
        host_of(before).check_output("systemctl start mlflow-proxy")
        load.more(200)
    assert load.user.failed == [] and load.lost(client) == {}
    assert holders(grown) == [other_than(before)]


@pytest.mark.parametrize(("stop", "back"), [("systemctl kill -s STOP mlflow-proxy", "systemctl kill -s CONT mlflow-proxy"),
                                            (f"printf %s '{CUT}' | nft -f -", "nft delete table inet cut")], ids=["hangs", "cut-off"])
def test_a_proxy_that_is_lost_is_replaced_and_one_of_them_holds_it_afterwards(grown, stop, back):
    """What it has in hand waits for the time-outs of its clients; who comes then is served."""
    before = holders(grown)[0]
    host_of(before).check_output(stop)
    try:
        wait_for(lambda: other_than(before) in holders(grown), "the other takes the address", 15)
        wait_for(lambda: answers(grown), "the other serves", 15)
    finally:
        host_of(before).check_output(back)
    wait_for(lambda: len(holders(grown)) == 1 and answers(grown), "one of them holds the address and serves", 15)


def test_an_address_that_is_wanted_no_more_goes(grown, site):
    variables = {**grown.variables, "mlflow_proxy_floating_address": ""}
    outcome = site.run("mlflow_proxies", groups=PROXIES, variables=variables)
    assert outcome.status == 0, outcome.output[-3000:]
    assert holders(grown) == []
    assert {host_of(name).run("systemctl is-active mlflow-proxy-address").stdout.strip() for name in (PROXY, SPARE)} == {"inactive"}
