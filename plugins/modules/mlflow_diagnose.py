#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_diagnose
short_description: Look at a tracking server and at all that it depends on, and judge what is found
version_added: 0.2.0
description:
  - Looks at engine, unit, container, answers, schema, disk, tree, database, artifacts, memory and clock of one tracking server, in one round trip.
  - Every look has a time limit of its own, so that a server, an engine or a mount that hangs does not hold up the others. It changes nothing.
  - Then tries from the controller to reach the server, judges each finding as V(ok), V(warn) or V(fail), and shows a table with the command to run next.
options:
  expected:
    description:
      - What the inventory asks for, in the form of the fact that role mlops.mlflow.mlflow writes. Where that fact is on the host, it is what is looked at.
    type: dict
    required: true
  fact:
    description: Path of that fact on the host.
    type: path
    required: true
  watchdog:
    description: Name of the watchdog's systemd unit, or empty where there shall be none.
    type: str
    default: ""
  backup:
    description: Path of the fact in which the last backup is recorded.
    type: path
    default: ""
  tree:
    description: Folders that the server needs, each with C(path), and C(owner), C(group) and C(mode) unless they are those of the server and C(0755).
    type: list
    elements: dict
    default: []
  files:
    description: Files of the service, each with C(dest), C(content) and C(mode). The contents stay on the controller.
    type: list
    elements: dict
    default: []
  runtime:
    description: Those of O(files) that the server reads when it starts.
    type: list
    elements: str
    default: []
  authority:
    description: Certificates of a site's own CA (PEM), which the controller trusts for the public URL beside those of its machine.
    type: str
    default: ""
  seconds:
    description: Time limit of each look.
    type: int
    default: 20
extends_documentation_fragment:
  - mlops.mlflow.reads
attributes:
  action:
    description: Has a part that runs on the controller.
    support: full
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Look at the server
  mlops.mlflow.mlflow_diagnose:
    expected: "{{ ansible_facts['ansible_local']['mlflow'] }}"
    fact: /etc/ansible/facts.d/mlflow.fact
  register: diagnosis
"""

RETURN = r"""
lines:
  description: One dictionary for each line of the table, with C(name), C(status), C(value) and C(next), the command to run next.
  returned: always
  type: list
  elements: dict
  sample: [{name: engine, status: fail, value: the daemon does not answer, next: systemctl start docker}]
worst:
  description: The worst status of all lines.
  returned: always
  type: str
  sample: ok
table:
  description: The same lines as text.
  returned: always
  type: list
  elements: str
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import engine, host, looks, network, service, store

# What is known of an Engine that must not be asked.
STOPPED = {"present": True, "cli": "docker", "active": False, "root": "/var/lib/docker"}


def clock(module):
    """What the host's clock says, whether something sets it, and whether it is the host's own (a container has that of its host)."""
    _code, out, _err = module.run_command("timedatectl show --property=NTPSynchronized --value") if module.get_bin_path("timedatectl") else (0, "", "")
    return {"synchronised": {"yes": True, "no": False}.get(out.strip()), "own": not os.path.exists("/run/systemd/container")}


def asleep(units):
    """Whether the Engine is stopped and its socket waits: whoever asked it would start it."""
    state = {name: units.get(name, {}).get("ActiveState") for name in ("docker.service", "docker.socket")}
    return state["docker.socket"] == "active" and state["docker.service"] in ("inactive", "failed")


def disk(root, daemon_root):
    found = {}
    for name in (root, daemon_root):
        place = host.path(name)
        room = os.statvfs(place["existing"])
        found[place["mount"]] = {"free": room.f_bavail * room.f_frsize, "size": room.f_blocks * room.f_frsize, "read_only": place["read_only"],
                                 "free_inodes": place["free_inodes"], "inodes": room.f_files}
    return found


def speed(server, database, seconds):
    """Seconds of the search that is hardest for SQLite: the runs of the largest experiments, ordered by a metric."""
    order, experiments, runs = ["attributes.start_time DESC"], ["0"], None
    if database:
        inside = store.contents_or_nothing(database, seconds / 2)
        experiments, runs = [str(number) for number, _name, _count in inside["most"]] or ["0"], sum(inside["runs"].values())
        order = [f"metrics.`{inside['metric']}` DESC"] if inside["metric"] else order
    body = {"experiment_ids": experiments, "order_by": order, "max_results": 100}
    return dict(service.ask(server["local_url"], "/api/2.0/mlflow/runs/search", seconds, body=body,
                            headers=service.administrator(server)), runs=runs, order=order[0])


