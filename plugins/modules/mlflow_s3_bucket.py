#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_s3_bucket
short_description: Make the bucket for the artifacts of MLflow, and mark it as such
version_added: 0.1.0
description:
  - Creates a bucket and gives it the tag C(managed-by=mlops.mlflow). A bucket is never emptied and never removed.
  - An empty bucket without the tag is given it. One with objects in it belongs to somebody else, and is refused unless O(adopt) is set.
  - It needs nothing but Python on the host.
options:
  keys_file:
    description: File on the host with two lines, access key and secret key of an identity that may create and tag buckets.
    type: path
    required: true
  adopt:
    description: Whether a bucket that holds objects and has not the tag is taken over, with its objects.
    type: bool
    default: false
extends_documentation_fragment:
  - mlops.mlflow.s3
attributes:
  check_mode:
    description: Tells what would change, and changes nothing.
    support: full
  diff_mode:
    description: A bucket is there or not; there is no difference to show.
    support: none
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Make the bucket
  mlops.mlflow.mlflow_s3_bucket:
    endpoint: https://store.example.com:8333
    ca_file: /etc/mlflow-object-store/ca.crt
    keys_file: /run/mlflow-object-store/admin.keys
    bucket: mlflow
"""

RETURN = r"""
found:
  description: What was there before, C(absent), C(empty) or C(foreign) for one without the tag, C(ours) for one with it.
  returned: when the store answered
  type: str
  sample: ours
holds:
  description: Whether there was an object in it.
  returned: when the store answered
  type: bool
"""

import http.client

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils.s3 import ARGUMENTS, Store, StoreError

MARK = b"<Tag><Key>managed-by</Key><Value>mlops.mlflow</Value></Tag>"


def look(store, bucket):
    status, body = store.ask("HEAD", bucket)
    if status == 404:
        return "absent"
    if status != 200:
        raise StoreError(f"asking for bucket {bucket}", status, body)
    if MARK in store.do(f"reading the tags of bucket {bucket}", "GET", bucket, query={"tagging": ""}, good=(200, 404)):
        return "ours"
    return "foreign" if store.keys(bucket, limit=1) else "empty"


def main():
    module = AnsibleModule(
        argument_spec={**ARGUMENTS, "keys_file": {"type": "path", "required": True, "no_log": False}, "adopt": {"type": "bool", "default": False}},
        supports_check_mode=True,
    )
    bucket, found, holds = module.params["bucket"], "", False
    try:
        with open(module.params["keys_file"], encoding="ascii") as handle:
            store = Store(module.params, *handle.read().split())
        found = look(store, bucket)
        holds = found != "absent" and bool(store.keys(bucket, limit=1))
        if found == "foreign" and not module.params["adopt"]:
            module.fail_json(msg=f"bucket {bucket} holds objects of another owner", found=found, holds=holds)
        if found != "ours" and not module.check_mode:
            if found == "absent":
                store.do(f"creating bucket {bucket}", "PUT", bucket)
            store.do(f"tagging bucket {bucket}", "PUT", bucket, query={"tagging": ""}, body=b"<Tagging><TagSet>" + MARK + b"</TagSet></Tagging>")
    except (OSError, ValueError, TypeError, http.client.HTTPException, StoreError) as error:
        module.fail_json(msg=str(error), found=found)
    module.exit_json(changed=found != "ours", found=found, holds=holds)


if __name__ == "__main__":
    main()
