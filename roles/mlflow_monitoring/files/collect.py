#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures a tracking server and writes what MLflow itself does not tell, as a file of Prometheus' text format. Standard library only.

    collect.py server       what is quick to find out
    collect.py artifacts    what takes a look at every file of the artifacts

Nothing is changed, neither in the database nor beside it. A part that cannot be found out is left out and told as such; the others are told all the same.
Sizes are bytes, times are seconds since 1970.
"""

from __future__ import annotations

import json
import os
import sys
import time

import contents
import parts
from exposition import Page

# Names of the parts, and who finds them out: each is given the page, the settings and what is deployed.
SERVER = {"deployed": parts.deployed, "answer": parts.answer, "database": contents.database, "disk": parts.disk, "certificate": parts.certificates,
          "backup": parts.backup}
ARTIFACTS = {"artifacts": parts.artifacts}


def read(file):
    with open(file, encoding="utf-8") as handle:
        return json.load(handle)


def measure(page, settings, which):
    """Tell all parts. Returns what went wrong, by part."""
    wrong = {}
    try:
        fact = read(settings["fact"])
    except (OSError, ValueError) as error:
        return dict.fromkeys(which, f"{settings['fact']}: {error}")
    for name, tell in which.items():
        try:
            tell(page, settings, fact)
        except Exception as error:  # whatever it is, the other parts are told
            wrong[name] = str(error) or type(error).__name__
    return wrong


def main(words):
    if words not in (["server"], ["artifacts"]):
        sys.exit(__doc__)
    settings = read(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "monitoring.json"))
    collector, which = words[0], ARTIFACTS if words == ["artifacts"] else SERVER
    page, began = Page(settings["service"]), time.time()
    wrong = measure(page, settings, which)
    for name in which:
        page.tell("mlflow_monitoring_success", "1 where this part could be found out.", int(name not in wrong), part=name)
    page.tell("mlflow_monitoring_timestamp_seconds", "When it was measured.", began, collector=collector)
    page.tell("mlflow_monitoring_interval_seconds", "How often it is measured.", settings["intervals"][collector], collector=collector)
    page.tell("mlflow_monitoring_duration_seconds", "How long that took.", time.time() - began, collector=collector)
    page.write(os.path.join(settings["folder"], settings["files"][collector]))
    for name, reason in wrong.items():
        print(f"{name}: {reason}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
