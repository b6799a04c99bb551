# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading a Docker Engine through its own client: the daemon, one container, images.

Every function reads and none writes. Times are seconds since the epoch, a thing that is not there is an empty value.
Sources: docker-info(1), docker-inspect(1), systemctl(1).
"""

from __future__ import annotations

import datetime
import grp
import os
import re

from ansible_collections.mlops.mlflow.plugins.module_utils.host import file, parse_json, path, read

DOCKER_MARKER = "/etc/ansible/facts.d/mlflow_docker.fact"
DOCKER_CONFIG = "/etc/docker/daemon.json"
DOCKER_PROXY_UNIT = "/etc/systemd/system/docker.service.d/50-mlflow-proxy.conf"
DOCKER_PROXY_ENVIRONMENT = "/etc/docker/mlflow-proxy.env"


def docker(module, engine, *arguments):
    """Standard output of the Docker client, or an empty string where it fails."""
    if not engine.get("cli"):
        return ""
    code, out, _err = module.run_command([engine["cli"], *arguments])
    return out if code == 0 else ""


def engine(module):
    """State of the Docker Engine, as a dictionary; ``active`` tells whether the daemon answered."""
    found = {
        "present": False,
        "cli": module.get_bin_path("docker") or "",
        "daemon": module.get_bin_path("dockerd") or "",
        "active": False,
        "server_version": "",
        "buildkit": False,
        "root": "/var/lib/docker",
        "data_root": "/var/lib/docker",
        "maps_users": False,
        "marker": parse_json(read(DOCKER_MARKER)),
        "daemon_config": file(DOCKER_CONFIG),
        "files": {name: file(name) for name in (DOCKER_CONFIG, DOCKER_PROXY_UNIT, DOCKER_PROXY_ENVIRONMENT)},
        "unit": _docker_unit(module),
        "members": _members("docker"),
    }
    if found["files"][DOCKER_PROXY_ENVIRONMENT]:
        # It may hold a password, and a short one can be guessed from its checksum.
        found["files"][DOCKER_PROXY_ENVIRONMENT]["sha256"] = ""
    # A daemon without a client is an engine too: Debian 13 has the client in a package of its own.
    found["present"] = bool(found["daemon"]) or os.path.exists("/run/docker.sock")
    answer = parse_json(docker(module, found, "info", "--format", "{{json .}}"))
    if answer and answer.get("ServerVersion"):
        found.update(active=True, server_version=answer["ServerVersion"], root=answer.get("DockerRootDir", found["root"]))
        found["maps_users"] = "name=userns" in (answer.get("SecurityOptions") or [])
        # Under a map of users, images and containers are in a folder of their own below the data root: root/100000.100000.
        found["data_root"] = os.path.dirname(found["root"]) if found["maps_users"] else found["root"]
        major = int(re.match(r"\d*", answer["ServerVersion"]).group() or 0)
        # BuildKit is part of the client until 22; from 23 on, where clients tell their version here, `docker build` needs the buildx plug-in for it.
        client = answer.get("ClientInfo") or {}
        plugins = [plugin.get("Name") for plugin in client.get("Plugins") or []]
        found["buildkit"] = "buildx" in plugins or (18 < major < 23 and not client.get("Version"))
    found["free_bytes"] = path(found["root"])["free_bytes"]
    return found


def _docker_unit(module):
    """Whether docker.service runs, whether it boots with the host, and when its process started (seconds since the epoch, 0 when it does not run)."""
    found = {"active": False, "enabled": False, "started": 0.0}
    systemctl = module.get_bin_path("systemctl")
    if not systemctl:
        return found
    keys = "--property=ActiveState,UnitFileState,ExecMainStartTimestamp"
    _code, out, _err = module.run_command([systemctl, "show", "--timestamp=us+utc", keys, "docker.service"])
    pairs = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    found["active"] = pairs.get("ActiveState") == "active"
    found["enabled"] = pairs.get("UnitFileState") == "enabled"
    if found["active"]:
        # "Mon 2026-11-23 12:42:10.123456 UTC"
        found["started"] = epoch(pairs["ExecMainStartTimestamp"][4:-4].replace(" ", "T"))
    return found


def _members(group):
    try:
        return grp.getgrnam(group).gr_mem
    except KeyError:
        return []


def epoch(timestamp):
    """Seconds since the epoch of an RFC 3339 time in UTC with up to nine decimals, as the Engine writes it."""
    whole, _dot, fraction = timestamp.rstrip("Z").partition(".")
    moment = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp() + float("0." + (fraction or "0"))


def container(module, engine_state, name):
    """The service's container: its image, the ports it publishes and when it was started (seconds since the epoch)."""
    found = {"container": "", "image": "", "started": 0.0, "ports": []}
    answer = parse_json(docker(module, engine_state, "container", "inspect", name)) if engine_state["active"] else None
    if answer:
        bindings = answer[0]["HostConfig"].get("PortBindings") or {}
        found.update(
            container=answer[0]["State"]["Status"],
            image=answer[0]["Config"]["Image"],
            started=epoch(answer[0]["State"]["StartedAt"]),
            ports=sorted({int(one["HostPort"]) for many in bindings.values() for one in many or [] if one["HostPort"]}),
        )
    return found


def images(module, engine_state, names):
    if not names or not engine_state["active"]:
        return dict.fromkeys(names)
    found = {}
    for name in names:
        found[name] = docker(module, engine_state, "image", "inspect", "--format", "{{.Id}}", name).strip() or None
    return found
