# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading a host: what mlflow_host_info reports, one function for each part.

Every function reads and none writes. Sizes are bytes, modes are four octal digits as a string,
a thing that is not there is an empty value and no error.
Sources: proc(5), statvfs(3), sd_booted(3), systemctl(1), docker-version(1), docker-inspect(1).
"""

from __future__ import annotations

import base64
import datetime
import grp
import hashlib
import json
import os
import re
import ssl
import stat
import urllib.error
import urllib.parse
import urllib.request

TRUST_STORES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")
DOCKER_MARKER = "/etc/ansible/facts.d/mlflow_docker.fact"
DOCKER_CONFIG = "/etc/docker/daemon.json"
DOCKER_PROXY_UNIT = "/etc/systemd/system/docker.service.d/50-mlflow-proxy.conf"
DOCKER_PROXY_ENVIRONMENT = "/etc/docker/mlflow-proxy.env"


def booted_with_systemd():
    return os.path.isdir("/run/systemd/system")


def cpus():
    return os.cpu_count() or 1


def memory_bytes():
    with open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1024
    return 0


def ca_bundle():
    return next((store for store in TRUST_STORES if os.path.isfile(store)), "")


def ca_file_problem(name):
    if not name:
        return ""
    try:
        with open(name, encoding="utf-8", errors="replace") as handle:
            return "" if "-----BEGIN CERTIFICATE-----" in handle.read() else "holds no PEM certificate"
    except OSError as error:
        return error.strerror.lower()


def _read(name):
    try:
        with open(name, "rb") as handle:
            return handle.read()
    except OSError:
        return None


def _json(text):
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None


def _docker(module, engine, *arguments):
    """Standard output of the Docker client, or an empty string where it fails."""
    if not engine.get("cli"):
        return ""
    code, out, err = module.run_command([engine["cli"], *arguments])  # pylint: disable=unused-variable
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
        "marker": _json(_read(DOCKER_MARKER)),
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
    answer = _json(_docker(module, found, "info", "--format", "{{json .}}"))
    if answer and answer.get("ServerVersion"):
        found.update(active=True, server_version=answer["ServerVersion"], root=answer.get("DockerRootDir", found["root"]))
        major = int(re.match(r"\d*", answer["ServerVersion"]).group() or 0)
        # BuildKit is part of the client until 22; from 23 on `docker build` needs the buildx plug-in for it.
        plugins = [plugin.get("Name") for plugin in (answer.get("ClientInfo") or {}).get("Plugins") or []]
        found["buildkit"] = "buildx" in plugins or 18 < major < 23
    found["free_bytes"] = path(found["root"])["free_bytes"]
    return found


def _docker_unit(module):
    """Whether docker.service runs, whether it boots with the host, and when its process started (seconds since the epoch, 0 when it does not run)."""
    found = {"active": False, "enabled": False, "started": 0.0}
    systemctl = module.get_bin_path("systemctl")
    if not systemctl:
        return found
    keys = "--property=ActiveState,UnitFileState,ExecMainStartTimestamp"
    # pylint: disable-next=unused-variable
    code, out, err = module.run_command([systemctl, "show", "--timestamp=us+utc", keys, "docker.service"])
    pairs = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    found["active"] = pairs.get("ActiveState") == "active"
    found["enabled"] = pairs.get("UnitFileState") == "enabled"
    if found["active"]:
        # "Mon 2026-11-23 12:42:10.123456 UTC"
        found["started"] = _epoch(pairs["ExecMainStartTimestamp"][4:-4].replace(" ", "T"))
    return found


def _members(group):
    try:
        return grp.getgrnam(group).gr_mem
    except KeyError:
        return []


def units(module, names):
    """State of systemd units, by name. See the properties in systemctl(1), section `show`."""
    keys = {"ActiveState": "active", "UnitFileState": "enabled", "LoadState": "load", "NeedDaemonReload": "need_reload",
            "ActiveEnterTimestamp": "since", "ExecMainStartTimestamp": "started"}
    states = {name: {} for name in names}
    systemctl = module.get_bin_path("systemctl")
    if not names or not systemctl:
        return states
    # pylint: disable-next=unused-variable
    code, out, err = module.run_command([systemctl, "show", "--property=Id," + ",".join(keys), *names])
    for name, block in zip(names, out.strip().split("\n\n")):
        pairs = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        states[name] = {short: pairs.get(key, "") for key, short in keys.items()}
        states[name]["need_reload"] = states[name]["need_reload"] == "yes"
    return states


def _epoch(timestamp):
    """Seconds since the epoch of an RFC 3339 time in UTC with up to nine decimals, as the Engine writes it."""
    whole, dot, fraction = timestamp.rstrip("Z").partition(".")
    moment = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp() + float("0." + (fraction or "0"))


def container(module, engine_state, name):
    """The service's container: its image, the ports it publishes and when it was started (seconds since the epoch)."""
    found = {"container": "", "image": "", "started": 0.0, "ports": []}
    answer = _json(_docker(module, engine_state, "container", "inspect", name)) if engine_state["active"] else None
    if answer:
        bindings = answer[0]["HostConfig"].get("PortBindings") or {}
        found.update(
            container=answer[0]["State"]["Status"],
            image=answer[0]["Config"]["Image"],
            started=_epoch(answer[0]["State"]["StartedAt"]),
            ports=sorted({int(one["HostPort"]) for many in bindings.values() for one in many or [] if one["HostPort"]}),
        )
    return found


