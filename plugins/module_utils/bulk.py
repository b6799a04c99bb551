# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan for all that is written of a server's content: made of lists of what is there, refused or carried out as a whole."""

from __future__ import annotations

from ansible_collections.mlops.mlflow.plugins.module_utils import access, content, plans, promotion
from ansible_collections.mlops.mlflow.plugins.module_utils.rest import MlflowError

PAGE = 1000


class Plan:
    """What is there, what shall be, and what is in the way."""

    def __init__(self, module, server):
        self.module, self.server, self.wanted = module, server, module.params
        self.steps, self.problems = [], []
        self.experiments = self.models = self.users = {}

    def add(self, what, now, after, calls, shown, after_call=None):
        if calls:
            differences = [{name: one[name] for name in shown if name in one} for one in (now, after)]
            self.steps.append((what, *differences, calls, after_call))

    def try_to(self, function, *given):
        """What a planning function returns, or what was there before and no call: its complaint is one of the problems."""
        try:
            return function(*given)
        except MlflowError as problem:
            self.problems.append(str(problem))
            return given[-1], []

    def missing(self, message):
        """Something has to be there and is not. In check mode an earlier task of the same run may be what makes it."""
        if self.module.check_mode:
            self.module.warn(f"{message}; it counts as there, since this is a check run")
        else:
            self.problems.append(message)

    def plan_experiments(self):
        fields = {"max_results": PAGE, "view_type": "ALL"}
        found = map(content.experiment, self.server.pages("listing experiments", "POST", "experiments/search", "experiments", fields))
        self.experiments = {one["name"]: one for one in found}
        for one in self.wanted["experiments"]:
            now = self.experiments.get(one["name"], {})
            after, calls = self.try_to(plans.experiment, one, now)
            self.add(f"experiment {one['name']}", now, after, calls, plans.EXPERIMENT, None if now else one["name"])
            self.experiments[one["name"]] = after

    def plan_models(self):
        found = self.server.pages("listing models", "GET", "registered-models/search", "registered_models", {"max_results": PAGE})
        self.models = {one["name"]: content.registered_model(one) for one in found}
        for one in self.wanted["registered_models"]:
            now = self.models.get(one["name"], {})
            after, calls = plans.registered_model(one, now)
            for alias, version in promotion.moved(now, after):
                found = promotion.version_of(self.server, one["name"], version) if now else {}
                if not found:
                    self.missing(f"model {one['name']} has no version {version} that alias {alias} could stand for")
                    continue
                reasons = list(promotion.problems(self.server, self.wanted["promotion"], found, alias, self.wanted["username"]))
                if reasons:
                    self.problems.append(f"alias {alias} of model {one['name']} must not stand for version {version}: {', '.join(reasons)}")
            self.add(f"model {one['name']}", now, after, calls, plans.MODEL)
            self.models[one["name"]] = after

    def plan_users(self):
        self.users = {one["username"]: one for one in access.users(self.server)}
        for one in self.wanted["users"]:
            now = self.users.get(one["name"], {})
            after, calls = self.try_to(plans.user, one, now)
            self.add(f"user {one['name']}", now, after, calls, plans.USER)
            self.users[one["name"]] = after

    def plan_permissions(self):
        names = {one["user"] for one in self.wanted["permissions"]}
        granted = {name: access.permissions(self.server, name) for name in sorted(names)}
        for one in self.wanted["permissions"]:
            kind, name = ("experiment", one["experiment"]) if one["experiment"] is not None else ("registered_model", one["registered_model"])
            there = (self.experiments if kind == "experiment" else self.models).get(name)
            for missing, what in ((not self.users.get(one["user"]), f"user {one['user']}"), (name != "*" and not there, f"{kind.replace('_', ' ')} {name}")):
                if missing and one["state"] == "present":
                    self.missing(f"there is no {what} for the permission of user {one['user']}")
            resource = name if kind == "registered_model" or name == "*" else (there or {}).get("experiment_id")
            now = plans.grant(granted[one["user"]], kind, resource, self.wanted["workspace"] or "default")
            after, calls = plans.permission(one, now, kind, resource)
            if resource is None and calls:
                # the experiment is made by an earlier step of this plan
                calls = [lambda _answer, one=one, name=name: plans.permission(one, {}, "experiment", self.experiments[name]["experiment_id"])[1]]
            self.add(f"permission of user {one['user']} for {kind.replace('_', ' ')} {name}", now, after, calls, plans.PERMISSION)

    def carry_out(self):
        for _what, _before, _after, calls, made in self.steps:
            answer = content.make(self.server, calls)
            if made:
                self.experiments[made]["experiment_id"] = answer["experiment_id"]


def told(steps):
    """What the steps do, in words."""
    said = []
    for what, before, after, calls, _made in steps:
        words = [call[0] for call in calls if not callable(call)]
        verb = "revoking" if before and not after else "changing" if before else "granting"
        said += [f"{verb} the {what}"] if what.startswith("permission ") else words
    return said


def twice(wanted):
    """Yield what is written more than once, of which only one could hold."""
    keys = {"experiments": ("name",), "registered_models": ("name",), "users": ("name",), "permissions": ("user", "experiment", "registered_model")}
    for kind, names in keys.items():
        seen = set()
        for one in wanted[kind]:
            key = tuple(one[name] for name in names)
            if key in seen:
                yield f"{kind} has {', '.join(part for part in key if part)} twice"
            seen.add(key)
