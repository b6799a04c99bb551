#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_host_info
short_description: Read everything about a host that an MLflow server depends on, in one round trip
version_added: 0.1.0
description:
  - Reads the state of the Docker Engine, of one systemd service and its container, of TCP ports, paths, files and images.
  - It changes nothing and asks the Engine through its own command line client, so that it works with every Engine release.
  - One call replaces a dozen; that is what makes a run in which nothing changed take seconds.
options:
  service:
    description: Name of the systemd unit, without C(.service); the container carries the same name.
    type: str
  units:
    description: More systemd units to report on, with their suffix.
    type: list
    elements: str
    default: []
  ports:
    description: TCP ports whose listeners are reported. 1 to 65535.
    type: list
    elements: int
    default: []
  paths:
    description: Paths whose ownership, mode, mount and free room are reported. A path that does not exist is reported through its nearest existing parent.
    type: list
    elements: str
    default: []
  files:
    description: Files whose SHA-256 checksum, mode and owner are reported.
    type: list
    elements: str
    default: []
  images:
    description: Image references that are looked up in the Engine's own store. No registry is asked.
    type: list
    elements: str
    default: []
  urls:
    description:
      - HTTP or HTTPS addresses that have to answer. A refusal (401, 403, 407) is no answer.
      - Credentials in an address are used and never returned.
    type: list
    elements: str
    default: []
  proxies:
    description: Variables http_proxy, https_proxy and no_proxy that O(urls) are asked with. They may hold credentials.
    type: dict
    default: {}
  url_timeout:
    description: Seconds to wait for each of O(urls).
    type: int
    default: 10
  calendars:
    description: Calendar events as in systemd.time(7), which the host's systemd has to understand. Nothing is asked where it is not systemd that runs the host.
    type: list
    elements: str
    default: []
  ca_file:
    description: PEM file that is trusted for O(urls) in addition to the host's own trust store. It is also checked to be readable and to hold certificates.
    type: str
extends_documentation_fragment:
  - mlops.mlflow.reads
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Look at the host before anything on it is changed
  mlops.mlflow.mlflow_host_info:
    service: mlflow
    ports: [5001]
    paths: [/mlflow]
    images: ["python:3.12-slim"]
  register: host
"""

RETURN = r"""
systemd:
  description: Whether systemd is the host's PID 1 (sd_booted(3)).
  returned: always
  type: bool
cpus:
  description: Number of logical processors.
  returned: always
  type: int
memory_bytes:
  description: Installed memory in bytes (MemTotal of proc(5)).
  returned: always
  type: int
ca_bundle:
  description: The host's own trust store as one PEM file, or an empty string.
  returned: always
  type: str
ca_file_problem:
  description: Why O(ca_file) cannot be used, or an empty string.
  returned: always
  type: str
engine:
  description:
    - The Docker Engine. See also docker-version(1) and docker-info(1).
    - C(data_root) is the setting of that name, C(root) where images and containers are, which differs where the engine C(maps_users) (C(userns-remap)).
  returned: always
  type: dict
  sample: {present: true, cli: /usr/bin/docker, active: true, server_version: 26.1.5, buildkit: true, root: /var/lib/docker,
    data_root: /var/lib/docker, maps_users: false}
service:
  description: The systemd unit and its container, or an empty dictionary.
  returned: always
  type: dict
  sample: {active: active, enabled: enabled, container: running, image: "mlflow:3.17.2-1f2e3d4c5b6a", started: 1790000000.5, ports: [5001]}
units:
  description: State of O(units), by name, as dictionaries with C(active), C(enabled), C(load) and C(need_reload).
  returned: always
  type: dict
addresses:
  description: Addresses that others may reach the host at, as dictionaries with C(interface) and C(address); link-local ones and loopback left out.
  returned: always
  type: list
  elements: dict
listeners:
  description: Listeners on O(ports), as dictionaries with C(port), C(address), C(process), C(container).
  returned: always
  type: list
  elements: dict
paths:
  description:
    - O(paths) by path, as dictionaries with C(exists), C(existing), C(is_dir), C(mode), C(uid), C(gid), C(mount), C(read_only),
      C(free_bytes), C(free_inodes).
  returned: always
  type: dict
files:
  description: O(files) by path, as dictionaries with C(sha256), C(mode), C(uid), C(gid) and C(mtime), or null for a missing file.
  returned: always
  type: dict
images:
  description: Image id of each of O(images), or null.
  returned: always
  type: dict
calendars:
  description: One dictionary for each of O(calendars), in order, with C(ok) and C(reason).
  returned: always
  type: list
  elements: dict
urls:
  description: One dictionary for each of O(urls), in order, with C(ok) and C(reason).
  returned: always
  type: list
  elements: dict
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.mlflow.plugins.module_utils import engine, host, network


def main():
    module = AnsibleModule(
        argument_spec={
            "service": {"type": "str"},
            "units": {"type": "list", "elements": "str", "default": []},
            "ports": {"type": "list", "elements": "int", "default": []},
            "paths": {"type": "list", "elements": "str", "default": []},
            "files": {"type": "list", "elements": "str", "default": []},
            "images": {"type": "list", "elements": "str", "default": []},
            "urls": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "proxies": {"type": "dict", "default": {}, "no_log": True},
            "url_timeout": {"type": "int", "default": 10},
            "calendars": {"type": "list", "elements": "str", "default": []},
            "ca_file": {"type": "str"},
        },
        supports_check_mode=True,
    )
    ask = module.params
    os.environ.update(ask["proxies"])
    daemon = engine.engine(module)
    units = [f"{ask['service']}.service"] if ask["service"] else []
    states = host.units(module, units + ask["units"])
    service = {}
    if ask["service"]:
        service = dict(states[units[0]], **engine.container(module, daemon, ask["service"]))
    module.exit_json(
        changed=False,
        systemd=host.booted_with_systemd(),
        cpus=host.cpus(),
        memory_bytes=host.memory_bytes(),
        ca_bundle=host.ca_bundle(),
        ca_file_problem=host.ca_file_problem(ask["ca_file"]),
        engine=daemon,
        service=service,
        units={name: states[name] for name in ask["units"]},
        addresses=network.addresses(),
        listeners=network.listeners(module, daemon, ask["ports"]),
        paths={path: host.path(path) for path in ask["paths"]},
        files={path: host.file(path) for path in ask["files"]},
        images=engine.images(module, daemon, ask["images"]),
        calendars=[host.calendar(module, event) for event in ask["calendars"]],
        urls=[network.url(url, ask["url_timeout"], ask["ca_file"]) for url in ask["urls"]],
    )


if __name__ == "__main__":
    main()
