#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_user
short_description: Manage a user of an MLflow server
version_added: 0.1.0
description:
  - Makes a user of MLflow's basic-auth app, makes him an administrator or not, changes his password, removes him.
  - It takes an administrator to do so, and the API of MLflow 3.17.
  - It needs nothing but Python where it runs. See C(/api/2.0/mlflow/users) of MLflow's basic-auth app.
options:
  name:
    description: Name of the user.
    type: str
    required: true
  user_password:
    description: His password, 12 characters or more. Needed to make him. O(password) is that of the one who does so.
    type: str
  update_password:
    description:
      - With V(on_create) the password is given to a user who is made, and never again.
      - With V(always) it is changed wherever it is another. The module logs in with it to see; nothing changes where that works.
    type: str
    choices: [on_create, always]
    default: on_create
  admin:
    description: Whether he is an administrator. Without it, that is left alone, and who is made is none.
    type: bool
  state:
    description: V(absent) removes the user and what he was granted. What he made stays. Nobody removes himself.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - mlops.mlflow.rest
  - mlops.mlflow.rest.writes
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Have a user
  mlops.mlflow.mlflow_user:
    tracking_uri: https://mlflow.example.com
    username: admin
    password: "{{ vault_mlflow_admin_password }}"
    name: ada
    user_password: "{{ vault_mlflow_ada_password }}"
"""

RETURN = r"""
user:
  description: The user as he is afterwards; in check mode as he would be. Empty where there is none.
  returned: success
  type: dict
  sample: {username: ada, admin: false}
error_code:
  description: What the server calls its refusal, or an empty string where there was no answer.
  returned: failure
  type: str
  sample: INVALID_PARAMETER_VALUE
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import access, content, plans
from ansible_collections.mlops.mlflow.plugins.module_utils.rest import ARGUMENTS, MlflowError, Server, run


def find(server, name):
    found = server.find(f"asking for user {name}", "GET", "users/get", {"username": name})
    return access.user(found["user"]) if found else {}


def is_password(params):
    """Whether the user can log in with the password that he shall have."""
    try:
        Server({**params, "username": params["name"], "password": params["user_password"], "token": None}).ask("logging in", "GET", "users/current")
    except MlflowError as refusal:
        if refusal.status == 401:
            return False
        raise
    return True


def work(module, server):
    wanted, now = module.params, find(server, module.params["name"])
    stale = wanted["state"] == "present" and now and wanted["user_password"] and wanted["update_password"] == "always" and not is_password(wanted)
    after, calls = plans.user(wanted, now, stale, own=wanted["password"] if wanted["name"] == wanted["username"] else None)
    if stale:
        now["password"] = "another"
    # who changes his own password is logged out by that
    changed_himself = wanted["name"] == wanted["username"] and "password" in after
    content.conclude(
        module, server, "user", now, after, calls, shown=plans.USER,
        read=lambda: {one: after[one] for one in ("username", "admin")} if changed_himself else find(server, wanted["name"]),
    )


def main():
    update = {"update_password": {"type": "str", "choices": ["on_create", "always"], "default": "on_create", "no_log": False}}
    run(AnsibleModule(argument_spec={**ARGUMENTS, **plans.ARGUMENTS["user"], **update}, supports_check_mode=True), work, access.LACKS)


if __name__ == "__main__":
    main()
