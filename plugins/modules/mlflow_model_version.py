#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_model_version
short_description: Manage a version of a registered model of an MLflow server
version_added: 0.1.0
description:
  - Makes a version of what a run logged or of what lies at a URI, sets its description and tags, promotes it by alias, removes it.
  - A version that was made of the same is taken, and none is made twice; of several, the newest.
  - The registered model has to be there, see M(mlops.mlflow.mlflow_registered_model).
  - It needs nothing but Python where it runs. See C(/api/2.0/mlflow/model-versions) of MLflow's REST API.
options:
  model:
    description: Name of the registered model.
    type: str
    required: true
  version:
    description: Number of a version that is there.
    type: str
  run_id:
    description: Run that the version comes from. With O(artifact_path) it is made of what the run logged there.
    type: str
  artifact_path:
    description:
      - Name under which the run O(run_id) logged the model, or path of it among the run's artifacts.
      - Of several models that a run logged under one name, the one of the highest step is taken, as MLflow's own client does.
    type: str
  source:
    description: URI of what the version is made of, in place of O(artifact_path).
    type: str
  description:
    description: What the version is. Without it, the description is left alone; an empty text removes it.
    type: str
  aliases:
    description: Aliases that shall stand for this version. One that stands for another version is moved. Others are left alone unless O(purge_aliases) is set.
    type: list
    elements: str
    default: []
  purge_aliases:
    description: Whether other aliases of this version are removed.
    type: bool
    default: false
  version_tag:
    description:
      - Tag that the version must have, and whose value must be a semantic version (2.0.0 of its specification) that no other version of the model has.
      - Where it is not so, the module fails, before anything has changed.
    type: str
  state:
    description: V(absent) removes the version and its aliases, for good. What it was made of stays where it is.
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
- name: Register what a run logged, and promote it
  mlops.mlflow.mlflow_model_version:
    tracking_uri: https://mlflow.example.com
    token: "{{ vault_mlflow_token }}"
    model: demand
    run_id: 4f0c7de9a2b84d5f8a3c1e6b7d9f0a12
    artifact_path: model
    tags:
      release: 1.4.0
    version_tag: release
    aliases: [staging]

- name: Promote a version by its number
  mlops.mlflow.mlflow_model_version:
    tracking_uri: https://mlflow.example.com
    token: "{{ vault_mlflow_token }}"
    model: demand
    version: 7
    aliases: [production]
"""

RETURN = r"""
model_version:
  description: The version as it is afterwards; in check mode as it would be, without a number that only the server knows. Empty where there is none.
  returned: success
  type: dict
  sample:
    name: demand
    version: "7"
    source: models:/m-7916dc1ef0c8417694146594ee0cd0bc
    run_id: 4f0c7de9a2b84d5f8a3c1e6b7d9f0a12
    description: ""
    status: READY
    tags: {release: 1.4.0}
    aliases: [production]
    creation_timestamp: 1795823510338
error_code:
  description: What the server calls its refusal, or an empty string where there was no answer.
  returned: failure
  type: str
  sample: INVALID_PARAMETER_VALUE
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import content
from ansible_collections.mlops.mlflow.plugins.module_utils.rest import ARGUMENTS, MlflowError, run

SHOWN = ("name", "version", "source", "run_id", "description", "tags", "aliases")


def logged_source(server, run_id, path):
    """Source, and model id if there is one, of what a run logged under a name or path."""
    logged = server.ask(f"asking for run {run_id}", "GET", "runs/get", {"run_id": run_id})["run"]
    outputs = logged.get("outputs", {}).get("model_outputs", [])
    for output in sorted(outputs, key=lambda one: int(one.get("step", 0)), reverse=True):
        model = server.ask(f"asking for logged model {output['model_id']}", "GET", f"logged-models/{output['model_id']}")["model"]["info"]
        if model["name"] == path:
            return f"models:/{output['model_id']}", output["model_id"]
    return "/".join(filter(None, [logged["info"]["artifact_uri"].rstrip("/"), path.strip("/")])), None


def all_of(server, model):
    """Aliases and versions of a model, the newest first; None and none where there is no such model."""
    found = content.find_model(server, model)
    if not found:
        return None, []
    aliases = found["aliases"]
    fields = {"filter": content.same_text("name", model), "max_results": 1000}
    versions = server.pages(f"listing the versions of model {model}", "GET", "model-versions/search", "model_versions", fields)
    shown = [content.model_version(version, aliases) for version in versions if version["name"] == model]
    return aliases, sorted(shown, key=lambda one: int(one["version"]), reverse=True)


