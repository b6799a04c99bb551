#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_content
short_description: Bring experiments, models, users and permissions of an MLflow server to what is written
version_added: 0.1.0
description:
  - Does what M(mlops.mlflow.mlflow_experiment), M(mlops.mlflow.mlflow_registered_model), M(mlops.mlflow.mlflow_user) and M(mlops.mlflow.mlflow_permission)
    do, for as many of each as there are, and asks the server for lists instead of for one after the other.
  - All is planned, and what cannot be done is refused, before anything is changed. What is not written is left alone.
  - It needs nothing but Python where it runs. See C(/api/2.0/mlflow) of MLflow's REST API.
options:
  experiments:
    description: Experiments. See M(mlops.mlflow.mlflow_experiment) for what is said of each.
    type: list
    elements: dict
    default: []
    suboptions: &experiment
      name:
        description: Name of the experiment.
        type: str
        required: true
      artifact_location:
        description: URI under which artifacts of its runs are kept; given once, when it is made.
        type: str
      tags: &tags
        description: Tags and their values. One with the value V(null) is removed.
        type: dict
        default: {}
      purge_tags: &purge_tags
        description: Whether tags that are not written are removed. Those that begin with C(mlflow.) are MLflow's own and stay.
        type: bool
        default: false
      state: &state
        description: V(absent) takes it away. An experiment is then deleted as MLflow does it, and can be restored.
        type: str
        choices: [present, absent]
        default: present
  registered_models:
    description: Registered models. None is removed here, because its versions would go for good; see M(mlops.mlflow.mlflow_registered_model).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the model.
        type: str
        required: true
      description:
        description: What the model is. Without it, the description is left alone; an empty text removes it.
        type: str
      aliases:
        description: Aliases, and the version that each stands for. One with the value V(null) is removed. See O(promotion) for what a version must be.
        type: dict
        default: {}
      purge_aliases:
        description: Whether aliases that are not written are removed.
        type: bool
        default: false
      tags: *tags
      purge_tags: *purge_tags
  users:
    description: Users of MLflow's basic-auth app.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      user_password:
        description: Password that a user who is made gets. It is not changed later; M(mlops.mlflow.mlflow_user) can do so.
        type: str
      admin:
        description: Whether the user is an administrator. Without it, what he is stays as it is.
        type: bool
      state: *state
  permissions:
    description: What users may do. What they have by roles is left alone.
    type: list
    elements: dict
    default: []
    suboptions:
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
        description: What he may do.
        type: str
        choices: [READ, USE, EDIT, MANAGE, DENY]
      state: *state
  promotion:
    description:
      - What a version must be before O(registered_models[].aliases) may have an alias stand for it, and who may move it.
      - An alias that stays where it is is not asked about.
      - It holds for this module. MLflow itself lets everybody move an alias who has the permission V(EDIT) for the model.
    type: list
    elements: dict
    default: []
    suboptions:
      alias:
        description: The alias, such as C(production).
        type: str
        required: true
      registered_models:
        description: Names of the models that this is about. Without it, all.
        type: list
        elements: str
      tags:
        description: Tags that the version must have, with their values; with the value V(null), any.
        type: dict
        default: {}
      metrics:
        description: Metrics that the run must have which the version was made of.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the metric.
            type: str
            required: true
          min:
            description: What its last value must be at least.
            type: float
          max:
            description: What its last value must be at most.
            type: float
      movers:
        description: Users, as O(username) names them, who may move the alias. Without it, whoever the server lets.
        type: list
        elements: str
extends_documentation_fragment:
  - mlops.mlflow.rest
  - mlops.mlflow.rest.writes
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Have all that the team has in MLflow
  mlops.mlflow.mlflow_content:
    tracking_uri: https://mlflow.example.com
    username: admin
    password: "{{ vault_mlflow_admin_password }}"
    experiments:
      - name: forecasts
        tags: {team: energy}
    registered_models:
      - name: demand
        aliases: {production: 7}
    promotion:
      - alias: production
        tags: {validated: true}
        metrics: [{name: accuracy, min: 0.9}]
"""

RETURN = r"""
changes:
  description: What was done, in its order; in check mode what would be.
  returned: success
  type: list
  elements: str
  sample: [creating experiment forecasts, setting alias production of model demand]
problems:
  description: What was refused, one text for each.
  returned: failure
  type: list
  elements: str
error_code:
  description: What the server calls its refusal, or an empty string where there was no answer.
  returned: failure
  type: str
  sample: INVALID_PARAMETER_VALUE
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import access, bulk, plans
from ansible_collections.mlops.mlflow.plugins.module_utils.rest import ARGUMENTS, run


def refuse(module, problems):
    if problems:
        module.fail_json(msg=f"Nothing was changed: {'; '.join(problems)}.", problems=problems, status=0, error_code="")


def work(module, server):
    wanted, plan = module.params, bulk.Plan(module, server)
    refuse(module, list(bulk.twice(wanted)))
    if wanted["experiments"] or wanted["permissions"]:
        plan.plan_experiments()
    if wanted["registered_models"] or wanted["permissions"]:
        plan.plan_models()
    if wanted["users"] or wanted["permissions"]:
        plan.plan_users()
    if wanted["permissions"]:
        plan.plan_permissions()
    refuse(module, plan.problems)
    if not module.check_mode:
        plan.carry_out()
    before = {what: one for what, one, _after, _calls, _made in plan.steps}
    after = {what: one for what, _before, one, _calls, _made in plan.steps}
    module.exit_json(changed=bool(plan.steps), changes=bulk.told(plan.steps), diff={"before": before, "after": after})


def main():
    metric = {"name": {"type": "str", "required": True}, "min": {"type": "float"}, "max": {"type": "float"}}
    policy = {
        "alias": {"type": "str", "required": True}, "registered_models": {"type": "list", "elements": "str"}, "tags": {"type": "dict", "default": {}},
        "metrics": {"type": "list", "elements": "dict", "default": [], "options": metric}, "movers": {"type": "list", "elements": "str"},
    }
    kinds = {f"{kind}s": options for kind, options in plans.ARGUMENTS.items()} | {"promotion": policy}
    arguments = {kind: {"type": "list", "elements": "dict", "default": [], "options": options} for kind, options in kinds.items()}
    arguments["permissions"].update(plans.PERMISSION_RULES)
    run(AnsibleModule(argument_spec={**ARGUMENTS, **arguments}, supports_check_mode=True), work, access.LACKS)


if __name__ == "__main__":
    main()
