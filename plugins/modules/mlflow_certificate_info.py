#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_certificate_info
short_description: Judge a certificate and its private key before they are served
version_added: 0.1.0
description:
  - Reads a certificate with its chain and its private key, from files of the host or as texts, and tells what would keep them from being served.
  - It needs nothing but Python on the host, changes nothing, and returns nothing of the key.
options:
  certificate:
    description: Path on the host of the certificate in PEM form, with its intermediates behind it.
    type: str
  key:
    description: Path on the host of the private key in PEM form.
    type: str
  certificate_text:
    description: The certificate itself, in place of O(certificate).
    type: str
  key_text:
    description: The private key itself, in place of O(key).
    type: str
  names:
    description: DNS names and IPv4 addresses that the certificate has to be for.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - mlops.mlflow.reads
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Look at a certificate
  mlops.mlflow.mlflow_certificate_info:
    certificate: /etc/ssl/mlflow.crt
    key: /etc/ssl/private/mlflow.key
    names: [mlflow.example.com]
  register: found
"""

RETURN = r"""
problems:
  description: What is wrong with C(certificate), with C(key), and with the C(match) of the two, each as the end of a sentence or an empty string.
  returned: always
  type: dict
  sample: {certificate: "", key: "", match: "the key does not match the certificate"}
certificate:
  description: The certificate, or an empty dictionary where it cannot be read. C(uncovered) are those of O(names) that it is not for.
  returned: always
  type: dict
  sample:
    not_before: "2026-01-01T00:00:00Z"
    not_after: "2026-04-01T00:00:00Z"
    early: false
    expired: false
    names: ["*.example.com"]
    uncovered: []
    fingerprint: 0f3a
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import certificate


def read(name):
    """Content of a file and why it cannot be read."""
    try:
        with open(name, encoding="utf-8", errors="replace") as handle:
            return handle.read(), ""
    except OSError as error:
        return "", f"cannot be read: {error.strerror.lower()}"


def main():
    module = AnsibleModule(
        argument_spec={
            "certificate": {"type": "str"},
            "key": {"type": "str", "no_log": False},
            "certificate_text": {"type": "str"},
            "key_text": {"type": "str", "no_log": True},
            "names": {"type": "list", "elements": "str", "default": []},
        },
        mutually_exclusive=[("certificate", "certificate_text"), ("key", "key_text")],
        required_one_of=[("certificate", "certificate_text"), ("key", "key_text")],
        supports_check_mode=True,
    )
    texts, unread = {}, {}
    for part in ("certificate", "key"):
        text = module.params[part + "_text"]
        texts[part], unread[part] = (text, "") if text is not None else read(module.params[part])
    problems, about = certificate.inspect(texts["certificate"], texts["key"], module.params["names"], time.time())
    problems.update({part: reason for part, reason in unread.items() if reason})
    module.exit_json(changed=False, problems=problems, certificate=about)


if __name__ == "__main__":
    main()
