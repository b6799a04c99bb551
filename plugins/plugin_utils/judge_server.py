# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements about the server: unit, settings, container, answers, restarts, watchdog."""

from __future__ import annotations

from ansible_collections.mlops.mlflow.plugins.plugin_utils.judging import FAIL, OK, WARN, journal, looked

SLOW_SECONDS = 2
SITE = "ansible-playbook site.yml"


def unit(seen):
    name = seen["server"]["unit"]
    now = looked(seen, "units", then="systemctl status").get(name) or {}
    state, sub = now.get("ActiveState", "unknown"), now.get("SubState", "")
    if now.get("LoadState") != "loaded":
        return FAIL, f"{name} is {now.get('LoadState', 'unknown')}", SITE
    value = f"{name} is {state} ({sub})"
    if state in ("activating", "reloading"):
        return FAIL, f"{value}, last result {now.get('Result')}, started again {now.get('NRestarts')} times", journal(seen)
    if state != "active":
        return FAIL, f"{value}, last result {now.get('Result')}", f"systemctl start {name}; {journal(seen)}"
    if now.get("NeedDaemonReload") == "yes":
        return WARN, f"{value}, and its file has changed since systemd read it", "systemctl daemon-reload"
    if now.get("UnitFileState") != "enabled":
        return WARN, f"{value}, which does not start with the host ({now.get('UnitFileState')})", f"systemctl enable {name}"
    return OK, value, ""


def settings(seen):
    """Whether the inventory, the files and what runs are the same."""
    files = looked(seen, "files", WARN, SITE)
    expected, recorded = seen["expected"], seen["recorded"]
    started = (seen["looks"]["container"]["value"] or {}).get("started")
    if not recorded:
        return WARN, f"no record of what is deployed; looked for what the inventory says (MLflow {expected['version']})", SITE
    if seen["differing"]:
        return WARN, f"not as the inventory has it: {', '.join(seen['differing'])}", f"{SITE} --check --diff; {SITE}"
    changed = sorted(key for key in expected if recorded.get(key) != expected[key])
    if changed:
        told = ", ".join(f"{key} {recorded.get(key)} (inventory: {expected[key]})" for key in changed)
        return WARN, f"deployed is {told}", f"{SITE} --check --diff; {SITE}"
    younger = [name for name, about in files.items() if name in seen["runtime"] and started and about and about["mtime"] > started]
    if younger:
        return WARN, f"younger than the server that runs: {', '.join(sorted(younger))}", f"systemctl restart {seen['server']['unit']}"
    return OK, f"as the inventory has them: MLflow {recorded['version']}, {recorded['workers']} workers", ""


def container(seen):
    name, restart = seen["server"]["service"], f"systemctl restart {seen['server']['unit']}"
    found = looked(seen, "container", then=f"docker ps -a; {restart}")
    if not found:
        return FAIL, f"there is no container {name}", f"docker ps -a; {journal(seen)}"
    if found["status"] == "paused":
        return FAIL, f"{name} is paused", f"docker unpause {name}"
    if found["status"] != "running":
        return FAIL, f"{name} is {found['status']}", restart
    stopped = [str(pid) for pid, state in found["processes"] if state in "Tt"]
    if stopped:
        return FAIL, f"{len(stopped)} of {len(found['processes'])} processes are stopped (SIGSTOP)", f"kill -CONT {' '.join(stopped)}"
    if found["image"] != seen["server"]["image"]:
        return WARN, f"{name} runs {found['image']}, not {seen['server']['image']}", restart
    return OK, f"{name} runs {found['image']}, {len(found['processes'])} processes", ""


def health(seen):
    restart = f"{journal(seen)}; systemctl restart {seen['server']['unit']}"
    found, url = looked(seen, "health", then=restart), f"{seen['server']['local_url']}/health"
    if found["status"] != 200:
        return FAIL, f"{url} answers {found['status']}", restart
    if found["seconds"] > SLOW_SECONDS:
        return WARN, f"{url} answers after {found['seconds']:.1f} s", f"docker stats --no-stream {seen['server']['service']}; uptime"
    return OK, f"{url} answers after {found['seconds'] * 1000:.0f} ms", ""


def version(seen):
    found, wanted = looked(seen, "version", then=journal(seen)), seen["server"]["version"]
    now = " ".join(found["text"].strip('"').split())
    if found["status"] != 200 or now != wanted:
        return FAIL, f"{now[:20]}, and {wanted} is deployed", f"systemctl restart {seen['server']['unit']}; then {SITE}"
    return OK, now, ""


def restarts(seen):
    unit_name = seen["server"]["unit"]
    found = looked(seen, "restarts", WARN, journal(seen))
    if found["count"]:
        why = f", {len(found['hung'])} because it hung" if found["hung"] else ""
        return WARN, f"{found['count']} in 24 hours{why}", f"journalctl -u {unit_name} --since -24h --no-pager | grep -E 'exited|hung|oom'"
    return OK, "none in 24 hours", ""


def watchdog(seen):
    name = seen["watchdog"]
    if not name:
        return OK, "off (mlflow_watchdog_enabled)", ""
    units = looked(seen, "units", WARN, "systemctl status")
    now = units.get(name) or {}
    if now.get("LoadState") != "loaded":
        return WARN, f"{name} is {now.get('LoadState', 'unknown')}", SITE
    if now.get("ActiveState") != "active" and units.get(seen["server"]["unit"], {}).get("ActiveState") == "active":
        return WARN, f"{name} is {now.get('ActiveState')}", f"systemctl start {name}"
    return OK, f"{name} is {now.get('ActiveState')}", ""
