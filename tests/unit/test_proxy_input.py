"""Bad input of role mlflow_proxy is refused before anything on the host changes, with variable, value and fix, and no key in it."""

from __future__ import annotations

import socket

import pytest
from proxy_certificates import Authority
from refusals import ends_of_cases

GOOD = {"mlflow_proxy_name": "mlflow.example.com"}
FILES = {"mlflow_proxy_tls": "files", "mlflow_proxy_certificate": "{pki}/good.crt", "mlflow_proxy_certificate_key": "{pki}/good.key"}
TWO = {"case_servers": ["far", "further"], "case_proxies": ["far"]}
# What is set beside GOOD, and what the message must hold. Refused without asking the host, which has no Python.
INPUT = {
    "no-server": ({"case_servers": []}, "group mlflow_servers has no host. Put a tracking server into it"),
    "two-on-sqlite": (TWO, "has far, further, and mlflow_backend_store_uri is SQLite"),
    "two-prefixes": ({"case_servers": ["plain-pg", "prefixed"]}, "mlflow_static_prefix is [\"\", \"/ml\"] on different servers"),
    "server-on-loopback": ({"case_servers": ["inward"]}, "mlflow_bind_address is 127.0.0.1 on a server that is not server-on-loopback"),
    "no-name": ({"mlflow_proxy_name": ""}, "mlflow_proxy_name is ''. Give the DNS name"),
    "name-is-url": ({"mlflow_proxy_name": "https://mlflow.example.com"}, "mlflow_proxy_name is 'https://mlflow.example.com'"),
    "name-is-address": ({"mlflow_proxy_name": "192.0.2.1"}, "mlflow_proxy_name is '192.0.2.1'"),
    "name-with-port": ({"mlflow_proxy_name": "mlflow.example.com:443"}, "no URL, no port, no address"),
    "names-as-text": ({"mlflow_proxy_extra_names": "a,b"}, "mlflow_proxy_extra_names is 'a,b', which is text and no list"),
    "more-names": ({"mlflow_proxy_extra_names": ["ok.example.com", "no_good"]}, "mlflow_proxy_extra_names is [\"ok.example.com\", \"no_good\"]"),
    "https-port": ({"mlflow_proxy_https_port": 70000}, "mlflow_proxy_https_port is 70000"),
    "http-port": ({"mlflow_proxy_http_port": -1}, "mlflow_proxy_http_port is -1"),
    "one-port": ({"mlflow_proxy_http_port": 443}, "are both 443"),
    "port-of-the-server": ({"mlflow_proxy_https_port": 5001}, "mlflow_port is 5001 on port-of-the-server, which is also a port of the proxy"),
    "two-cas": ({"case_proxies": ["two-cas", "far"]}, "mlflow_proxy_tls is 'internal' and group mlflow_proxies has two-cas, far"),
    "no-key": ({**FILES, "mlflow_proxy_certificate_key": ""}, "mlflow_proxy_tls is 'files' and mlflow_proxy_certificate_key is empty"),
    "files-beside-ca": ({**FILES, "mlflow_proxy_tls": "internal"}, "mlflow_proxy_certificate_key is set. Set mlflow_proxy_tls to 'files'"),
    "not-there": ({**FILES, "mlflow_proxy_certificate": "/nowhere/x.crt"}, "mlflow_proxy_certificate is '/nowhere/x.crt', which is no file on the controller"),
    "relative-on-host": ({**FILES, "mlflow_proxy_certificate": "x.crt", "mlflow_proxy_certificate_on_host": True}, "give absolute paths on the host"),
    "copy-of-no-ca": ({**FILES, "mlflow_proxy_ca_copy": "ca.crt"}, "mlflow_proxy_ca_copy is 'ca.crt' and mlflow_proxy_tls is 'files'"),
    "email": ({"mlflow_proxy_acme_email": "ops"}, "mlflow_proxy_acme_email is 'ops'"),
    "directory": ({"mlflow_proxy_acme_directory": "http://u:hush@acme.example.com"}, "mlflow_proxy_acme_directory is 'http://***@acme.example.com'"),
    "acme-ca": ({"mlflow_proxy_acme_ca_file": "ca.pem"}, "mlflow_proxy_acme_ca_file is 'ca.pem'"),
    "hsts": ({"mlflow_proxy_hsts_seconds": "a year"}, "mlflow_proxy_hsts_seconds is 'a year'"),
    "body": ({"mlflow_proxy_max_body": "20 gigs"}, "mlflow_proxy_max_body is '20 gigs'"),
    "response": ({"mlflow_proxy_response_seconds": 1}, "mlflow_proxy_response_seconds is 1"),
    "wait": ({"mlflow_proxy_wait_seconds": 601}, "mlflow_proxy_wait_seconds is 601"),
    "health": ({"mlflow_proxy_health_seconds": 0}, "mlflow_proxy_health_seconds is 0"),
    "floating": ({"mlflow_proxy_floating_address": "192.0.2.300"}, "mlflow_proxy_floating_address is '192.0.2.300'. Give an IPv4 address"),
    "floating-with-prefix": ({"mlflow_proxy_floating_address": "192.0.2.10/24"}, "without a prefix length"),
    "floating-interface": ({"mlflow_proxy_floating_interface": "eth0; reboot"}, "mlflow_proxy_floating_interface is 'eth0; reboot'"),
    "router": ({"mlflow_proxy_router_id": 256}, "mlflow_proxy_router_id is 256. Give a number from 1 to 255"),
    "floating-apart": ({**FILES, "mlflow_proxy_floating_address": "192.0.2.10", "case_proxies": ["floating-apart", "far"]},
                       "mlflow_proxy_floating_address is [\"192.0.2.10\", \"\"]"),
    "routers-apart": ({**FILES, "mlflow_proxy_router_id": 7, "case_proxies": ["routers-apart", "far"]}, "mlflow_proxy_router_id [7, 51]"),
    "misspelt": ({"mlflow_proxy_nmae": "x"}, "mlflow_proxy_nmae: did you mean mlflow_proxy_name?"),
}
# What only the host, here this machine, can tell.
HOST = {
    "wrong-key": ({**FILES, "mlflow_proxy_certificate_key": "{pki}/other.key"}, "the key does not match the certificate. Give the key that"),
    "wrong-key-on-host": ({**FILES, "mlflow_proxy_certificate_key": "{pki}/other.key", "mlflow_proxy_certificate_on_host": True},
                          "the key does not match the certificate"),
    "expired": ({**FILES, "mlflow_proxy_certificate": "{pki}/expired.crt"}, "expired.crt', which expired at 20"),
    "not-yet": ({**FILES, "mlflow_proxy_certificate": "{pki}/early.crt"}, "early.crt', which is not valid before 20"),
    "other-name": ({**FILES, "mlflow_proxy_certificate": "{pki}/elsewhere.crt"}, "which is for elsewhere.example.org and not for mlflow.example.com"),
    "no-certificate": ({**FILES, "mlflow_proxy_certificate": "{pki}/good.key"}, "good.key', which holds no PEM certificate"),
    "encrypted": ({**FILES, "mlflow_proxy_certificate_key": "{pki}/encrypted.key"}, "encrypted.key', which is encrypted with a passphrase"),
    "no-key-in-it": ({**FILES, "mlflow_proxy_certificate_key": "{pki}/good.crt"}, "good.crt', which holds no PEM private key"),
    "gone-on-host": ({**FILES, "mlflow_proxy_certificate": "/nowhere/x.crt", "mlflow_proxy_certificate_on_host": True}, "cannot be read: no such file"),
    "acme-ca-gone": ({"mlflow_proxy_tls": "acme", "mlflow_proxy_acme_ca_file": "/nowhere/ca.pem"}, "mlflow_proxy_acme_ca_file is '/nowhere/ca.pem'"),
    "floating-own": ({"mlflow_proxy_floating_address": "{own}"}, "mlflow_proxy_floating_address is '{own}', which is the own address of a proxy"),
    "floating-nowhere": ({"mlflow_proxy_floating_address": "192.0.2.10", "mlflow_proxy_floating_interface": "nowhere0"},
                         "mlflow_proxy_floating_interface is 'nowhere0', and floating-nowhere has"),
    "port-taken": ({"mlflow_proxy_https_port": "{port}"}, "mlflow_proxy_https_port is {port}, and that port of port-taken is taken by"),
}
ACCEPTED = {
    "plain": {},
    "names": {"mlflow_proxy_name": "ML.example.com", "mlflow_proxy_extra_names": ["mlflow", "a-b.example.com"]},
    "ports-as-text": {"mlflow_proxy_https_port": "8443", "mlflow_proxy_http_port": "0"},
    "acme": {"mlflow_proxy_tls": "acme", "mlflow_proxy_acme_email": "ops@example.com", "mlflow_proxy_acme_directory": "https://acme.example.com:9000/dir"},
    "files": FILES,
    "on-host": {**FILES, "mlflow_proxy_certificate": "/etc/ssl/my cert.pem", "mlflow_proxy_certificate_on_host": "yes"},
    "floating-well": {"mlflow_proxy_floating_address": "192.0.2.10", "mlflow_proxy_floating_interface": "bond0.12"},
    "limits": {"mlflow_proxy_max_body": "20GB", "mlflow_proxy_hsts_seconds": 0, "mlflow_proxy_wait_seconds": 0},
    "server-elsewhere": {"case_servers": ["far"]},
    "two-on-postgresql": {"case_servers": ["first", "second"], "case_proxies": ["two-on-postgresql"]},
}
POSTGRESQL = {"mlflow_backend_store_uri": "postgresql://db/mlflow"}
OTHERS = {"far": {}, "further": {}, "plain-pg": POSTGRESQL, "prefixed": {**POSTGRESQL, "mlflow_static_prefix": "/ml"}, "first": POSTGRESQL,
          "second": POSTGRESQL, "inward": {"mlflow_bind_address": "127.0.0.1"}}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Where each case ended: (task, message)."""
    folder = tmp_path_factory.mktemp("proxy-input")
    with Authority(folder / "pki") as pki:
        yield run(folder, pki)


def own_address():
    """Of this machine, to the outside; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.connect(("192.0.2.1", 9))
        return line.getsockname()[0]


def run(folder, pki):
    extra = {"__mlflow_proxy_hosts": "{{ case_proxies | default([inventory_hostname]) }}",
             "__mlflow_proxy_servers": "{{ case_servers | default([inventory_hostname]) }}"}
    places = {"{pki}": pki.folder, "{port}": pki.port, "{own}": own_address()}
    found, output = ends_of_cases("mlflow_proxy", folder, GOOD, INPUT, HOST, ACCEPTED, places, extra, OTHERS)
    assert "PRIVATE KEY" not in output
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
    assert "Refuse a host that cannot carry the proxy" in task, f"{task}: {told}"
    assert HOST[name][1].replace("{port}", str(port)).replace("{own}", own_address()) in " ".join(told.split())


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(ended, name):
    assert "Learn the names of the host" in ended[name][0], ended[name][1]


def test_every_rule_has_a_case(tree):
    assert len(tree.yaml("roles/mlflow_proxy/vars/main/input_rules.yml")["__mlflow_proxy_input_rules"]) < len(INPUT)
