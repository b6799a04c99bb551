# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a version must be before an alias may stand for it, and who may have it stand there."""

from __future__ import annotations

from ansible_collections.mlops.mlflow.plugins.module_utils import content


def moved(now, after):
    """Yield (alias, version) for each alias that a plan sets or moves."""
    for alias, version in after["aliases"].items():
        if now.get("aliases", {}).get(alias) != version:
            yield alias, version


def _tag_problems(wanted, tags):
    for key, value in wanted.items():
        if key not in tags:
            yield f"it has no tag {key}"
        elif value is not None and tags[key] != content.text(value):
            yield f"its tag {key} is {tags[key]!r} and must be {content.text(value)!r}"


def _metric_problems(wanted, metrics):
    for bounds in wanted:
        key = bounds["name"]
        value = metrics.get(key)
        if value is None:
            yield f"its run has no metric {key}"
            continue
        # a metric that is no number (NaN) is neither at least nor at most anything
        if bounds["min"] is not None and not value >= bounds["min"]:
            yield f"its metric {key} is {value} and must be at least {bounds['min']}"
        if bounds["max"] is not None and not value <= bounds["max"]:
            yield f"its metric {key} is {value} and must be at most {bounds['max']}"


def version_of(server, model, number):
    """A version of a model, or an empty dictionary."""
    found = server.find(f"asking for version {number} of model {model}", "GET", "model-versions/get", {"name": model, "version": number})
    return content.model_version(found["model_version"]) if found else {}


def problems(server, policies, version, alias, who):
    """Yield why a version must not have the alias, as far as the policies for it say so. who: the user who asks, or None."""
    for policy in policies:
        if policy["alias"] != alias or (policy["registered_models"] is not None and version["name"] not in policy["registered_models"]):
            continue
        if policy["movers"] is not None and who not in policy["movers"]:
            yield f"{who or 'who has not logged in'} may not move it, only {', '.join(policy['movers']) or 'nobody'} may"
        yield from _tag_problems(policy["tags"], version["tags"])
        if policy["metrics"] and not version["run_id"]:
            yield "it was made without a run, which would have its metrics"
        elif policy["metrics"]:
            run = server.ask(f"asking for run {version['run_id']}", "GET", "runs/get", {"run_id": version["run_id"]})["run"]
            yield from _metric_problems(policy["metrics"], content.logged_run(run)["metrics"])
