#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_certificate
short_description: Keep a self-signed certificate and its key on a host
version_added: 0.1.0
description:
  - Makes a private key and a certificate that it signs itself, for services whose few clients are given the certificate to trust and nothing else.
  - Both stay as they are until they do not go together, lack one of O(names), or come near their end. A key never leaves the host.
  - Needs openssl(1) on the host where something has to be made.
options:
  certificate:
    description: Path of the certificate in PEM form. Its folder must be there.
    type: path
    required: true
  key:
    description: Path of the private key in PEM form. Its folder must be there.
    type: path
    required: true
  names:
    description: DNS names and IP addresses that the certificate is for.
    type: list
    elements: str
    required: true
  group:
    description: Group that may read the key, beside root.
    type: str
    default: root
  days:
    description: Days that a new certificate is good for.
    type: int
    default: 3650
  renew_days:
    description: Days before its end at which a certificate is made anew.
    type: int
    default: 60
attributes:
  check_mode:
    description: Tells whether a certificate would be made, and why.
    support: full
  diff_mode:
    description: Certificates are not shown as texts; C(reason) says what differs.
    support: none
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Keep a certificate for the database
  mlops.mlflow.mlflow_certificate:
    certificate: /etc/mlflow-database/server.crt
    key: /etc/mlflow-database/server.key
    names: [db.example.com, 192.0.2.5]
    group: postgres
"""

RETURN = r"""
reason:
  description: Why a certificate was made, or an empty string.
  returned: always
  type: str
  sample: it is not for 192.0.2.5
text:
  description: The certificate in PEM form; empty in check mode where it is not there yet.
  returned: always
  type: str
"""

import grp
import ipaddress
import os
import stat
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import certificate


def read(name):
    try:
        with open(name, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""


def why_anew(text, key, names, now):
    """Why a certificate and its key cannot stay. now: the moment up to which they must be good, in seconds since the epoch."""
    if not text or not key:
        return "there is none"
    problems, about = certificate.inspect(text, key, names, now)
    wrong = [f"the {part} {problem}" if part != "match" else problem for part, problem in problems.items() if problem]
    if wrong:
        return wrong[0]
    if about["uncovered"]:
        return "it is not for " + ", ".join(about["uncovered"])
    return f"it ends at {about['not_after']}" if about["expired"] else ""


def alternative(name):
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


def make(module, group):
    """Make both in a folder of root's own, and put each in its place at once; the key first, so that no certificate is there without it."""
    wanted = module.params
    with tempfile.TemporaryDirectory(dir=os.path.dirname(wanted["key"])) as folder:
        key, made = os.path.join(folder, "key"), os.path.join(folder, "certificate")
        command = [module.get_bin_path("openssl", required=True), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-sha256", "-days", str(wanted["days"]), "-subj", "/CN=" + wanted["names"][0][:64], "-keyout", key, "-out", made]
        command += ["-addext", "subjectAltName=" + ",".join(alternative(name) for name in wanted["names"])]
        module.run_command(command, check_rc=True, umask=0o077)
        os.chown(key, 0, group)
        os.chmod(key, 0o640)
        os.chmod(made, 0o644)
        os.replace(key, wanted["key"])
        os.replace(made, wanted["certificate"])


def main():
    module = AnsibleModule(
        argument_spec={
            "certificate": {"type": "path", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
            "names": {"type": "list", "elements": "str", "required": True},
            "group": {"type": "str", "default": "root"},
            "days": {"type": "int", "default": 3650},
            "renew_days": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    reason = why_anew(read(wanted["certificate"]), read(wanted["key"]), wanted["names"], time.time() + wanted["renew_days"] * 86400)
    try:
        group = grp.getgrnam(wanted["group"]).gr_gid
    except KeyError:
        if not module.check_mode:
            module.fail_json(msg=f"there is no group {wanted['group']}")
        group = None
    changed = bool(reason)
    if reason and not module.check_mode:
        make(module, group)
    elif not reason:
        about = os.stat(wanted["key"])
        if (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) != (0, group, 0o640):
            changed, reason = True, "the key has another owner or mode"
            if not module.check_mode:
                os.chown(wanted["key"], 0, group)
                os.chmod(wanted["key"], 0o640)
    module.exit_json(changed=changed, reason=reason, text=read(wanted["certificate"]))


if __name__ == "__main__":
    main()
