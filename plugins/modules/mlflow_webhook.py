#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_webhook
short_description: Manage a webhook of an MLflow server
version_added: 0.1.0
description:
  - Has the server call a URL when something happens in its registry.
  - A webhook is known by its name here, although MLflow would have several of one name; then the module fails.
  - With users, it takes an administrator to do so.
  - It needs nothing but Python where it runs. See C(/api/2.0/mlflow/webhooks) of MLflow's REST API.
options:
  name:
    description: Name of the webhook, letters, digits, dots, underscores and hyphens.
    type: str
    required: true
  url:
    description: URL that is called. MLflow takes C(https) and public addresses alone, unless it was told otherwise. Needed to make the webhook.
    type: str
  events:
    description: What it is called for. Needed to make the webhook. Without it, events are left alone.
    type: list
    elements: str
    choices:
      - registered_model.created
      - model_version.created
      - model_version_tag.set
      - model_version_tag.deleted
      - model_version_alias.created
      - model_version_alias.deleted
      - prompt.created
      - prompt_version.created
      - prompt_tag.set
      - prompt_tag.deleted
      - prompt_version_tag.set
      - prompt_version_tag.deleted
      - prompt_alias.created
      - prompt_alias.deleted
      - budget_policy.exceeded
  description:
    description: What the webhook is for. Without it, the description is left alone; an empty text removes it.
    type: str
  secret:
    description: Key that MLflow signs its calls with.
    type: str
  update_secret:
    description:
      - With V(on_create) the secret is given to a webhook that is made, and never again.
      - With V(always) it is sent each time, and that is a change, since MLflow does not show the one that it has.
    type: str
    choices: [on_create, always]
    default: on_create
  enabled:
    description: Whether it is called. Without it, that is left alone, and a webhook that is made is called.
    type: bool
  state:
    description: Whether there is such a webhook.
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
- name: Tell the deployment of every alias that is moved
  mlops.mlflow.mlflow_webhook:
    tracking_uri: https://mlflow.example.com
    token: "{{ vault_mlflow_token }}"
    name: deployment
    url: https://deploy.example.com/mlflow
    events: [model_version_alias.created]
    secret: "{{ vault_mlflow_webhook_secret }}"
"""

RETURN = r"""
webhook:
  description: The webhook as it is afterwards; in check mode as it would be. Empty where there is none.
  returned: success
  type: dict
  sample:
    webhook_id: 9be227bf-a97d-432b-a195-0c74952fbcfd
    name: deployment
    url: https://deploy.example.com/mlflow
    events: [model_version_alias.created]
    description: ""
    status: ACTIVE
error_code:
  description: What the server calls its refusal, or an empty string where there was no answer.
  returned: failure
  type: str
  sample: INVALID_PARAMETER_VALUE
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import content
from ansible_collections.mlops.mlflow.plugins.module_utils.rest import ARGUMENTS, MlflowError, run

SHOWN = ("name", "url", "events", "description", "status", "secret")
EVENTS = (
    "registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted", "model_version_alias.created",
    "model_version_alias.deleted", "prompt.created", "prompt_version.created", "prompt_tag.set", "prompt_tag.deleted", "prompt_version_tag.set",
    "prompt_version_tag.deleted", "prompt_alias.created", "prompt_alias.deleted", "budget_policy.exceeded",
)


def find(server, name):
    found = [one for one in server.pages("listing webhooks", "GET", "webhooks", "webhooks", {"max_results": 100}) if one["name"] == name]
    if len(found) > 1:
        raise MlflowError(f"{len(found)} webhooks have the name {name}; give each its own, or remove all but one")
    return content.webhook(found[0]) if found else {}


def sent(fields):
    """Fields as MLflow's API takes them."""
    events = [dict(zip(("entity", "action"), event.upper().split("."))) for event in fields.get("events", [])]
    return {**fields, **({"events": events} if events else {})}


def planned(wanted, now):
    """What shall be there, and the calls that lead to it."""
    name = wanted["name"]
    given = {one: wanted[one] for one in ("url", "description") if wanted[one] is not None}
    if wanted["events"]:
        given["events"] = sorted(set(wanted["events"]))
    if wanted["enabled"] is not None:
        given["status"] = "ACTIVE" if wanted["enabled"] else "DISABLED"
    after = {"name": name, "description": "", "status": "ACTIVE", **now, **given}
    if not now and not {"url", "events"} <= set(given):
        raise MlflowError(f"there is no webhook {name}; url and events are needed to make it")
    fields = {one: value for one, value in after.items() if now.get(one) != value}
    if wanted["secret"] and (not now or wanted["update_secret"] == "always"):
        fields["secret"], after["secret"] = wanted["secret"], "as wanted"
    if not now:
        return after, [(f"making webhook {name}", "POST", "webhooks", sent(fields))]
    return after, [(f"changing webhook {name}", "PATCH", f"webhooks/{now['webhook_id']}", sent(fields))] if fields else []


def work(module, server):
    wanted, now = module.params, find(server, module.params["name"])
    after, calls = {}, [(f"removing webhook {wanted['name']}", "DELETE", f"webhooks/{now['webhook_id']}")] if now else []
    if wanted["state"] == "present":
        after, calls = planned(wanted, now)
    content.conclude(module, server, "webhook", now, after, calls, shown=SHOWN, read=lambda: find(server, wanted["name"]))


def main():
    own = {
        "name": {"type": "str", "required": True},
        "url": {"type": "str"},
        "events": {"type": "list", "elements": "str", "choices": list(EVENTS)},
        "description": {"type": "str"},
        "secret": {"type": "str", "no_log": True},
        "update_secret": {"type": "str", "choices": ["on_create", "always"], "default": "on_create", "no_log": False},
        "enabled": {"type": "bool"},
        **content.STATE,
    }
    run(AnsibleModule(argument_spec={**ARGUMENTS, **own}, supports_check_mode=True), work, content.LACKS["webhooks"])


if __name__ == "__main__":
    main()
