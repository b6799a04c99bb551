"""What the controller sees of a server: an answer, a refusal, a name that it does not know, a certificate."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import ipaddress
import ssl
import threading

import pytest
from ansible_collections.mlops.mlflow.plugins.plugin_utils import reach
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ml/health" else 404)
        self.end_headers()

    def log_message(self, *_words):
        """Say nothing."""


@contextlib.contextmanager
def server(context=None):
    with http.server.HTTPServer(("127.0.0.1", 0), Healthy) as listener:
        if context:
            listener.socket = context.wrap_socket(listener.socket, server_side=True)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield listener.server_port
        listener.shutdown()


@pytest.fixture(autouse=True)
def loopback_is_another_machine(monkeypatch):
    monkeypatch.setattr(reach, "own", lambda name: name == "localhost")


def test_each_address_is_tried_and_the_public_one_is_marked():
    with server() as port:
        about = {"public_url": "http://nowhere.invalid:5001/ml", "port": port, "static_prefix": "/ml"}
        found = reach.reach(about, ["127.0.0.1", "localhost"])
    assert found == [
        {"target": "nowhere.invalid:5001", "known": False, "ok": False, "reason": "not known here", "public": True},
        {"target": f"127.0.0.1:{port}", "known": True, "ok": True, "reason": "it answers 200", "public": False},
    ]


def test_a_refusal_and_a_wrong_answer_tell_the_reason():
    with server() as port:
        wrong = reach.reach({"public_url": f"http://127.0.0.1:{port}", "port": port, "static_prefix": "/other"}, ["127.0.0.1"])
    refused = reach.reach({"public_url": f"http://127.0.0.1:{port}", "port": port, "static_prefix": ""}, [])
    assert [(one["ok"], one["reason"], one["public"]) for one in wrong] == [(False, "it answers 404", True)]
    assert [(one["ok"], one["reason"]) for one in refused] == [(False, "Connection refused")]


def test_loopback_of_the_server_is_not_ours():
    assert reach.reach({"public_url": "http://localhost:5001", "port": 5001, "static_prefix": ""}, []) == []


@pytest.fixture
def context(tmp_path):
    """A server's TLS with a certificate of its own that ends in ten days and a bit."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=10, hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False).sign(key, hashes.SHA256()))
    file = tmp_path / "tls.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(file)
    return found


def test_a_certificate_tells_its_days_and_why_it_is_not_trusted(context, tmp_path):
    with server(context) as port:
        found = reach.certificate(f"https://127.0.0.1:{port}/ml")
        with_its_own = reach.certificate(f"https://127.0.0.1:{port}/ml", (tmp_path / "tls.pem").read_text().split("-----BEGIN PRIVATE KEY")[0])
        about = {"public_url": f"https://127.0.0.1:{port}/ml", "port": port, "static_prefix": "/ml"}
        assert [one["ok"] for one in reach.reach(about, [])] == [True]
    assert found == {"days": 10, "problem": "self-signed certificate"}
    assert with_its_own == {"days": 10, "problem": ""}


def test_no_certificate_where_there_is_no_tls():
    assert reach.certificate("http://127.0.0.1:5001") is None
    with server() as port:
        assert reach.certificate(f"https://127.0.0.1:{port}") is None
