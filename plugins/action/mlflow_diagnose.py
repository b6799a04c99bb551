# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part of mlflow_diagnose that runs on the controller: it tries to reach the server as a client does, and judges what was found."""

from __future__ import annotations

import time

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.mlops.mlflow.plugins.filter.files import differing
from ansible_collections.mlops.mlflow.plugins.plugin_utils import diagnosis, reach


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        ask = dict(self._task.args)
        files = ask.get("files") or []
        # Contents may be secret: the host is asked for checksums.
        ask["files"] = [{"dest": entry["dest"]} for entry in files]
        began = time.time()
        found = self._execute_module(module_args=ask, task_vars=task_vars)
        ended = time.time()
        if found.get("failed"):
            return dict(result, **found)
        server = found["server"]
        facts = task_vars.get("ansible_facts") or {}
        names = [task_vars.get("ansible_host") or task_vars["inventory_hostname"], (facts.get("default_ipv4") or {}).get("address")]
        seen = dict(
            found,
            expected=ask["expected"],
            runtime=ask.get("runtime") or [],
            tree_wanted=ask.get("tree") or [],
            watchdog=ask.get("watchdog") or "",
            differing=[entry["dest"] for entry in differing(files, found["looks"]["files"]["value"] or {entry["dest"]: None for entry in files})],
            # The host's clock cannot be read at a known moment of ours, only between two.
            skew=[found["times"][1] - ended, found["times"][0] - began],
            reach=reach.reach(server, [name for name in names if name]),
            certificate=reach.certificate(server["public_url"], ask.get("authority") or ""),
        )
        lines = diagnosis.judge(seen)
        table = diagnosis.table(task_vars["inventory_hostname"], lines)
        # As it is: a callback would fold and quote its lines.
        Display().display("\n".join(["", *table, ""]))
        return dict(result, changed=False, lines=lines, worst=diagnosis.worst(lines), table=table)