def images(module, engine_state, names):
    if not names or not engine_state["active"]:
        return dict.fromkeys(names)
    found = {}
    for name in names:
        found[name] = _docker(module, engine_state, "image", "inspect", "--format", "{{.Id}}", name).strip() or None
    return found


def _address(packed):
    """Address of a /proc/net/tcp entry: hexadecimal, each 32-bit word in host byte order."""
    raw = b"".join(bytes.fromhex(packed[i:i + 8])[::-1] for i in range(0, len(packed), 8))
    if len(raw) == 4:
        return ".".join(str(byte) for byte in raw)
    return ":".join(f"{raw[i]:02x}{raw[i + 1]:02x}" for i in range(0, 16, 2))


def _owners(inodes):
    """Command name by socket inode, for the given inodes."""
    owners = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for descriptor in os.scandir(f"/proc/{pid}/fd"):
                target = os.readlink(descriptor.path)
                if target[:8] == "socket:[" and target[8:-1] in inodes:
                    owners[target[8:-1]] = _read(f"/proc/{pid}/comm").decode().strip()
        except (OSError, AttributeError):
            continue
    return owners


def listeners(module, engine_state, ports):
    """Who listens on the given ports; a port that a container publishes names that container."""
    found, inodes = [], {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (_read(table) or b"").decode().splitlines()[1:]:
            fields = line.split()
            packed, port = fields[1].rsplit(":", 1)
            if fields[3] == "0A" and int(port, 16) in ports:
                found.append({"port": int(port, 16), "address": _address(packed), "process": "", "container": ""})
                inodes[fields[9]] = found[-1]
    for inode, command in _owners(inodes).items():
        inodes[inode]["process"] = command
    if found and engine_state["active"]:
        listing = _docker(module, engine_state, "ps", "--format", "{{.Names}}\t{{.Ports}}")
        for name, published in (line.split("\t", 1) for line in listing.splitlines()):
            for port in re.findall(r":(\d+)->", published):
                for listener in found:
                    if listener["port"] == int(port):
                        listener["container"] = name
    return found


def path(name):
    """Ownership, mount and room of a path; of its nearest existing parent where it does not exist."""
    existing = name
    while not os.path.exists(existing):
        existing = os.path.dirname(existing) or "/"
    about, room = os.stat(existing), os.statvfs(existing)
    mount = os.path.realpath(existing)
    while not os.path.ismount(mount):
        mount = os.path.dirname(mount)
    return {
        "exists": existing == name,
        "is_dir": stat.S_ISDIR(about.st_mode),
        "mode": f"{stat.S_IMODE(about.st_mode):04o}",
        "uid": about.st_uid,
        "gid": about.st_gid,
        "mount": mount,
        "read_only": bool(room.f_flag & os.ST_RDONLY),
        "free_bytes": room.f_bavail * room.f_frsize,
        # A file system without a fixed number of inodes (btrfs) reports none at all.
        "free_inodes": room.f_favail if room.f_files else -1,
    }


def file(name):
    content = _read(name)
    if content is None:
        return None
    about = os.stat(name)
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "mode": f"{stat.S_IMODE(about.st_mode):04o}",
        "uid": about.st_uid,
        "gid": about.st_gid,
        "mtime": about.st_mtime,
    }


def url(address, timeout, ca_file):
    """Whether an address answers at all. Any HTTP status is an answer; the reason never repeats credentials."""
    parts = urllib.parse.urlsplit(address)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    request = urllib.request.Request(bare.geturl(), method="HEAD")
    if parts.username:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    try:
        context = ssl.create_default_context()
        if ca_file and not ca_file_problem(ca_file):
            context.load_verify_locations(ca_file)
        with urllib.request.urlopen(request, timeout=timeout, context=context):
            return {"ok": True, "reason": ""}
    except urllib.error.HTTPError as error:
        return {"ok": error.code not in (401, 403, 407), "reason": f"it answered {error.code} {error.reason}"}
    except (OSError, ValueError) as error:
        return {"ok": False, "reason": str(getattr(error, "reason", error))}
