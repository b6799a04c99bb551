# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements about the host: engine, disk, tree, memory, certificate, clock."""

from __future__ import annotations

from ansible_collections.mlops.mlflow.plugins.plugin_utils.judging import FAIL, OK, WARN, looked, size

# Below these a disk is full for a database, and will be before long.
FULL_BYTES, LOW_BYTES, LOW_SHARE = 100_000_000, 1_000_000_000, 0.05
CERTIFICATE_DAYS = 21
# A client's clock and the server's stand in the same run; seconds.
SKEW_WARN, SKEW_FAIL = 5, 60


def engine(seen):
    restart = "systemctl restart docker; journalctl -u docker -n 50 --no-pager"
    found = looked(seen, "engine", then=restart)
    units = (seen["looks"].get("units") or {}).get("value") or {}
    if not found["present"]:
        return FAIL, "there is no Docker Engine", "ansible-playbook site.yml"
    if not found["cli"]:
        return FAIL, "there is no docker client", "ansible-playbook site.yml"
    if not found["active"]:
        state = units.get("docker.service", {}).get("ActiveState", "unknown")
        return FAIL, f"the daemon does not answer; docker.service is {state}", "systemctl start docker; journalctl -u docker -n 50 --no-pager"
    value = f"Docker {found['server_version']}"
    starts = [units.get(name, {}).get("UnitFileState") for name in ("docker.service", "docker.socket")]
    if units and "enabled" not in starts:
        return WARN, f"{value}, which does not start with the host", "systemctl enable docker"
    return OK, value, ""


def _places(seen):
    return sorted(looked(seen, "disk", then="df -h; findmnt").items())


def disk(seen):
    status, value = OK, []
    then = f"df -h; du -xsh {seen['server']['root']}/*; docker system df"
    for mount, room in _places(seen):
        share = room["free"] / max(room["size"], 1)
        value.append(f"{mount} has {size(room['free'])} of {size(room['size'])} free")
        if room["read_only"]:
            return FAIL, f"{mount} is mounted read-only", f"dmesg | tail; mount -o remount,rw {mount}"
        if room["free"] < FULL_BYTES:
            status = FAIL
        elif status == OK and (room["free"] < LOW_BYTES or share < LOW_SHARE):
            status = WARN
    return status, "; ".join(value), then


def inodes(seen):
    status, value = OK, []
    for mount, room in _places(seen):
        if not room["inodes"]:
            continue
        share = room["free_inodes"] / room["inodes"]
        value.append(f"{mount} has {share:.0%} free")
        status = FAIL if room["free_inodes"] < 10 else WARN if share < LOW_SHARE and status == OK else status
    return status, "; ".join(value) or "as many as there is room", f"df -i; du --inodes -xd2 {seen['server']['root']} | sort -n | tail"


def tree(seen):
    found = looked(seen, "tree", then=f"findmnt -T {seen['server']['root']}; dmesg | tail")
    faults, commands = [], []
    for folder in seen["tree_wanted"]:
        wanted = {"owner": seen["server"]["uid"], "group": seen["server"]["gid"], "mode": "0755", **folder}
        path, now = wanted["path"], found[wanted["path"]]
        if not now["exists"] or not now["is_dir"]:
            return FAIL, f"{path} is {'missing' if not now['exists'] else 'no folder'}", f"findmnt -T {path}; mount -a; then ansible-playbook site.yml"
        for what, given, command in (("owner", now["uid"], "chown"), ("group", now["gid"], "chgrp")):
            if str(wanted[what]).isdigit() and int(wanted[what]) != given:
                faults.append(f"{path} has {what} {given}, not {wanted[what]}")
                commands.append(f"{command} {wanted[what]} {path}")
        if int(wanted["mode"], 8) != int(now["mode"], 8):
            faults.append(f"{path} has mode {now['mode']}, not {wanted['mode']}")
            commands.append(f"chmod {wanted['mode']} {path}")
    if faults:
        return FAIL, "; ".join(faults), "; ".join(commands)
    return OK, f"{len(seen['tree_wanted'])} folders with their modes and owners", ""


def memory(seen):
    host = looked(seen, "memory", WARN, "free -m")
    container = (seen["looks"]["container"]["value"] or {}).get("memory") or {}
    name = seen["server"]["service"]
    value = f"{size(host['MemAvailable'])} of {size(host['MemTotal'])} available on the host"
    if container:
        limit = container["limit"]
        value = f"the server has {size(container['used'])}{f' of {size(limit)}' if limit else ''}; {value}"
        raise_it = f"docker stats --no-stream {name}; raise mlflow_memory_limit or lower mlflow_workers, then ansible-playbook site.yml"
        if container["kills"]:
            return FAIL, f"{container['kills']} processes killed for want of memory; {value}", raise_it
        if limit and container["used"] > 0.9 * limit:
            return WARN, value, raise_it
    if host["MemAvailable"] < 0.05 * host["MemTotal"]:
        return WARN, value, "ps -eo rss,pid,args --sort=-rss | head"
    return OK, value, ""


def certificate(seen):
    public = seen["server"]["public_url"]
    if not public.startswith("https:"):
        return OK, "none: the public URL is http", ""
    found, place = seen["certificate"], public.split("/")[2]
    look = f"openssl s_client -connect {place if ':' in place else place + ':443'} </dev/null | openssl x509 -noout -dates -issuer"
    if not found:
        return WARN, f"{place} shows none to the controller", look
    value = f"{found['days']} days left" + (f"; not trusted here: {found['problem']}" if found["problem"] else "")
    if found["days"] < 0:
        return FAIL, value, f"renew it; {look}"
    return (WARN if found["problem"] or found["days"] < CERTIFICATE_DAYS else OK), value, f"renew it; {look}"


def clock(seen):
    low, high = seen["skew"]
    skew = 0 if low <= 0 <= high else min(low, high, key=abs)
    found = looked(seen, "clock", WARN, "timedatectl")
    kept = {True: "synchronised", False: "not synchronised", None: "nobody tells whether it is synchronised"}[found["synchronised"]]
    then = "timedatectl; systemctl restart systemd-timesyncd || systemctl restart chrony"
    if abs(skew) > SKEW_WARN:
        return (FAIL if abs(skew) > SKEW_FAIL else WARN), f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the controller; {kept}", then
    # A container has the clock of its host, which is not ours to judge from inside.
    return (WARN if found["synchronised"] is False and found["own"] else OK), f"as the controller's; {kept}", then
