# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part of mlflow_files that runs on the controller: it packs the contents apart from the rest, and shows what changed in them."""

from __future__ import annotations

import base64
import json

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        ask = dict(self._task.args)
        files = ask.get("files") or []
        if "contents" in ask or not all("content" in entry for entry in files):
            raise AnsibleActionFail("Each entry of 'files' needs its 'content', and 'contents' is made of them.")
        # A template that comes out empty is nothing at all on newer cores.
        contents = {entry["dest"]: "" if entry["content"] is None else str(entry["content"]) for entry in files}
        ask["files"] = [{key: value for key, value in entry.items() if key != "content"} for entry in files]
        ask["contents"] = base64.b64encode(json.dumps(list(contents.values())).encode()).decode()
        found = self._execute_module(module_args=ask, task_vars=task_vars)
        before = found.pop("before", {})
        if self._task.diff:
            found["diff"] = [
                {"before_header": name, "after_header": name, "before": base64.b64decode(old).decode(errors="replace"), "after": contents[name]}
                for name, old in before.items()]
        return dict(result, **found)
