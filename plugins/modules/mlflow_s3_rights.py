#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_s3_rights
short_description: Try whether a key can do in a bucket what MLflow does there, and nothing elsewhere
version_added: 0.1.0
description:
  - Writes one small object under O(prefix), reads it, lists it and removes it again. Then asks for another bucket, which has to be refused.
  - It needs nothing but Python on the host.
options:
  access_key:
    description: Access key of the identity that is tried.
    type: str
    required: true
  secret_key:
    description: Its secret key.
    type: str
    required: true
  other_bucket:
    description: Name of a bucket that this identity must not see. It need not exist.
    type: str
  prefix:
    description: Where in the bucket the object is written.
    type: str
    default: .mlops-mlflow-check/
extends_documentation_fragment:
  - mlops.mlflow.s3
attributes:
  check_mode:
    description: Lists, and asks for the other bucket, but writes nothing.
    support: full
  diff_mode:
    description: What is written is removed again, so that there is no difference to show.
    support: none
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Try the key of MLflow
  mlops.mlflow.mlflow_s3_rights:
    endpoint: https://store.example.com:8333
    ca_file: /etc/mlflow-object-store/ca.crt
    access_key: "{{ mlflow_object_store_access_key }}"
    secret_key: "{{ mlflow_object_store_secret_key }}"
    bucket: mlflow
    other_bucket: somebody-elses
  register: tried
"""

RETURN = r"""
problem:
  description: What did not work, or an empty string.
  returned: always
  type: str
  sample: listing bucket mlflow was answered with 403 AccessDenied (Access Denied)
status:
  description: HTTP status of what did not work; 0 where all worked or there was no answer.
  returned: always
  type: int
code:
  description: The store's own code for it, or an empty string.
  returned: always
  type: str
  sample: AccessDenied
done:
  description: What worked, in order.
  returned: always
  type: list
  elements: str
  sample: [list, put, get, delete, refused]
"""

import http.client
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils.s3 import ARGUMENTS, Store, StoreError


def attempt(store, params, writes, done):
    """Do what MLflow does, noting in done what worked."""
    bucket, content = params["bucket"], os.urandom(1024)
    name = params["prefix"] + content[:8].hex()
    store.keys(bucket, params["prefix"], 1)
    done.append("list")
    if writes:
        store.do(f"writing to bucket {bucket}", "PUT", bucket, name, body=content)
        done.append("put")
        try:
            if store.do(f"reading from bucket {bucket}", "GET", bucket, name) != content:
                raise StoreError("reading back what was written gave something else and", 200, b"")
            done.append("get")
            if name not in store.keys(bucket, name):
                raise StoreError("listing what was written did not show it and", 200, b"")
        finally:
            store.do(f"removing from bucket {bucket}", "DELETE", bucket, name)
        done.append("delete")
    if params["other_bucket"]:
        status, body = store.ask("GET", params["other_bucket"], query={"list-type": "2"})
        if status != 403:
            raise StoreError(f"listing bucket {params['other_bucket']}, which has to be refused,", status, body)
        done.append("refused")


def main():
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "access_key": {"type": "str", "required": True, "no_log": True},
            "secret_key": {"type": "str", "required": True, "no_log": True},
            "other_bucket": {"type": "str"},
            "prefix": {"type": "str", "default": ".mlops-mlflow-check/"},
        },
        supports_check_mode=True,
    )
    done, problem, status, code = [], "", 0, ""
    try:
        store = Store(module.params, module.params["access_key"], module.params["secret_key"])
        attempt(store, module.params, not module.check_mode, done)
    except StoreError as error:
        problem, status, code = str(error), error.status, error.code
    except (OSError, ValueError, http.client.HTTPException) as error:
        problem = str(error) or type(error).__name__
    module.exit_json(changed=False, problem=problem, status=status, code=code, done=done)


if __name__ == "__main__":
    main()
