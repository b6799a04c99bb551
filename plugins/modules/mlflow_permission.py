#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_permission
short_description: Manage what a user of an MLflow server may do with an experiment or a model
version_added: 0.1.0
description:
  - Grants a user of MLflow's basic-auth app a permission, changes it, takes it away. What he has by roles is left alone.
  - Whoever makes an experiment or a model has V(MANAGE) for it by himself.
  - It takes an administrator to do so, and the API of MLflow 3.17.
  - It needs nothing but Python where it runs. See C(/api/3.0/mlflow/users/permissions) of MLflow's basic-auth app.
options:
  user:
    description: Name of the user.
    type: str
    required: true
  experiment:
    description: Name of the experiment. V(*) is every one that he has no other permission for.
    type: str
  registered_model:
    description: Name of the registered model. V(*) is every one that he has no other permission for.
    type: str
  permission:
    description: What he may do. V(DENY) goes before whatever he has otherwise.
    type: str
    choices: [READ, USE, EDIT, MANAGE, DENY]
  state:
    description: V(absent) takes the user's own permission away. The server's default and his roles then say what he may do.
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
- name: Let a user log runs
  mlops.mlflow.mlflow_permission:
    tracking_uri: https://mlflow.example.com
    username: admin
    password: "{{ vault_mlflow_admin_password }}"
    user: ada
    experiment: forecasts
    permission: EDIT
"""

RETURN = r"""
permission:
  description:
    - The permission as it is afterwards; in check mode as it would be. Empty where there is none.
    - The resource is the name of a model, or the id of an experiment.
  returned: success
  type: dict
  sample: {username: ada, resource_type: experiment, resource: "1", permission: EDIT, workspace: default, role: "", role_id: 2}
error_code:
  description: What the server calls its refusal, or an empty string where there was no answer.
  returned: failure
  type: str
  sample: INVALID_PARAMETER_VALUE
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import access, content, plans
from ansible_collections.mlops.mlflow.plugins.module_utils.rest import ARGUMENTS, run


def resource_of(server, wanted):
    """Type and id of what the permission is for; the id is None where it is not there."""
    name = wanted["experiment"]
    if name is None:
        kind, name = "registered_model", wanted["registered_model"]
        return kind, name if name == "*" or content.find_model(server, name) else None
    if name == "*":
        return "experiment", name
    return "experiment", content.find_experiment(server, name).get("experiment_id")


def work(module, server):
    wanted, (kind, resource) = module.params, resource_of(server, module.params)
    name, space = wanted["user"], wanted["workspace"] or "default"
    granted = access.permissions(server, name)
    now = plans.grant(granted, kind, resource, space)
    if wanted["state"] == "present":
        for there, what in ((granted, f"user {name}"), (resource, f"{kind.replace('_', ' ')} {wanted['experiment'] or wanted['registered_model']}")):
            if there is None:
                content.want(module, f"there is no {what}")
    after, calls = plans.permission(wanted, now, kind, resource)
    content.conclude(
        module, server, "permission", now, after, calls, shown=plans.PERMISSION,
        read=lambda: plans.grant(access.permissions(server, name), kind, resource, space),
    )


def main():
    module = AnsibleModule(argument_spec={**ARGUMENTS, **plans.ARGUMENTS["permission"]}, supports_check_mode=True, **plans.PERMISSION_RULES)
    run(module, work, access.LACKS)


if __name__ == "__main__":
    main()
