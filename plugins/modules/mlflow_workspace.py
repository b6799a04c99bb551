#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_workspace
short_description: Manage a workspace of an MLflow server
version_added: 0.1.0
description:
  - Makes a workspace, sets its description and the place of its artifacts, removes it.
  - The server has to be started with C(--enable-workspaces). Where it was not, the module fails and says so.
  - Experiments and models of a workspace are managed by the other modules with their option O(workspace), which has no meaning here.
  - It needs nothing but Python where it runs. See C(/api/3.0/mlflow/workspaces) of MLflow's REST API.
options:
  name:
    description: Name of the workspace, in the lower case.
    type: str
    required: true
  description:
    description: What the workspace is for. Without it, the description is left alone; an empty text removes it.
    type: str
  default_artifact_root:
    description: URI under which its experiments keep their artifacts. Without it, that is left alone; an empty text is that of the server.
    type: str
  removal:
    description:
      - What V(absent) does with a workspace that is not empty. V(restrict) fails, V(set_default) moves what is in it to the default workspace,
        V(cascade) removes all of it for good.
    type: str
    choices: [restrict, set_default, cascade]
    default: restrict
  state:
    description: Whether there is such a workspace.
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
- name: Have a workspace for a team
  mlops.mlflow.mlflow_workspace:
    tracking_uri: https://mlflow.example.com
    token: "{{ vault_mlflow_token }}"
    name: energy
    description: Team energy
"""

RETURN = r"""
workspace:
  description: The workspace as it is afterwards; in check mode as it would be. Empty where there is none.
  returned: success
  type: dict
  sample: {name: energy, description: Team energy, default_artifact_root: ""}
error_code:
  description: What the server calls its refusal, or an empty string where there was no answer.
  returned: failure
  type: str
  sample: INVALID_STATE
"""

import urllib.parse

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import content
from ansible_collections.mlops.mlflow.plugins.module_utils.rest import ARGUMENTS, run

SHOWN = ("name", "description", "default_artifact_root")


def path_of(name):
    return "workspaces/" + urllib.parse.quote(name, safe="")


def find(server, name):
    found = server.find(f"asking for workspace {name}", "GET", path_of(name), version="3.0")
    return content.workspace(found["workspace"]) if found else {}


def work(module, server):
    # of no use here, and the server refuses a call that is about a workspace which is not there yet
    server.headers.pop("X-MLFLOW-WORKSPACE", None)
    wanted, now = module.params, find(server, module.params["name"])
    name, after, calls = wanted["name"], {}, []
    if wanted["state"] == "present":
        given = {one: wanted[one] for one in SHOWN if wanted[one] is not None}
        after = {"name": name, "description": "", "default_artifact_root": "", **now, **given}
        fields = {one: value for one, value in after.items() if now.get(one, "") != value}
        if not now:
            calls = [(f"making workspace {name}", "POST", "workspaces", fields, "3.0")]
        elif fields:
            calls = [(f"changing workspace {name}", "PATCH", path_of(name), fields, "3.0")]
    elif now:
        calls = [(f"removing workspace {name}", "DELETE", f"{path_of(name)}?mode={wanted['removal'].upper()}", {}, "3.0")]
    content.conclude(module, server, "workspace", now, after, calls, shown=SHOWN, read=lambda: find(server, name))


def main():
    own = {
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "default_artifact_root": {"type": "str"},
        "removal": {"type": "str", "choices": ["restrict", "set_default", "cascade"], "default": "restrict"},
        **content.STATE,
    }
    run(AnsibleModule(argument_spec={**ARGUMENTS, **own}, supports_check_mode=True), work, content.LACKS["workspaces"])


if __name__ == "__main__":
    main()
