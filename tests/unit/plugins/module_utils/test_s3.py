"""The client of an S3 store: what it signs, and what it tells of a store that refuses."""

from __future__ import annotations

import http.server
import threading
import time
import typing

import pytest
from ansible_collections.mlops.mlflow.plugins.module_utils import s3

# The example "GET Object" of Amazon's description of Signature Version 4, and the signature that it gives.
EXAMPLE_KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
EXAMPLE_SIGNATURE = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
LIST_SIGNATURE = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
NOW = time.strptime("20130524T000000", "%Y%m%dT%H%M%S")


def test_it_signs_as_amazon_does():
    headers = {"host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9"}
    signed = s3.signed("GET", "/test.txt", {}, headers, b"", *EXAMPLE_KEYS, "us-east-1", NOW)
    assert signed["authorization"].endswith(EXAMPLE_SIGNATURE)
    signed = s3.signed("GET", "/", {"prefix": "J", "max-keys": "2"}, {"host": headers["host"]}, b"", *EXAMPLE_KEYS, "us-east-1", NOW)
    assert signed["authorization"].endswith(LIST_SIGNATURE)


def test_a_query_is_sorted_and_escaped():
    assert s3.quoted({"prefix": "a/b c", "list-type": "2", "tagging": ""}) == "list-type=2&prefix=a%2Fb%20c&tagging="


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers by the path that was asked for."""

    known: typing.ClassVar = {
        "/full/x": (500, b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"),
        "/mlflow": (200, b"<R><Contents><Key>a/b</Key></Contents><Contents><Key>c</Key></Contents></R>"),
        "/mlflow/x%20y": (200, b"content"),
    }

    def do_GET(self):
        status, body = self.known.get(self.path.split("?")[0], (404, b""))
        assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=access/")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET

    def log_message(self, *_about):
        """Nothing: the test says what went wrong."""


@pytest.fixture(scope="module")
def store():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    params = {"endpoint": f"http://store.example.com:{server.server_port}", "address": "127.0.0.1", "region": "us-east-1", "ca_file": None,
              "fingerprint": None, "timeout": 5}
    yield s3.Store(params, "access", "hush-hush")
    server.shutdown()
    server.server_close()


def test_it_reaches_the_store_without_dns(store):
    assert store.do("reading", "GET", "mlflow", "x y") == b"content"
    assert store.keys("mlflow") == ["a/b", "c"]
    assert store.ask("GET", "elsewhere") == (404, b"")


def test_a_refusal_has_the_code_of_the_store_and_no_key(store):
    with pytest.raises(s3.StoreError) as refusal:
        store.do("writing to bucket full", "PUT", "full", "x", body=b"1")
    assert (refusal.value.status, refusal.value.code) == (500, "InternalError")
    assert str(refusal.value) == "writing to bucket full was answered with 500 InternalError (We encountered an internal error)"
    with pytest.raises(s3.StoreError, match=r"^reading was answered with 404$"):
        store.do("reading", "GET", "elsewhere")