def first_looks(module, ask, server, client):
    url, public = server["local_url"], server["public_url"]
    netloc = public.split("://")[-1].split("/")[0].lower()
    origin = f"{public.split('://')[0]}://{netloc}"
    seconds, login = ask["seconds"], service.administrator(server)
    return {
        "engine": lambda: dict(STOPPED) if client["asleep"] else engine.engine(module),
        "container": lambda: service.container(module, client, server["service"]),
        "listeners": lambda: network.listeners(module, dict(client, active=bool(client["cli"])), [server["port"]]),
        "health": lambda: service.ask(url, "/health", seconds),
        "version": lambda: service.ask(url, "/version", seconds, headers=login),
        "api": lambda: service.ask(url, "/api/2.0/mlflow/experiments/search", seconds, host=netloc, origin=origin, body={"max_results": 1},
                                   headers=login),
        "restarts": lambda: service.restarts(module, server["unit"]),
        "tree": lambda: {entry["path"]: host.path(entry["path"]) for entry in ask["tree"]},
        "files": lambda: {entry["dest"]: host.file(entry["dest"]) for entry in ask["files"]},
        "database": lambda: store.files(database_of(server)) if database_of(server) else None,
        "backup": lambda: host.parse_json(host.read(ask["backup"])),
        "clock": lambda: clock(module),
        "memory": lambda: {line.split(":")[0]: int(line.split()[1]) * 1024 for line in host.read("/proc/meminfo").decode().splitlines()},
    }


def more_looks(module, ask, server, client, found):
    """What takes the disk or waits for the answers of the first looks."""
    database, folder = database_of(server), server["artifacts_destination"]
    now = found["container"]["value"] or {}
    # Each ends by itself a little before it would be ended.
    seconds = ask["seconds"] * 0.9
    daemon = found["engine"]["value"] or STOPPED
    more = {"search": lambda: speed(server, database, seconds), "disk": lambda: disk(server["root"], daemon["root"])}
    if client["cli"]:
        more["expected_schema"] = lambda: service.expected_schema(
            module, client, server["service"], now.get("image") or server["image"], now.get("status") == "running")
    if database:
        more["integrity"] = lambda: store.integrity(database, seconds)
        more["contents"] = lambda: store.contents(database, seconds)
    if "://" not in folder:
        more["artifacts"] = lambda: store.artifacts(folder, seconds)
    return more


def database_of(server):
    return server["backend_store"][len("sqlite:///"):] if server["backend_store"].startswith("sqlite:///") else ""


def main():
    module = AnsibleModule(
        argument_spec={
            "expected": {"type": "dict", "required": True},
            "fact": {"type": "path", "required": True},
            "watchdog": {"type": "str", "default": ""},
            "backup": {"type": "path", "default": ""},
            "tree": {"type": "list", "elements": "dict", "default": []},
            "files": {"type": "list", "elements": "dict", "default": []},
            "runtime": {"type": "list", "elements": "str", "default": []},
            "authority": {"type": "str", "default": ""},
            "seconds": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    began, ask = time.time(), module.params
    recorded = host.parse_json(host.read(ask["fact"]))
    server = dict(ask["expected"], **(recorded or {}))
    names = [server["unit"], "docker.service", "docker.socket"] + [ask["watchdog"]] * bool(ask["watchdog"])
    found = looks.look({"units": lambda: service.units(module, names)}, ask["seconds"])
    sleeping = asleep(found["units"]["value"] or {})
    client = {"cli": "" if sleeping else module.get_bin_path("docker") or "", "asleep": sleeping}
    found.update(looks.look(first_looks(module, ask, server, client), ask["seconds"]))
    found.update(looks.look(more_looks(module, ask, server, client, found), ask["seconds"]))
    module.exit_json(changed=False, server=server, recorded=recorded, looks=found, times=[began, time.time()])


if __name__ == "__main__":
    main()
