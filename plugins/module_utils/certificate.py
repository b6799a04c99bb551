# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading a certificate and its private key, with what Python itself brings.

Every function reads; nothing of a key is ever returned. Times are seconds since the epoch, or ISO 8601 in UTC where they are shown.
Sources: RFC 5280, RFC 6125 (6.4.3), module ssl of the standard library.
"""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import tempfile
import time

BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
ADDRESS = re.compile(r"\d+(\.\d+){3}")
PRIVATE = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")


def shown(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def covers(pattern, name):
    """Whether a DNS name of a certificate stands for name: a wildcard is the whole leftmost label."""
    pattern, name = pattern.lower(), name.lower()
    if pattern.startswith("*."):
        return "." in name and name.split(".", 1)[1] == pattern[2:]
    return pattern == name


def describe(text, folder, names, now):
    """The first certificate of a PEM text: times, names, SHA-256 of its DER form. Raises ValueError where it is none."""
    block = BLOCK.search(text)
    if not block:
        raise ValueError("holds no PEM certificate")
    leaf = os.path.join(folder, "leaf.pem")
    with open(leaf, "w", encoding="ascii", errors="replace") as handle:
        handle.write(block[0] + "\n")
    try:
        # The one parser of the standard library; its public ways in need a connection to somebody who shows the certificate.
        about = ssl._ssl._test_decode_cert(leaf)
        fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(block[0])).hexdigest()
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("holds a certificate that cannot be read") from error
    begin, end = ssl.cert_time_to_seconds(about["notBefore"]), ssl.cert_time_to_seconds(about["notAfter"])
    own = [value for kind, value in about.get("subjectAltName", ()) if kind == "DNS"]
    addresses = [value for kind, value in about.get("subjectAltName", ()) if kind == "IP Address"]
    return {
        "not_before": shown(begin), "not_after": shown(end), "early": now < begin, "expired": now > end, "names": own + addresses,
        "fingerprint": fingerprint,
        "uncovered": [name for name in names if not (name in addresses if ADDRESS.fullmatch(name) else any(covers(pattern, name) for pattern in own))],
    }


def key_problem(text):
    """What is wrong with the text of a private key, by its form alone."""
    if "ENCRYPTED" in text:
        return "is encrypted with a passphrase"
    return "" if PRIVATE.search(text) else "holds no PEM private key"


def match_problem(certificate, key, folder):
    """Why a certificate and a key cannot be served together."""
    names = [os.path.join(folder, name) for name in ("chain.pem", "key.pem")]
    for name, text in zip(names, (certificate, key)):
        with open(name, "w", encoding="utf-8") as handle:
            handle.write(text)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*names, password=lambda: b"")
    except (ssl.SSLError, OSError, ValueError) as error:
        if getattr(error, "reason", "") in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
            return "the key does not match the certificate"
        return "the two cannot be loaded (" + str(getattr(error, "reason", "") or error).lower().replace("_", " ") + ")"
    return ""


def inspect(certificate, key, names, now):
    """Judge the texts of a certificate (with its chain) and its key: (problems by part, what the certificate is)."""
    problems, about = {"certificate": "", "key": key_problem(key), "match": ""}, {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            about = describe(certificate, folder, names, now)
        except ValueError as error:
            problems["certificate"] = str(error)
        if not problems["certificate"] and not problems["key"]:
            problems["match"] = match_problem(certificate, key, folder)
    return problems, about
