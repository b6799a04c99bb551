# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reaching a tracking server from the machine that runs Ansible, as a client on another machine does. No proxy of the environment is used."""

from __future__ import annotations

import datetime
import http.client
import socket
import ssl
import urllib.parse

SECONDS = 5


def own(name):
    """Whether a name means the machine itself, which from here is another one."""
    return name == "localhost" or name.startswith("127.") or name == "::1"


def reach(server, names):
    """Try the public URL, then each of names with the server's port.

    server: the fact of the server. names: host names or addresses, IPv6 without brackets.
    Returns a list of {"target": "name:port", "public": bool, "known": whether the name has an address, "ok": bool, "reason": str}.
    """
    public = urllib.parse.urlsplit(server["public_url"])
    targets = {(public.hostname, public.port or (443 if public.scheme == "https" else 80)): True}
    for name in names:
        targets.setdefault((name, server["port"]), False)
    return [dict(_try(name, port, public.scheme == "https" and first, public.path.rstrip("/") if first else server["static_prefix"]), public=first)
            for (name, port), first in targets.items() if not own(name)]


def _try(name, port, tls, prefix):
    found = {"target": f"[{name}]:{port}" if ":" in name else f"{name}:{port}", "known": True, "ok": False, "reason": ""}
    # Certificates are judged on a line of their own.
    kind = {"context": ssl._create_unverified_context()} if tls else {}
    connection = (http.client.HTTPSConnection if tls else http.client.HTTPConnection)(name, port, timeout=SECONDS, **kind)
    try:
        connection.request("GET", prefix + "/health")
        answer = connection.getresponse()
        found.update(ok=answer.status == 200, reason=f"it answers {answer.status}")
    except socket.gaierror:
        found.update(known=False, reason="not known here")
    except (OSError, http.client.HTTPException) as error:
        found["reason"] = getattr(error, "strerror", None) or str(error) or type(error).__name__
    finally:
        connection.close()
    return found


def certificate(url, authority=""):
    """Look at the certificate of an https URL. authority: PEM of a CA that is trusted beside those of this machine.

    Returns {"days": int until it ends, "problem": why it is not trusted, "" when it is}; None for http or where nobody answers.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https":
        return None
    problem = ""
    try:
        try:
            trusting = ssl.create_default_context()
            if authority:
                trusting.load_verify_locations(cadata=authority)
            _connect(parts, trusting)
        except ssl.SSLCertVerificationError as error:
            problem = error.verify_message
        der = _connect(parts, ssl._create_unverified_context())
    except OSError:
        return None
    from cryptography import x509  # comes with ansible-core

    read = x509.load_der_x509_certificate(der)
    ends = read.not_valid_after_utc if hasattr(read, "not_valid_after_utc") else read.not_valid_after.replace(tzinfo=datetime.timezone.utc)
    return {"days": (ends - datetime.datetime.now(datetime.timezone.utc)).days, "problem": problem}


def _connect(parts, context):
    plain = socket.create_connection((parts.hostname, parts.port or 443), timeout=SECONDS)
    with plain, context.wrap_socket(plain, server_hostname=parts.hostname) as secure:
        return secure.getpeercert(binary_form=True)
