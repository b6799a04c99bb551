#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_info
short_description: Read what is inside an MLflow server
version_added: 0.1.0
description:
  - Lists experiments, runs, registered models, versions of models, users, their permissions, webhooks or workspaces, to the last page.
  - It needs nothing but Python where it runs. See MLflow's REST API.
options:
  kind:
    description: What to list. V(users) and V(permissions) are there with the basic-auth app, and V(workspaces) where they are enabled.
    type: str
    required: true
    choices: [experiments, runs, registered_models, model_versions, users, permissions, webhooks, workspaces]
  filter:
    description: Search expression of MLflow, such as C(metrics.accuracy > 0.9 and tags.team = 'energy'). For experiments, runs, registered models and versions.
    type: str
  order_by:
    description: Orders of MLflow, such as C(metrics.accuracy DESC). For the same.
    type: list
    elements: str
  experiments:
    description: Names of the experiments whose runs are listed. Without it, the runs of all.
    type: list
    elements: str
  view:
    description: Which experiments or runs are listed.
    type: str
    choices: [active, deleted, all]
    default: active
  users:
    description: Names of the users whose permissions are listed. Without it, those of all.
    type: list
    elements: str
  limit:
    description: How many are listed at most. V(0) is all.
    type: int
    default: 0
extends_documentation_fragment:
  - mlops.mlflow.rest
  - mlops.mlflow.reads
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Find the best run
  mlops.mlflow.mlflow_info:
    tracking_uri: https://mlflow.example.com
    token: "{{ vault_mlflow_token }}"
    kind: runs
    experiments: [forecasts]
    filter: attributes.status = 'FINISHED'
    order_by: [metrics.accuracy DESC]
    limit: 1
  register: best

- name: List the versions of a model
  mlops.mlflow.mlflow_info:
    tracking_uri: https://mlflow.example.com
    token: "{{ vault_mlflow_token }}"
    kind: model_versions
    filter: name = 'demand'
  register: versions
"""

RETURN = r"""
resources:
  description:
    - What was found, each in the form that the module returns which manages it.
    - A run has C(run_id), C(run_name), C(experiment_id), C(status), C(start_time), C(end_time), C(lifecycle_stage), C(artifact_uri),
      C(metrics), C(params) and C(tags). Times are milliseconds since 1970.
    - Aliases are those of registered models; the versions in a list are without.
  returned: success
  type: list
  elements: dict
  sample: [{name: demand, description: "", tags: {}, aliases: {production: "7"}}]
error_code:
  description: What the server calls its refusal, or an empty string where there was no answer.
  returned: failure
  type: str
  sample: INVALID_PARAMETER_VALUE
"""

import itertools

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import access, content
from ansible_collections.mlops.mlflow.plugins.module_utils.rest import ARGUMENTS, MlflowError, run

PAGE = 1000
VIEWS = {"active": "ACTIVE_ONLY", "deleted": "DELETED_ONLY", "all": "ALL"}
# kind: method, path, key of the answer, form that is shown
SEARCHED = {
    "experiments": ("POST", "experiments/search", "experiments", content.experiment),
    "runs": ("POST", "runs/search", "runs", content.logged_run),
    "registered_models": ("GET", "registered-models/search", "registered_models", content.registered_model),
    "model_versions": ("GET", "model-versions/search", "model_versions", content.model_version),
}
LACKS = {"users": access.LACKS, "permissions": access.LACKS, **content.LACKS}


def experiment_ids(server, names):
    """Ids of the experiments of these names, or of all that there are."""
    if names is None:
        fields = {"max_results": PAGE, "view_type": "ALL"}
        return [one["experiment_id"] for one in server.pages("listing experiments", "POST", "experiments/search", "experiments", fields)]
    path = "experiments/get-by-name"
    return [server.ask(f"asking for experiment {name}", "GET", path, {"experiment_name": name})["experiment"]["experiment_id"] for name in names]


def searched(server, wanted):
    """Yield what MLflow has a search for."""
    kind = wanted["kind"]
    method, path, key, shown = SEARCHED[kind]
    fields = {"max_results": min(PAGE, wanted["limit"] or PAGE), "filter": wanted["filter"], "order_by": wanted["order_by"]}
    if kind == "experiments":
        fields["view_type"] = VIEWS[wanted["view"]]
    elif kind == "runs":
        fields.update(run_view_type=VIEWS[wanted["view"]], experiment_ids=experiment_ids(server, wanted["experiments"]))
        if not fields["experiment_ids"]:
            return
    fields = {name: value for name, value in fields.items() if value}
    yield from map(shown, server.pages(f"listing {kind.replace('_', ' ')}", method, path, key, fields))


def listed(server, wanted):
    """Yield what MLflow lists and does not search."""
    kind = wanted["kind"]
    if kind == "webhooks":
        yield from map(content.webhook, server.pages("listing webhooks", "GET", "webhooks", "webhooks", {"max_results": 100}))
    elif kind == "workspaces":
        yield from map(content.workspace, server.ask("listing workspaces", "GET", "workspaces", version="3.0").get("workspaces", []))
    elif kind == "users":
        yield from access.users(server)
    else:
        for name in [user["username"] for user in access.users(server)] if wanted["users"] is None else wanted["users"]:
            found = access.permissions(server, name)
            if found is None:
                raise MlflowError(f"there is no user {name}")
            yield from found


def work(module, server):
    wanted = module.params
    if wanted["kind"] in SEARCHED:
        found = searched(server, wanted)
    elif wanted["filter"] or wanted["order_by"]:
        raise MlflowError(f"MLflow has no filter and no order for {wanted['kind']}")
    else:
        found = listed(server, wanted)
    module.exit_json(changed=False, resources=list(itertools.islice(found, wanted["limit"] or None)))


def main():
    own = {
        "kind": {"type": "str", "required": True, "choices": [*SEARCHED, "users", "permissions", "webhooks", "workspaces"]},
        "filter": {"type": "str"},
        "order_by": {"type": "list", "elements": "str"},
        "experiments": {"type": "list", "elements": "str"},
        "view": {"type": "str", "choices": list(VIEWS), "default": "active"},
        "users": {"type": "list", "elements": "str"},
        "limit": {"type": "int", "default": 0},
    }
    module = AnsibleModule(argument_spec={**ARGUMENTS, **own}, supports_check_mode=True)
    run(module, work, LACKS.get(module.params["kind"], ""))


if __name__ == "__main__":
    main()
