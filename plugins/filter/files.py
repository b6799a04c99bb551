# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters: which files and folders of a host differ from what they should be."""

from __future__ import annotations

import hashlib

from ansible.errors import AnsibleFilterError


def differing(wanted, present):
    """Entries of wanted that a host lacks or has otherwise.

    wanted: list of {"dest": path, "content": str, "mode": four octal digits as str, "0644" unless given}, owned by root.
    present: dictionary by path of {"sha256", "mode", "uid", "gid"} or None, as mlops.mlflow.mlflow_host_info returns it.
    Raises AnsibleFilterError when the host was not asked about one of the files.
    """
    found = []
    for entry in wanted:
        if entry["dest"] not in present:
            raise AnsibleFilterError(f"the host was not asked about {entry['dest']}")
        now = present[entry["dest"]]
        digest = hashlib.sha256(entry["content"].encode()).hexdigest()
        if not now or (now["sha256"], now["mode"], now["uid"], now["gid"]) != (digest, entry.get("mode", "0644"), 0, 0):
            found.append(entry)
    return found


def differing_folders(wanted, present, uid, gid):
    """Entries of wanted that a host lacks or has otherwise, each with its owner, group and mode.

    wanted: list of {"path": str, "owner": number, "group": number, "mode": octal digits as str}; without them an entry has uid, gid and "0755".
    present: dictionary by path of {"exists", "is_dir", "mode", "uid", "gid"}, as mlops.mlflow.mlflow_host_info returns it.
    Raises AnsibleFilterError when the host was not asked about one of the folders.
    """
    found = []
    for entry in wanted:
        entry = {"owner": str(uid), "group": str(gid), "mode": "0755", **entry}
        if entry["path"] not in present:
            raise AnsibleFilterError(f"the host was not asked about {entry['path']}")
        now = present[entry["path"]]
        owned = (str(now["uid"]), str(now["gid"]), int(now["mode"], 8)) == (str(entry["owner"]), str(entry["group"]), int(entry["mode"], 8))
        if not (now["exists"] and now["is_dir"] and owned):
            found.append(entry)
    return found


class FilterModule:
    def filters(self):
        return {"differing": differing, "differing_folders": differing_folders}