def chosen(versions, number, source, run_id):
    """The version of this number or, without one, of this source and run."""
    for one in versions:
        if one["version"] == number if number else one["source"] == source and run_id in (None, one["run_id"]):
            return one
    return {}


def check_tag(wanted, now, versions, tags):
    tag = wanted["version_tag"]
    value = tags.get(tag)
    if value is None or not content.SEMANTIC.fullmatch(value):
        raise MlflowError(f"tag {tag} of a version of model {wanted['model']} must be a semantic version such as 1.4.0, and is {value!r}")
    others = [one["version"] for one in versions if one["tags"].get(tag) == value and one["version"] != now.get("version")]
    if others:
        raise MlflowError(f"version {others[0]} of model {wanted['model']} has {value} as its tag {tag} already")


def planned(wanted, now, source, model_id, aliases):
    """What shall be there, and the calls that lead to it."""
    model = wanted["model"]
    after = {
        **now, "name": model,
        "description": now.get("description", "") if wanted["description"] is None else wanted["description"],
        "tags": content.merged(now.get("tags", {}), wanted["tags"], wanted["purge_tags"]),
        "aliases": sorted({*wanted["aliases"], *(() if wanted["purge_aliases"] else now.get("aliases", ()))}),
    }
    if not now:
        after.update(source=source, run_id=wanted["run_id"] or "")

        def promote(answer):
            number = str(answer["model_version"]["version"])
            return content.alias_calls(model, aliases, {**aliases, **dict.fromkeys(after["aliases"], number)})

        fields = {"name": model, "source": source, "description": after["description"], "tags": content.listed(after["tags"])}
        fields.update({name: value for name, value in (("run_id", wanted["run_id"]), ("model_id", model_id)) if value})
        return after, [(f"making a version of model {model}", "POST", "model-versions/create", fields), promote]
    key, whose = {"name": model, "version": now["version"]}, f"version {now['version']} of model {model}"
    calls = []
    if after["description"] != now["description"]:
        calls.append((f"describing {whose}", "PATCH", "model-versions/update", {**key, "description": after["description"]}))
    calls += content.tag_calls(whose, now["tags"], after["tags"], key, ("model-versions/set-tag", "model-versions/delete-tag"))
    kept = {alias: version for alias, version in aliases.items() if version != now["version"] or alias in after["aliases"]}
    return after, calls + content.alias_calls(model, aliases, {**kept, **dict.fromkeys(after["aliases"], now["version"])})


def work(module, server):
    wanted = module.params
    model, source, model_id = wanted["model"], wanted["source"], None
    aliases, versions = all_of(server, model)
    if not wanted["version"] and not source:
        source, model_id = logged_source(server, wanted["run_id"], wanted["artifact_path"])
    now = chosen(versions, wanted["version"], source, wanted["run_id"])
    if wanted["state"] == "present":
        if aliases is None:
            content.want(module, f"there is no registered model {model}")
        elif wanted["version"] and not now:
            content.want(module, f"model {model} has no version {wanted['version']}, and MLflow gives the numbers itself")
        after, calls = planned(wanted, now, source, model_id, aliases or {})
        if wanted["version_tag"]:
            check_tag(wanted, now, versions, after["tags"])
    else:
        key = {"name": model, "version": now.get("version")}
        after, calls = {}, [(f"removing version {key['version']} of model {model}", "DELETE", "model-versions/delete", key)] if now else []
    content.conclude(
        module, server, "model_version", now, after, calls, shown=SHOWN,
        read=lambda: chosen(all_of(server, model)[1], now.get("version"), source, wanted["run_id"]),
    )


def main():
    own = {
        "model": {"type": "str", "required": True},
        "version": {"type": "str"},
        "run_id": {"type": "str"},
        "artifact_path": {"type": "str"},
        "source": {"type": "str"},
        "description": {"type": "str"},
        "aliases": {"type": "list", "elements": "str", "default": []},
        "purge_aliases": {"type": "bool", "default": False},
        "version_tag": {"type": "str"},
        **content.STATE,
    }
    module = AnsibleModule(
        argument_spec={**ARGUMENTS, **content.TAGS, **own},
        mutually_exclusive=[("version", "source", "artifact_path")],
        required_one_of=[("version", "source", "artifact_path")],
        required_by={"artifact_path": ["run_id"]},
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
