# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading a host: processors, memory, trust, files, paths, units.

Every function reads and none writes. Sizes are bytes, modes are four octal digits as a string,
a thing that is not there is an empty value and no error.
Sources: proc(5), statvfs(3), sd_booted(3), systemctl(1).
"""

from __future__ import annotations

import hashlib
import json
import os
import stat

TRUST_STORES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")


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


def read(name):
    try:
        with open(name, "rb") as handle:
            return handle.read()
    except OSError:
        return None


def parse_json(text):
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None


def path(name):
    """Ownership, mount and room of a path; of its nearest existing parent where it does not exist. A dead link exists and is no folder."""
    existing = name
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing) or "/"
    mount = os.path.realpath(existing)
    while not os.path.exists(mount):
        mount = os.path.dirname(mount)
    about, room = os.stat(existing) if os.path.exists(existing) else os.lstat(existing), os.statvfs(mount)
    while not os.path.ismount(mount):
        mount = os.path.dirname(mount)
    return {
        "exists": existing == name,
        "existing": existing,
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
    content = read(name)
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


def shown(module, systemctl, names, properties):
    """What systemd tells of units, by name, with its own names of the properties, and why it told nothing ("" where it did)."""
    code, out, err = module.run_command([systemctl, "show", "--property=" + ",".join(properties), *names])
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in out.strip().split("\n\n")]
    return dict(zip(names, blocks)), (err.strip() or "systemctl failed") if code else ""


def units(module, names):
    """State of systemd units, by name. See the properties in systemctl(1), section `show`."""
    keys = {"ActiveState": "active", "UnitFileState": "enabled", "LoadState": "load", "NeedDaemonReload": "need_reload",
            "ActiveEnterTimestamp": "since", "ExecMainStartTimestamp": "started"}
    states = {name: {} for name in names}
    systemctl = module.get_bin_path("systemctl")
    if not names or not systemctl:
        return states
    for name, pairs in shown(module, systemctl, names, ["Id", *keys])[0].items():
        states[name] = {short: pairs.get(key, "") for key, short in keys.items()}
        states[name]["need_reload"] = states[name]["need_reload"] == "yes"
    return states


def calendar(module, event):
    """Whether systemd understands a calendar event, as ``ok`` and, where it does not, ``reason``. See systemd-analyze(1), section `calendar`."""
    analyze = module.get_bin_path("systemd-analyze")
    if not analyze:
        return {"ok": True, "reason": ""}
    code, _out, err = module.run_command([analyze, "calendar", "--", event])
    return {"ok": code == 0, "reason": "" if code == 0 else err.strip().splitlines()[0]}
