#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_server_info
short_description: Ask an MLflow tracking server as its clients do, in one round trip
version_added: 0.1.0
description:
  - Calls the API as a browser does that was given the server's public name, asks for the version, and, where there are users, calls once without a password.
  - A server answers C(/health) while it refuses every call for its Host header; the API tells the truth.
  - It needs nothing but Python on the host, and changes nothing. See C(POST /api/2.0/mlflow/experiments/search) of MLflow's REST API.
options:
  url:
    description: Address that the server is asked at, over HTTP, with its static prefix.
    type: str
    required: true
  host:
    description: What clients call the server, for the Host header.
    type: str
    required: true
  origin:
    description: Page that a browser would be on, for the Origin header.
    type: str
    required: true
  user:
    description: User to log in as. Without it, no log-in is sent, and none is left out.
    type: str
  password:
    description: Password of O(user).
    type: str
  timeout:
    description: Seconds that each answer may take.
    type: int
    default: 30
extends_documentation_fragment:
  - mlops.mlflow.reads
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Ask a server as a client does
  mlops.mlflow.mlflow_server_info:
    url: http://127.0.0.1:5001
    host: mlflow.example.com
    origin: https://mlflow.example.com
  register: answers
  failed_when: answers.api.status != 200
"""

RETURN = r"""
api:
  description: Answer to a search for experiments, with the first words of what it said.
  returned: always
  type: dict
  sample: {status: 200, text: '{"experiments": []}'}
version:
  description: Answer to the question for the version, whose C(text) is the version alone.
  returned: always
  type: dict
  sample: {status: 200, text: 3.17.2}
stranger:
  description: Answer to a call without a password, or an empty dictionary where no user was given.
  returned: always
  type: dict
  sample: {status: 401, text: You are not authenticated}
problem:
  description: Why there is no answer, or an empty string.
  returned: always
  type: str
"""

import base64
import http.client

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import service

SEARCH = "/api/2.0/mlflow/experiments/search"


def main():
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "origin": {"type": "str", "required": True},
            "user": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "timeout": {"type": "int", "default": 30},
        },
        required_together=[("user", "password")],
        supports_check_mode=True,
    )
    wanted, found = module.params, {"api": {}, "version": {}, "stranger": {}, "problem": ""}
    pair = f"{wanted['user']}:{wanted['password']}".encode()
    login = {"Authorization": "Basic " + base64.b64encode(pair).decode()} if wanted["user"] else {}
    names = {"host": wanted["host"], "origin": wanted["origin"], "body": {"max_results": 1}}
    try:
        found["api"] = service.ask(wanted["url"], SEARCH, wanted["timeout"], headers=login, **names)
        found["version"] = service.ask(wanted["url"], "/version", wanted["timeout"], headers=login)
        found["version"]["text"] = found["version"]["text"].strip('"\n ')
        if login:
            found["stranger"] = service.ask(wanted["url"], SEARCH, wanted["timeout"], **names)
    except (OSError, ValueError, http.client.HTTPException) as reason:
        found["problem"] = str(reason) or type(reason).__name__
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
