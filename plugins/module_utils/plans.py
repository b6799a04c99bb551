# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what is there (now, empty where there is nothing) and what is wanted to what shall be there, and the calls that lead to it.

Each function returns (after, calls); the forms are those of content, as are the calls.
"""

from __future__ import annotations

from ansible_collections.mlops.mlflow.plugins.module_utils import content
from ansible_collections.mlops.mlflow.plugins.module_utils.rest import MlflowError

# What is said of one of each kind, as arguments of a module.
_NAME = {"name": {"type": "str", "required": True}}
ARGUMENTS = {
    "experiment": {**_NAME, "artifact_location": {"type": "str"}, **content.TAGS, **content.STATE},
    "registered_model": {
        **_NAME, "description": {"type": "str"}, **content.TAGS,
        "aliases": {"type": "dict", "default": {}}, "purge_aliases": {"type": "bool", "default": False},
    },
    "user": {**_NAME, "user_password": {"type": "str", "no_log": True}, "admin": {"type": "bool"}, **content.STATE},
    "permission": {
        "user": {"type": "str", "required": True}, "experiment": {"type": "str"}, "registered_model": {"type": "str"},
        "permission": {"type": "str", "choices": ["READ", "USE", "EDIT", "MANAGE", "DENY"]}, **content.STATE,
    },
}
# Which of the arguments of a permission go together.
PERMISSION_RULES = {
    "mutually_exclusive": [("experiment", "registered_model")],
    "required_one_of": [("experiment", "registered_model")],
    "required_if": [("state", "present", ["permission"])],
}
# What a difference is shown of.
EXPERIMENT = ("name", "artifact_location", "lifecycle_stage", "tags")
MODEL = ("name", "description", "tags", "aliases")
USER = ("username", "admin", "password")
PERMISSION = ("username", "resource_type", "resource", "permission")


def experiment(wanted, now):
    """An experiment. Raises MlflowError where it would have to keep its artifacts elsewhere."""
    name, place = wanted["name"], wanted["artifact_location"]
    if wanted["state"] == "absent":
        if now.get("lifecycle_stage") != "active":
            return now, []
        return {**now, "lifecycle_stage": "deleted"}, [(f"deleting experiment {name}", "POST", "experiments/delete", {"experiment_id": now["experiment_id"]})]
    tags = content.merged(now.get("tags", {}), wanted["tags"], wanted["purge_tags"])
    after = {"name": name, "lifecycle_stage": "active", "tags": tags}
    if not now:
        fields = {"name": name, "tags": content.listed(tags), **({"artifact_location": place} if place else {})}
        return {**after, **({"artifact_location": place} if place else {})}, [(f"creating experiment {name}", "POST", "experiments/create", fields)]
    if place and place.rstrip("/") != (now["artifact_location"] or "").rstrip("/"):
        raise MlflowError(f"experiment {name} keeps its artifacts in {now['artifact_location']}, which MLflow cannot change to {place}")
    key, calls = {"experiment_id": now["experiment_id"]}, []
    if now["lifecycle_stage"] != "active":
        calls.append((f"restoring experiment {name}", "POST", "experiments/restore", key))
    paths = ("experiments/set-experiment-tag", "experiments/delete-experiment-tag")
    return {**now, **after}, calls + content.tag_calls(f"experiment {name}", now["tags"], tags, key, paths, removal="POST")


def registered_model(wanted, now):
    """A registered model that shall be there."""
    name = wanted["name"]
    after = {
        "name": name,
        "description": now.get("description", "") if wanted["description"] is None else wanted["description"],
        "tags": content.merged(now.get("tags", {}), wanted["tags"], wanted["purge_tags"]),
        "aliases": content.merged(now.get("aliases", {}), wanted["aliases"], wanted["purge_aliases"], own=""),
    }
    calls = []
    if not now:
        fields = {"name": name, "description": after["description"], "tags": content.listed(after["tags"])}
        calls.append((f"registering model {name}", "POST", "registered-models/create", fields))
    else:
        if after["description"] != now["description"]:
            fields = {"name": name, "description": after["description"]}
            calls.append((f"describing model {name}", "PATCH", "registered-models/update", fields))
        paths = ("registered-models/set-tag", "registered-models/delete-tag")
        calls += content.tag_calls(f"model {name}", now["tags"], after["tags"], {"name": name}, paths)
    return {**now, **after}, calls + content.alias_calls(name, now.get("aliases", {}), after["aliases"])


def user(wanted, now, stale=False, own=None):
    """A user. stale: his password has to be changed; own: the one that he logged in with, where he changes it himself."""
    name, password = wanted["name"], wanted["user_password"]
    if wanted["state"] == "absent":
        return {}, [(f"removing user {name}", "DELETE", "users/delete", {"username": name})] if now else []
    admin = now.get("admin", False) if wanted["admin"] is None else wanted["admin"]
    after, calls = {"username": name, "admin": admin}, []
    if not now:
        if not password:
            raise MlflowError(f"there is no user {name}, and no user_password to make him with")
        calls.append((f"making user {name}", "POST", "users/create", {"username": name, "password": password}))
    elif stale:
        # whoever changes his own password has to give the one that he logged in with
        fields = {"username": name, "password": password, **({"current_password": own} if own else {})}
        calls.append((f"changing the password of user {name}", "PATCH", "users/update-password", fields))
        after["password"] = "as wanted"
    if admin != now.get("admin", False):
        calls.append((f"changing what user {name} is", "PATCH", "users/update-admin", {"username": name, "is_admin": admin}))
    return after, calls


def grant(granted, kind, resource, workspace):
    """Which of a user's permissions is his own for this resource, or an empty dictionary."""
    for one in granted or []:
        if not one["role"] and (one["resource_type"], one["resource"], one["workspace"]) == (kind, resource, workspace):
            return one
    return {}


def permission(wanted, now, kind, resource):
    """A permission of a user himself. resource: as MLflow calls it, or None where it is not there yet."""
    name, key = wanted["user"], {"username": wanted["user"], "resource_type": kind, "resource_id": resource}
    if wanted["state"] == "absent":
        return {}, [(f"revoking a permission of user {name}", "POST", "users/permissions/revoke", key, "3.0")] if now else []
    allowed, shown = wanted["permission"], wanted["experiment"] or wanted["registered_model"]
    after, calls = {"username": name, "resource_type": kind, "resource": resource or shown, **now, "permission": allowed}, []
    if not now:
        calls = [(f"granting a permission to user {name}", "POST", "users/permissions/grant", {**key, "permission": allowed}, "3.0")]
    elif now["permission"] != allowed:
        calls = _changed(now, allowed)
    return after, calls


def _changed(one, allowed):
    """The calls that change a grant in place, so that no moment is without it."""
    def update(answer):
        number = [row["id"] for row in answer["role_permissions"] if (row["resource_type"], row["resource_pattern"]) == (one["resource_type"], one["resource"])]
        fields = {"role_permission_id": number[0], "permission": allowed}
        return [(f"changing a permission of user {one['username']}", "PATCH", "roles/permissions/update", fields, "3.0")]

    return [(f"listing the own role of user {one['username']}", "GET", "roles/permissions/list", {"role_id": one["role_id"]}, "3.0"), update]
