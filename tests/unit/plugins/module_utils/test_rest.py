"""The client of MLflow's REST API: what it sends, whom it trusts, what it tells of a server that refuses."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import json
import ssl
import threading

import pytest
from ansible_collections.mlops.mlflow.plugins.module_utils import rest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PARAMS = {"username": "ada", "password": "hush-hush", "token": None, "ca_file": None, "validate_certs": True, "timeout": 5, "workspace": None}


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers by the last part of the path, and tells what it was sent."""

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        kind, _mark, query = self.path.rpartition("/")[2].partition("?")
        page = {"items": [1, 2], "next_page_token": "more"} if "page_token" not in query + self.headers.get("X", "") else {"items": [3]}
        status, body = {
            "echo": (200, {"path": self.path, "body": self.rfile.read(length).decode(), "headers": dict(self.headers)}),
            "pages": (200, page), "login": (200, "<html>Log in</html>"), "empty": (204, ""), "elsewhere": (302, ""),
            "missing": (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such thing"}),
            "leak": (400, {"error_code": "X", "message": "the password hush-hush is bad"}), "unknown": (404, "<h1>Not Found</h1>"),
        }[kind]
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, *_about):
        """Nothing: the test says what went wrong."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A PEM file with the key and the certificate of 127.0.0.1, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mlflow")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    built = built.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(hours=1))
    built = built.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(built.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return file


@pytest.fixture(scope="module")
def ports(certificate):
    """A server without and one with TLS: their ports."""
    started = {}
    for scheme in ("http", "https"):
        started[scheme] = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        if scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            started[scheme].socket = context.wrap_socket(started[scheme].socket, server_side=True)
        threading.Thread(target=started[scheme].serve_forever, daemon=True).start()
    yield {scheme: server.server_port for scheme, server in started.items()}
    for server in started.values():
        server.shutdown()
        server.server_close()


@pytest.fixture
def client(ports, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return lambda scheme="http", path="", **params: rest.Server({**PARAMS, "tracking_uri": f"{scheme}://127.0.0.1:{ports[scheme]}{path}", **params})


def test_a_query_and_a_body_hold_what_they_are_given(client):
    got = client(path="/prefix/").ask("asking", "GET", "echo", {"name": "ü & 'x'/y", "order_by": ["a", "b"]}, version="3.0")
    assert got["path"] == "/prefix/api/3.0/mlflow/echo?name=%C3%BC+%26+%27x%27%2Fy&order_by=a&order_by=b"
    got = client().ask("asking", "PATCH", "echo", {"name": "ü"})
    assert (json.loads(got["body"]), got["headers"]["Content-Type"]) == ({"name": "ü"}, "application/json")
    assert client().ask("asking", "DELETE", "empty") == {}


def test_a_user_goes_before_a_token(client):
    assert client(token="t").ask("asking", "GET", "echo")["headers"]["Authorization"] == "Basic YWRhOmh1c2gtaHVzaA=="
    headers = client(username=None, token="t", workspace="team").ask("asking", "GET", "echo")["headers"]
    assert {name.lower(): value for name, value in headers.items()}.items() >= {"authorization": "Bearer t", "x-mlflow-workspace": "team"}.items()
    assert "Authorization" not in client(username=None).ask("asking", "GET", "echo")["headers"]


def test_all_pages_are_read(client):
    assert list(client().pages("listing", "GET", "pages", "items", {"max_results": 2})) == [1, 2, 3]


def test_a_refusal_has_the_code_of_the_server_and_no_password(client):
    with pytest.raises(rest.MlflowError, match=r"^looking was answered with 404 RESOURCE_DOES_NOT_EXIST: no such thing$") as refusal:
        client().ask("looking", "GET", "missing")
    assert (refusal.value.status, refusal.value.code, refusal.value.unknown_call) == (404, "RESOURCE_DOES_NOT_EXIST", False)
    assert client().find("looking", "GET", "missing") is None
    with pytest.raises(rest.MlflowError, match=r"^asking was answered with 400 X: the password \*{8} is bad$"):
        client().find("asking", "GET", "leak")
    with pytest.raises(rest.MlflowError, match=r"^asking was answered with 404 Not Found$") as refusal:
        client().find("asking", "GET", "unknown")
    assert refusal.value.unknown_call


def test_a_page_to_log_in_is_no_answer_and_no_redirect_is_followed(client):
    with pytest.raises(rest.MlflowError, match="is it a page to log in"):
        client().ask("asking", "GET", "login")
    for method in ("GET", "POST"):
        with pytest.raises(rest.MlflowError, match="was answered with 302"):
            client().ask("asking", method, "elsewhere")


def test_the_certificate_is_verified_with_the_file_alone(client, certificate):
    assert client("https", ca_file=str(certificate)).ask("asking", "GET", "empty") == {}
    assert client("https", validate_certs=False).ask("asking", "GET", "empty") == {}
    for params in ({}, {"ca_file": "/nowhere/ca.pem"}):
        with pytest.raises(rest.MlflowError, match=r"^asking: no answer from https://127\.0\.0\.1"):
            client("https", **params).ask("asking", "GET", "empty")


@pytest.mark.parametrize("uri", ["mlflow.example.com", "sqlite:///x.db", "http://", "https://mlflow.example.com?x=1", "https://mlflow.example.com#x"])
def test_what_is_no_address_is_refused(uri):
    with pytest.raises(rest.MlflowError, match="is no address of a server"):
        rest.base_of(uri)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(rest.MlflowError) as refusal:
        rest.base_of("https://ada:hush-hush@mlflow.example.com")
    assert "hush" not in str(refusal.value) and "ada" not in str(refusal.value)
