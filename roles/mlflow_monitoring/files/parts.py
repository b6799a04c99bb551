#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What there is to measure of a tracking server. Each function tells one part on a page; what it raises is why that part is left out.

settings: monitoring.json. fact: what is deployed, as role mlflow recorded it. Sources: statvfs(3), module ssl.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import store


def deployed(page, _settings, fact):
    page.tell("mlflow_deployed_info", "What is deployed.", 1, version=fact["version"], image=fact["image"], auth=fact["auth"],
              backend=re.split(r"[+:]", fact["backend_store"])[0], engine=fact["server_engine"], workers=fact["workers"])


def answer(page, settings, fact):
    """Whether the server answers. One that does not is no fault of this program."""
    began = time.monotonic()
    try:
        # Not by way of a proxy that the environment names.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(fact["local_url"] + "/health", timeout=settings["seconds"]) as got:
            up = got.status == 200
    except (urllib.error.URLError, OSError):
        up = False
    page.tell("mlflow_server_up", "1 where the server answers at /health.", int(up))
    page.tell("mlflow_server_answer_seconds", "How long that answer took.", time.monotonic() - began if up else None)


def disk(page, _settings, fact):
    places = {"tree": fact["root"], "artifacts": fact["artifacts_destination"]}
    for place, path in places.items():
        if "://" in path:
            continue
        about = os.statvfs(path)
        page.tell("mlflow_disk_bytes", "Size of the disk that it lies on.", about.f_blocks * about.f_frsize, place=place)
        # What the server may use, which is not root.
        page.tell("mlflow_disk_free_bytes", "Room on that disk.", about.f_bavail * about.f_frsize, place=place)
        # File systems without a fixed number of inodes have none to run out of.
        page.tell("mlflow_disk_free_inodes_ratio", "Share of its inodes that are free.", about.f_favail / about.f_files if about.f_files else 1, place=place)


def certificates(page, settings, fact):
    """When certificates begin and end, as they are shown to who asks, whoever has signed them."""
    wrong = []
    for url in settings["certificates"] or [fact["public_url"]]:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https":
            continue
        try:
            begin, end = ends(parts.hostname, parts.port or 443, settings["seconds"])
        except (OSError, ValueError) as error:
            wrong.append(f"{url}: {error}")
            continue
        name = parts.netloc.rpartition("@")[2]
        page.tell("mlflow_certificate_not_before_timestamp_seconds", "From when on the certificate is good.", begin, name=name)
        page.tell("mlflow_certificate_not_after_timestamp_seconds", "Until when the certificate is good.", end, name=name)
    if wrong:
        raise ValueError("; ".join(wrong))


def ends(name, port, seconds):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((name, port), timeout=seconds) as plain, context.wrap_socket(plain, server_hostname=name) as secure:
        text = ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True))
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(text)
        file.flush()
        # The one parser of the standard library.
        about = ssl._ssl._test_decode_cert(file.name)
    return ssl.cert_time_to_seconds(about["notBefore"]), ssl.cert_time_to_seconds(about["notAfter"])


def backup(page, settings, _fact):
    """What role mlflow_backup tells of its runs, as it tells it, unless it does so in this very folder."""
    file = settings["backup_metrics"]
    if not file or os.path.dirname(file) == settings["folder"] or not os.path.exists(file):
        return
    with open(file, encoding="utf-8") as handle:
        text = handle.read()
    if not re.fullmatch(r"(#.*\n|mlflow_backup_\w+\{[^\n]*\} \S+\n)*", text):
        raise ValueError(f"{file} holds something else than metrics of backups")
    page.more = text


def artifacts(page, settings, fact):
    if "://" in fact["artifacts_destination"]:
        return
    found = store.artifacts(fact["artifacts_destination"], settings["artifacts_seconds"])
    page.tell("mlflow_artifacts_bytes", "Size of all artifacts.", sum(size for size, _count in found["entries"].values()))
    page.tell("mlflow_artifacts_files", "Number of artifacts.", sum(count for _size, count in found["entries"].values()))
    page.tell("mlflow_artifacts_complete", "1 where all of them were counted in the time given.", int(found["finished"]))
