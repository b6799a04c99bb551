# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small client of an S3 store, with what Python itself brings.

One request, one connection; requests are signed with AWS Signature Version 4, buckets are in the path. No secret is ever part of an error.
Sources: Signature Version 4 signing process, Amazon S3 API reference.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import re
import socket
import ssl
import time
import urllib.parse

# What a store says of an error, in its XML.
CODE, MESSAGE = re.compile(rb"<Code>([^<]*)</Code>"), re.compile(rb"<Message>([^<]*)</Message>")
KEY = re.compile(rb"<Key>([^<]*)</Key>")
ARGUMENTS = {
    "endpoint": {"type": "str", "required": True},
    "address": {"type": "str"},
    "region": {"type": "str", "default": "us-east-1"},
    "ca_file": {"type": "str"},
    "fingerprint": {"type": "str"},
    "bucket": {"type": "str", "required": True},
    "timeout": {"type": "int", "default": 30},
}


class StoreError(Exception):
    """A request that the store refused: HTTP status and the store's own code ("" where it named none)."""

    def __init__(self, what, status, body):
        found, text = CODE.search(body), MESSAGE.search(body)
        self.status, self.code = status, found[1].decode(errors="replace") if found else ""
        told = " ".join(filter(None, [self.code, f"({text[1].decode(errors='replace').rstrip('.')})" if text else ""]))
        super().__init__(f"{what} was answered with {status}{' ' * bool(told)}{told}")


def _digest(text):
    return hashlib.sha256(text).hexdigest()


def _mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def quoted(query):
    """A query in the one form that is signed: sorted, and every reserved character escaped."""
    return "&".join(f"{urllib.parse.quote(name, safe='')}={urllib.parse.quote(value, safe='')}" for name, value in sorted(query.items()))


def signed(method, path, query, headers, body, access_key, secret_key, region, now):
    """The headers of a request with those that sign it. headers: names in lower case, with host; body: None for one that is not signed; now: UTC."""
    stamp, day = time.strftime("%Y%m%dT%H%M%SZ", now), time.strftime("%Y%m%d", now)
    headers = {**headers, "x-amz-date": stamp, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" if body is None else _digest(body)}
    names = ";".join(sorted(headers))
    listed = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join([method, path, quoted(query), listed, names, headers["x-amz-content-sha256"]])
    scope = f"{day}/{region}/s3/aws4_request"
    key = ("AWS4" + secret_key).encode()
    for part in (day, region, "s3", "aws4_request"):
        key = _mac(key, part)
    signature = _mac(key, "\n".join(["AWS4-HMAC-SHA256", stamp, scope, _digest(request.encode())])).hex()
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"}


class Store:
    """An S3 store as one identity sees it. Raises OSError or http.client.HTTPException where there is no proper answer."""

    def __init__(self, params, access_key, secret_key):
        parts = urllib.parse.urlsplit(params["endpoint"])
        self.secure, self.name, self.host = parts.scheme == "https", parts.hostname, parts.netloc
        self.port = parts.port or (443 if self.secure else 80)
        self.address = params["address"] or self.name
        self.region, self.timeout = params["region"], params["timeout"]
        self.ca_file, self.fingerprint = params["ca_file"], params["fingerprint"]
        self.access_key, self.secret_key = access_key, secret_key

    def context(self):
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.fingerprint:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def recognise(self, secured):
        """Nothing is sent to a store with another certificate than the one that is known."""
        if self.fingerprint and hashlib.sha256(secured.getpeercert(binary_form=True)).hexdigest() != self.fingerprint:
            raise ValueError("it serves another certificate than it was given")

    def ask(self, *request, **more):
        """Return (status, body of the answer) of one request."""
        with self.answer(*request, **more) as answer:
            return answer.status, answer.read()

    @contextlib.contextmanager
    def answer(self, method, bucket, key="", query=None, body=b"", headers=None, stream=None):
        """The answer to one request, whose body is still to be read. stream: the body as a file that is read as it is sent, in place of body."""
        path, query = "/" + urllib.parse.quote("/".join(filter(None, [bucket, key])), safe="/-_.~"), query or {}
        headers = {"host": self.host, **{name.lower(): value for name, value in (headers or {}).items()}}
        headers = signed(method, path, query, headers, body if stream is None else None, self.access_key, self.secret_key, self.region, time.gmtime())
        connection = http.client.HTTPConnection(self.address, self.port, timeout=self.timeout, blocksize=1 << 18)
        raw = socket.create_connection((self.address, self.port), timeout=self.timeout)
        try:
            connection.sock = raw
            if self.secure:
                connection.sock = self.context().wrap_socket(raw, server_hostname=self.name)
                self.recognise(connection.sock)
            connection.request(method, path + "?" * bool(query) + quoted(query), body=stream or body or None, headers={**headers, "Connection": "close"})
            yield connection.getresponse()
        finally:
            connection.close()
            raw.close()

    def do(self, what, *request, good=(200, 204), **more):
        """The body of the answer to a request that has to succeed. Raises StoreError, which begins with what."""
        status, body = self.ask(*request, **more)
        if status not in good:
            raise StoreError(what, status, body)
        return body

    def keys(self, bucket, prefix="", limit=1000):
        """Names of the first objects of a bucket."""
        query = {"list-type": "2", "prefix": prefix, "max-keys": str(limit)}
        return [name.decode() for name in KEY.findall(self.do(f"listing bucket {bucket}", "GET", bucket, query=query))]
