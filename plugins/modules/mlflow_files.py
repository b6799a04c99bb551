#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_files
short_description: Keep folders and files of a host, all of them in one round trip
version_added: 0.1.0
description:
  - Creates folders and writes whole files with given contents, owner and mode. What is as it should be is left alone.
  - A file is replaced at once (rename(2)), so that a reader or a run that is cut off never sees half of one.
  - M(ansible.builtin.copy) takes two round trips for each file; a service of twenty files is written in one of these.
options:
  folders:
    description: Folders, each after the one that it is in. Missing parents are created with mode 0755. What is in a folder is never touched.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      mode:
        description: Permissions as four octal digits.
        type: str
        default: "0755"
      owner:
        description: Name or number of the owner.
        type: str
        default: root
      group:
        description: Name or number of the group.
        type: str
        default: root
  files:
    description: Files, written in this order after O(folders).
    type: list
    elements: dict
    default: []
    suboptions:
      dest:
        description: Absolute path. Its folder must be there, or among O(folders).
        type: path
        required: true
      content:
        description: What the file holds. It reaches the host through O(contents), which no log and no result shows.
        type: str
      mode:
        description: Permissions as four octal digits.
        type: str
        default: "0644"
      owner:
        description: Name or number of the owner.
        type: str
        default: root
      group:
        description: Name or number of the group.
        type: str
        default: root
  contents:
    description: The contents of O(files) as a JSON list in Base64. The part of this module on the controller makes it; leave it out.
    type: str
attributes:
  check_mode:
    description: Tells what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows what changes in each file. Tasks that write secrets set C(diff) to false and C(no_log) to true.
    support: full
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Write two units
  mlops.mlflow.mlflow_files:
    folders:
      - path: /etc/mlflow
    files:
      - dest: /etc/systemd/system/one.service
        content: "{{ lookup('ansible.builtin.template', 'one.service.j2') }}"
      - dest: /etc/mlflow/one.env
        content: "NAME=value\n"
        mode: "0600"
"""

RETURN = r"""
written:
  description: Paths of folders and files that were created, replaced or given another owner or mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/mlflow, /etc/mlflow/one.env]
"""

import base64
import grp
import json
import os
import pwd
import tempfile

from ansible.module_utils.basic import AnsibleModule

OWNED = {"owner": {"type": "str", "default": "root"}, "group": {"type": "str", "default": "root"}}


def known(entry):
    """Whether the host has owner and group, by name (getpwnam(3), getgrnam(3)) or number."""
    try:
        for name, look in ((entry["owner"], pwd.getpwnam), (entry["group"], grp.getgrnam)):
            name.isdigit() or look(name)
    except KeyError:
        return False
    return True


class Keeper:
    """Brings folders and files to what they should be, or in check mode finds out what that would change."""

    def __init__(self, module):
        self.module, self.written, self.before = module, [], {}

    def attributes(self, name, entry):
        """Whether owner, group or mode are others than they should be. What a check run would have created has none yet, nor has who would own it."""
        if not os.path.lexists(name) or (self.module.check_mode and not known(entry)):
            return True
        wanted = self.module.load_file_common_arguments(dict(entry, path=name))
        return self.module.set_fs_attributes_if_different(wanted, False)

    def folder(self, entry):
        name, changed = entry["path"], False
        if not os.path.isdir(name):
            changed = True
            if not self.module.check_mode:
                os.makedirs(name, mode=0o755)
        if self.attributes(name, entry) or changed:
            self.written.append(name)

    def file(self, entry, content):
        name, now = entry["dest"], None
        if os.path.lexists(name):
            with open(name, "rb") as handle:
                now = handle.read()
        changed = now != content
        if changed:
            self.before[name] = base64.b64encode(now or b"").decode()
            if not self.module.check_mode:
                self.replace(name, entry, content)
        if self.attributes(name, entry) or changed:
            self.written.append(name)

    def replace(self, name, entry, content):
        """Write beside the old file, with the right owner and mode from the first byte on, and take its place."""
        descriptor, new = tempfile.mkstemp(prefix=".ansible_tmp", dir=os.path.dirname(name))
        try:
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(content)
                os.fsync(handle.fileno())
            self.module.set_fs_attributes_if_different(self.module.load_file_common_arguments(dict(entry, path=new)), False)
            os.replace(new, name)
        except BaseException:
            os.unlink(new)
            raise


def main():
    module = AnsibleModule(
        argument_spec={
            "folders": {"type": "list", "elements": "dict", "default": [], "options": {
                "path": {"type": "path", "required": True}, "mode": {"type": "str", "default": "0755"}, **OWNED}},
            "files": {"type": "list", "elements": "dict", "default": [], "options": {
                "dest": {"type": "path", "required": True}, "content": {"type": "str", "no_log": True},
                "mode": {"type": "str", "default": "0644"}, **OWNED}},
            "contents": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    keeper, name = Keeper(module), ""
    contents = json.loads(base64.b64decode(module.params["contents"] or "W10="))
    try:
        for entry in module.params["folders"]:
            name = entry["path"]
            keeper.folder(entry)
        for entry, content in zip(module.params["files"], contents):
            name = entry["dest"]
            keeper.file(entry, content.encode())
    except OSError as error:
        module.fail_json(msg=f"{name} could not be written: {error.strerror}", written=keeper.written)
    module.exit_json(changed=bool(keeper.written), written=keeper.written, before=keeper.before)


if __name__ == "__main__":
    main()
