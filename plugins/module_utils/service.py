# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading a tracking server that runs, or should: its units, its container, its answers, the schema that its image expects.

Every function reads and none writes. Sizes are bytes, times are seconds. Sources: systemctl(1), journalctl(1), docker-inspect(1), proc(5), cgroups(7).
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import time
import urllib.parse

from ansible_collections.mlops.mlflow.plugins.module_utils.engine import docker, epoch
from ansible_collections.mlops.mlflow.plugins.module_utils.host import parse_json, read, shown

# SD_MESSAGE_UNIT_RESTART_SCHEDULED of sd-messages.h
RESTART = "5eb03494b6584870a536b337290809b3"
# The migrations lie in the image as files; nothing of MLflow is imported.
REVISIONS = r"""
import glob, importlib.util, json, re
folder = importlib.util.find_spec("mlflow").submodule_search_locations[0] + "/store/db_migrations/versions/"
texts = [open(name).read() for name in glob.glob(folder + "*.py")]
known = [one for text in texts for one in re.findall(r"^revision\s*(?::[^=]*)?=\s*[\"'](\w+)", text, re.M)]
before = " ".join(one for text in texts for one in re.findall(r"^down_revision\s*(?::[^=]*)?=(.*)$", text, re.M))
print(json.dumps({"known": known, "heads": [one for one in known if one not in before]}))
"""


def units(module, names):
    """State of systemd units, by name, with systemd's own names of the properties."""
    properties = ["LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "NeedDaemonReload", "NRestarts"]
    found, problem = shown(module, module.get_bin_path("systemctl", required=True), names, properties)
    if problem:
        raise RuntimeError(problem)
    return found


def restarts(module, unit):
    """How often systemd started the server again within a day, and why the watchdog ended it, oldest first."""
    journal = [module.get_bin_path("journalctl", required=True), "--quiet", "--no-pager", "--output", "cat", "--since", "24 hours ago"]
    _code, restarted, _err = module.run_command([*journal, f"UNIT={unit}", f"MESSAGE_ID={RESTART}"])
    _code, reasons, _err = module.run_command([*journal, f"OBJECT_SYSTEMD_UNIT={unit}"])
    return {"count": len(restarted.splitlines()), "hung": reasons.splitlines()}


def container(module, engine, name):
    """The server's container, its processes (pid and state by proc(5)) and its memory; None where there is none."""
    answer = parse_json(docker(module, engine, "container", "inspect", name))
    if not answer:
        return None
    state = answer[0]["State"]
    found = {"status": state["Status"], "image": answer[0]["Config"]["Image"], "oom": state.get("OOMKilled", False), "processes": [], "memory": {},
             "started": epoch(state["StartedAt"])}
    if state.get("Pid"):
        found.update(processes=_processes(state["Pid"]), memory=_memory(state["Pid"], answer[0]["HostConfig"].get("Memory") or 0))
    return found


def _processes(first):
    """The first process and all that descend from it, as [pid, state]."""
    about = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        fields = (read(f"/proc/{pid}/stat") or b"").decode(errors="replace").rpartition(")")[2].split()
        if fields:
            about[int(pid)] = (fields[0], int(fields[1]))
    family = [first]
    for member in family:
        family += [pid for pid, (_state, parent) in about.items() if parent == member]
    return [[pid, about[pid][0]] for pid in family if pid in about]


def _memory(pid, limit):
    """Used memory without what the kernel can drop at once, limit (0 is none) and processes killed for want of memory, of a process's control group."""
    used, kills = 0, 0
    for line in (read(f"/proc/{pid}/cgroup") or b"").decode().splitlines():
        number, controllers, path = line.split(":", 2)
        unified = number == "0"
        if not unified and "memory" not in controllers.split(","):
            continue
        folder = ("/sys/fs/cgroup" if unified else "/sys/fs/cgroup/memory") + path
        current = read(f"{folder}/memory.current" if unified else f"{folder}/memory.usage_in_bytes")
        events = read(f"{folder}/memory.events" if unified else f"{folder}/memory.oom_control") or b""
        cache = dict(line.split() for line in (read(f"{folder}/memory.stat") or b"").decode().splitlines()).get("inactive_file", 0)
        if current:
            used = int(current) - int(cache)
            kills = int(dict(line.split() for line in events.decode().splitlines()).get("oom_kill", 0))
    return {"used": used, "limit": limit, "kills": kills}


def expected_schema(module, engine, name, image, running):
    """Revisions that the server's image knows and those that it ends in, read in the running container or in one that is gone again."""
    if running:
        words = ["exec", name, "python3", "-c", REVISIONS]
    else:
        words = ["run", "--rm", "--pull", "never", "--network", "none", "--entrypoint", "python3", image, "-c", REVISIONS]
    found = parse_json(docker(module, engine, *words))
    if not found:
        raise RuntimeError(f"image {image} could not be asked")
    return found


def administrator(server):
    """Headers of the administrator of a server that has users, from the environment that it was started with; none where it has no users."""
    lines = (read(server["config_dir"] + "/mlflow.env") or b"").decode().splitlines() if server.get("config_dir") else []
    told = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    name, password = told.get("MLFLOW_AUTH_ADMIN_USERNAME", ""), told.get("MLFLOW_AUTH_ADMIN_PASSWORD", "")
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()} if password else {}


def ask(url, path, seconds, host=None, origin=None, body=None, headers=()):
    """Status, first words and seconds of an answer, asked without a proxy. body is sent as JSON with POST; host is what
    the client calls the server, origin the page that it is on."""
    parts = urllib.parse.urlsplit(url)
    began = time.monotonic()
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)
    headers = {"Host": host or parts.netloc, **dict(headers)}
    if body is not None:
        headers.update({"Content-Type": "application/json"})
    if origin:
        headers.update({"Origin": origin})
    connection.request("GET" if body is None else "POST", parts.path + path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    return {"status": answer.status, "text": text[:300], "seconds": round(time.monotonic() - began, 3)}
