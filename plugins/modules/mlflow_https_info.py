#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_https_info
short_description: Ask a proxy under its public name, at an address of one's own choice
version_added: 0.1.0
description:
  - Speaks HTTPS to an address as a client that was told a name would, so that nothing depends on DNS.
  - Verifies the server by a CA, by the fingerprint of its certificate, or by neither.
options:
  address:
    description: Address to connect to.
    type: str
    default: 127.0.0.1
  port:
    description: Port to connect to.
    type: int
    default: 443
  name:
    description: Name that is asked for in TLS (SNI), and that the certificate is verified against.
    type: str
    required: true
  host:
    description: Host header. The name alone, unless given.
    type: str
  ca_file:
    description: PEM file on the host of the CA that has to have signed.
    type: str
  fingerprint:
    description: SHA-256 of the certificate in DER form that has to be served.
    type: str
  paths:
    description: Paths that are asked for with GET, one connection each.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds to wait for each answer.
    type: int
    default: 40
extends_documentation_fragment:
  - mlops.mlflow.reads
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Ask this host under the public name
  mlops.mlflow.mlflow_https_info:
    name: mlflow.example.com
    ca_file: /etc/mlflow-proxy/ca.crt
    paths: [/health]
  register: answers
"""

RETURN = r"""
problem:
  description: Why there was no answer, or an empty string.
  returned: always
  type: str
statuses:
  description: Status of each of O(paths), in order, as far as there were answers.
  returned: always
  type: list
  elements: int
protocol:
  description: Version of TLS that was spoken.
  returned: always
  type: str
  sample: TLSv1.3
"""

import hashlib
import http.client
import socket
import ssl

from ansible.module_utils.basic import AnsibleModule


def context_for(ca_file):
    if ca_file:
        return ssl.create_default_context(cafile=ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ask(params, path):
    """Return (status, version of TLS). Raises OSError, ValueError or HTTPException where there is no proper answer."""
    connection = http.client.HTTPConnection(params["address"], params["port"], timeout=params["timeout"])
    raw = socket.create_connection((params["address"], params["port"]), timeout=params["timeout"])
    try:
        connection.sock = context_for(params["ca_file"]).wrap_socket(raw, server_hostname=params["name"])
        served = hashlib.sha256(connection.sock.getpeercert(binary_form=True)).hexdigest()
        if params["fingerprint"] and served != params["fingerprint"]:
            raise ValueError("it serves another certificate than it was given")
        version = connection.sock.version()
        connection.request("GET", path, headers={"Host": params["host"] or params["name"], "Connection": "close"})
        return connection.getresponse().status, version
    finally:
        connection.close()
        raw.close()


def main():
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 443},
            "name": {"type": "str", "required": True},
            "host": {"type": "str"},
            "ca_file": {"type": "str"},
            "fingerprint": {"type": "str"},
            "paths": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "default": 40},
        },
        supports_check_mode=True,
    )
    statuses, protocol, problem = [], "", ""
    try:
        for path in module.params["paths"]:
            status, protocol = ask(module.params, path)
            statuses.append(status)
    except (OSError, ValueError, http.client.HTTPException) as error:
        problem = str(error)
    module.exit_json(changed=False, problem=problem, statuses=statuses, protocol=protocol)


if __name__ == "__main__":
    main()
