# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users and permissions of MLflow's basic-auth app.

A user's own permissions are those of a role that MLflow keeps for him alone, named after his number.
"""

from __future__ import annotations

import re

LACKS = "this server has no users to manage: it needs --app-name basic-auth, and this module the API of MLflow 3.17"
OWN_ROLE = re.compile(r"__user_\d+__")


def user(found):
    return {"username": found["username"], "admin": bool(found.get("is_admin"))}


def users(server):
    """All users, in their order."""
    return [user(one) for one in server.ask("listing users", "GET", "users/list")["users"]]


def permissions(server, name):
    """What a user was granted himself, with an empty role, and what by his roles; None where there is no such user."""
    answer = server.find(f"listing the permissions of user {name}", "GET", "users/permissions/list", {"username": name}, version="3.0")
    return None if answer is None else [{
        "username": name, "resource_type": one["resource_type"], "resource": one["resource_pattern"], "permission": one["permission"],
        "workspace": one["workspace"], "role": "" if OWN_ROLE.fullmatch(one["role_name"]) else one["role_name"], "role_id": one["role_id"],
    } for one in answer["permissions"]]
