#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_experiment
short_description: Manage an experiment of an MLflow server
version_added: 0.1.0
description:
  - Makes an experiment, restores one of the same name that was deleted, sets its tags, deletes it.
  - What the web page calls its description is the tag C(mlflow.note.content).
  - It needs nothing but Python where it runs. See C(/api/2.0/mlflow/experiments) of MLflow's REST API.
options:
  name:
    description: Name of the experiment.
    type: str
    required: true
  artifact_location:
    description:
      - URI under which artifacts of its runs are kept. Without it, the server chooses.
      - It is given once, when the experiment is made. The module fails where an experiment has another, because MLflow cannot change it.
    type: str
  state:
    description: V(absent) is what MLflow calls deleted. The experiment and its runs can be restored, until C(mlflow gc) removes them.
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
- name: Have an experiment for the team's forecasts
  mlops.mlflow.mlflow_experiment:
    tracking_uri: https://mlflow.example.com
    username: admin
    password: "{{ vault_mlflow_admin_password }}"
    name: forecasts
    tags:
      team: energy
      mlflow.note.content: Hourly demand, one day ahead

- name: Delete another, given the connection once for all modules
  module_defaults:
    group/mlops.mlflow.mlflow:
      tracking_uri: https://mlflow.example.com
      token: "{{ vault_mlflow_token }}"
  block:
    - name: Delete the experiment
      mlops.mlflow.mlflow_experiment:
        name: first tries
        state: absent
"""

RETURN = r"""
experiment:
  description: The experiment as it is afterwards; in check mode as it would be, without what only the server knows. Empty where there never was one.
  returned: success
  type: dict
  sample:
    experiment_id: "1"
    name: forecasts
    artifact_location: mlflow-artifacts:/1
    lifecycle_stage: active
    creation_time: 1795823436539
    last_update_time: 1795823436539
    tags: {team: energy}
error_code:
  description: What the server calls its refusal, or an empty string where there was no answer.
  returned: failure
  type: str
  sample: INVALID_PARAMETER_VALUE
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import content, plans
from ansible_collections.mlops.mlflow.plugins.module_utils.rest import ARGUMENTS, run


def work(module, server):
    wanted, now = module.params, content.find_experiment(server, module.params["name"])
    after, calls = plans.experiment(wanted, now)
    content.conclude(module, server, "experiment", now, after, calls, shown=plans.EXPERIMENT, read=lambda: content.find_experiment(server, wanted["name"]))


def main():
    run(AnsibleModule(argument_spec={**ARGUMENTS, **plans.ARGUMENTS["experiment"]}, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
