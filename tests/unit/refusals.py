"""Where a role ends on each host of an inventory, every host being one case: one run of ansible-playbook for all of them."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def ends_of(role, folder, hosts, shared, extra=None, others=None):
    """Run a role on `hosts` ({name: variables}), with the variables `shared`, `extra` (as by -e), and `others` in the inventory that it does not run on.

    Returns ({name: (task, result)}, all output). Every host must end in a failure, on its last task.
    """
    groups = {"cases": {"hosts": hosts, "vars": {"ansible_connection": "local", **shared}}, "others": {"hosts": others or {}}}
    play = [{"name": "Refuse bad input", "hosts": "cases", "gather_facts": False,
             "tasks": [{"name": "Provision", "ansible.builtin.import_role": {"name": f"mlops.mlflow.{role}"}}]}]
    for name, content in (("hosts.yml", groups), ("play.yml", play)):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_DEPRECATION_WARNINGS": "0",
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_CALLBACK_FORMAT_PRETTY": "0", "ANSIBLE_LOCAL_TEMP": str(folder)}
    command = [sys.executable, "-m", "ansible", "playbook", "-i", str(folder / "hosts.yml"), "-e", json.dumps(extra or {}), str(folder / "play.yml")]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    found, task, output = {}, "", done.stdout + done.stderr
    for line in done.stdout.splitlines():
        head = re.match(r"TASK \[(.*)\] \**$", line)
        task = head[1] if head else task
        fatal = re.match(r"fatal: \[([^]]+)\]: (?:FAILED|UNREACHABLE)! => (\{.*)$", line)
        if fatal:
            found[fatal[1]] = (task, json.loads(fatal[2]))
    assert set(found) == set(hosts), output
    return found, output


def ends_of_cases(role, folder, good, refused, on_host, accepted, places, extra, others=None):
    """Where a role ends on each case, every case an inventory of its own as far as the role can see. Returns ({name: (task, message)}, all output).

    good: what every case sets. refused, on_host: {name: (what is set beside it, what the message holds)}; accepted: {name: what is set beside it}.
    The cases of on_host are tried on this machine, no other host has a Python. places: {word: what stands for it, known only now}.
    """
    cases = {name: given for name, (given, _says) in {**refused, **on_host}.items()} | accepted
    text = json.dumps({name: {**good, **given} for name, given in cases.items()})
    for word, place in places.items():
        text = text.replace(word, str(place))
    hosts = json.loads(text)
    for name, given in hosts.items():
        given.setdefault("ansible_python_interpreter", sys.executable if name in on_host else "/nowhere/python3")
    found, output = ends_of(role, folder, hosts, {f"{role}_secure_logging": False}, extra, others)
    return {name: (task, str(result["msg"])) for name, (task, result) in found.items()}, output
