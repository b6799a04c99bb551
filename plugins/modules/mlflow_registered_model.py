#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_registered_model
short_description: Manage a registered model of an MLflow server
version_added: 0.1.0
description:
  - Registers a model, sets its description and tags, moves its aliases to versions, removes it.
  - Versions are made by training, or by M(mlops.mlflow.mlflow_model_version).
  - It needs nothing but Python where it runs. See C(/api/2.0/mlflow/registered-models) of MLflow's REST API.
options:
  name:
    description: Name of the model.
    type: str
    required: true
  description:
    description: What the model is. Without it, the description is left alone; an empty text removes it.
    type: str
  aliases:
    description:
      - Aliases, and the version that each stands for. Others are left alone unless O(purge_aliases) is set; one with the value V(null) is removed.
      - The versions have to be there.
    type: dict
    default: {}
  purge_aliases:
    description: Whether aliases that are not in O(aliases) are removed.
    type: bool
    default: false
  state:
    description: V(absent) removes the model with all its versions, for good. What they were made of stays where it is.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - mlops.mlflow.rest
  - mlops.mlflow.rest.tags
  - mlops.mlflow.rest.writes
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Have version 7 of the model in production, and nothing in staging
  mlops.mlflow.mlflow_registered_model:
    tracking_uri: https://mlflow.example.com
    token: "{{ vault_mlflow_token }}"
    name: demand
    description: Hourly demand, one day ahead
    tags:
      team: energy
    aliases:
      production: 7
      staging: null
"""

RETURN = r"""
registered_model:
  description: The model as it is afterwards; in check mode as it would be. Empty where there is none.
  returned: success
  type: dict
  sample:
    name: demand
    description: Hourly demand, one day ahead
    tags: {team: energy}
    aliases: {production: "7"}
    creation_timestamp: 1795823435644
    last_updated_timestamp: 1795823436942
error_code:
  description: What the server calls its refusal, or an empty string where there was no answer.
  returned: failure
  type: str
  sample: RESOURCE_DOES_NOT_EXIST
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import content, plans
from ansible_collections.mlops.mlflow.plugins.module_utils.rest import ARGUMENTS, run


def need_versions(module, server, now, after):
    """An alias of a version that is not there would be found out after half of the work."""
    for alias, version in after["aliases"].items():
        fields = {"name": after["name"], "version": version}
        if now.get("aliases", {}).get(alias) == version:
            continue
        if not now or not server.find(f"asking for version {version} of model {after['name']}", "GET", "model-versions/get", fields):
            content.want(module, f"model {after['name']} has no version {version} that alias {alias} could stand for")


def work(module, server):
    wanted, now = module.params, content.find_model(server, module.params["name"])
    if wanted["state"] == "present":
        after, calls = plans.registered_model(wanted, now)
        need_versions(module, server, now, after)
    else:
        calls = [(f"removing model {now['name']}", "DELETE", "registered-models/delete", {"name": now["name"]})] if now else []
        after = {}
    content.conclude(module, server, "registered_model", now, after, calls, shown=plans.MODEL, read=lambda: content.find_model(server, wanted["name"]))


def main():
    run(AnsibleModule(argument_spec={**ARGUMENTS, **plans.ARGUMENTS["registered_model"], **content.STATE}, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
