# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is inside an MLflow server in the form that modules show it, and the calls that lead from what is there to what is wanted.

A call is (what it does, method, path, fields, version of the API); see rest.Server.ask. Times are milliseconds since 1970, as MLflow has them.
"""

from __future__ import annotations

import json
import re

from ansible_collections.mlops.mlflow.plugins.module_utils.rest import MlflowError

QUOTES = "'\"\\"
STATE = {"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}}
LACKS = {"webhooks": "this server has no webhooks", "workspaces": "this server has no workspaces: it has to be started with --enable-workspaces"}
TAGS = {"tags": {"type": "dict", "default": {}}, "purge_tags": {"type": "bool", "default": False}}
# Semantic Versioning 2.0.0: three numbers without leading zeros, then -pre.release and +build.
_PART = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
SEMANTIC = re.compile(rf"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){{2}}(?:-{_PART}(?:\.{_PART})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?", re.ASCII)


def text(value):
    """A value as the text that MLflow keeps of it."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return str(value)


def pairs(listed):
    """A list of {key, value} as a dictionary."""
    return {one["key"]: one.get("value", "") for one in listed or []}


def listed(tags):
    """A dictionary as a list of {key, value}."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def merged(now, wanted, purge=False, own="mlflow."):
    """now, with what is wanted of it: None removes, purge removes what is not wanted and does not begin with own ("": nothing is MLflow's)."""
    wanted = {str(key): value for key, value in (wanted or {}).items()}
    kept = {key: value for key, value in now.items() if not purge or key in wanted or (own and key.startswith(own))}
    kept.update({key: text(value) for key, value in wanted.items() if value is not None})
    return {key: value for key, value in kept.items() if wanted.get(key, value) is not None}


def tag_calls(whose, now, after, names, paths, removal="DELETE"):
    """Calls that lead from the tags now to those after. names: fields that say whose they are; paths: of setting and of removing one."""
    other = {key: value for key, value in after.items() if now.get(key) != value}
    calls = [(f"setting tag {key} of {whose}", "POST", paths[0], {**names, "key": key, "value": value}) for key, value in other.items()]
    return calls + [(f"removing tag {key} of {whose}", removal, paths[1], {**names, "key": key}) for key in now if key not in after]


def alias_calls(model, now, after):
    """Calls that lead from the aliases now ({alias: version}) to those after."""
    path, other = "registered-models/alias", {alias: version for alias, version in after.items() if now.get(alias) != version}
    calls = [(f"setting alias {alias} of model {model}", "POST", path, {"name": model, "alias": alias, "version": version}) for alias, version in other.items()]
    return calls + [(f"removing alias {alias} of model {model}", "DELETE", path, {"name": model, "alias": alias}) for alias in now if alias not in after]


def same_text(column, value):
    """A filter that finds a value. MLflow's filters have no way to write both kinds of quotes: then any character stands there, and who asks looks again."""
    if not set(value) & set(QUOTES):
        return f"{column} = '{value}'"
    return f"{column} LIKE '{''.join('_' if one in QUOTES else one for one in value)}'"


def experiment(found):
    names = ("experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time")
    return {**{name: found.get(name) for name in names}, "tags": pairs(found.get("tags"))}


def find_experiment(server, name):
    """The experiment of this name, deleted or not, or an empty dictionary."""
    found = server.find(f"asking for experiment {name}", "GET", "experiments/get-by-name", {"experiment_name": name})
    return experiment(found["experiment"]) if found else {}


def logged_run(found):
    info, data = found["info"], found.get("data", {})
    names = ("run_id", "run_name", "experiment_id", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri")
    return {**{name: info.get(name) for name in names}, **{part: pairs(data.get(part)) for part in ("metrics", "params", "tags")}}


def registered_model(found):
    return {
        "name": found["name"], "description": found.get("description", ""), "tags": pairs(found.get("tags")),
        "aliases": {one["alias"]: str(one["version"]) for one in found.get("aliases") or []},
        "creation_timestamp": found.get("creation_timestamp"), "last_updated_timestamp": found.get("last_updated_timestamp"),
    }


def find_model(server, name):
    """The registered model of this name, or an empty dictionary."""
    found = server.find(f"asking for model {name}", "GET", "registered-models/get", {"name": name})
    return registered_model(found["registered_model"]) if found else {}


def model_version(found, aliases=None):
    """A version, with its aliases where those of its model ({alias: version}) are known."""
    number, names = str(found["version"]), ("source", "run_id", "description", "status")
    own = {} if aliases is None else {"aliases": sorted(alias for alias, version in aliases.items() if version == number)}
    return {
        "name": found["name"], "version": number, **{name: found.get(name) or "" for name in names},
        "tags": pairs(found.get("tags")), "creation_timestamp": found.get("creation_timestamp"), **own,
    }


def webhook(found):
    events = sorted(f"{one['entity']}.{one['action']}".lower() for one in found.get("events") or [])
    names = ("webhook_id", "name", "url", "description", "status")
    return {**{name: found.get(name) or "" for name in names}, "events": events}


def workspace(found):
    return {name: found.get(name) or "" for name in ("name", "description", "default_artifact_root")}


def want(module, message):
    """Something that has to be there is not: an error, but in check mode, where an earlier task of the same run may be what makes it."""
    if not module.check_mode:
        raise MlflowError(message)
    module.warn(f"{message}; it counts as there, since this is a check run")


def make(server, calls):
    """Make the calls and return the answer to the last. In place of one may stand a function: it is given the answer before it and returns calls."""
    left, answer = list(calls), {}
    while left:
        call = left.pop(0)
        if callable(call):
            left = call(answer) + left
        else:
            answer = server.ask(*call)
    return answer


def conclude(module, server, kind, now, after, calls, shown, read):
    """Make the calls, unless this is a check run, and end the module. shown: names of what a difference is shown of; read: gives what is there then."""
    before, wanted = ({name: one[name] for name in shown if name in one} for one in (now, after))
    if calls and not module.check_mode:
        make(server, calls)
        after = read()
    module.exit_json(changed=bool(calls), diff={"before": before, "after": wanted}, **{kind: after})
