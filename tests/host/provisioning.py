"""For suites that run site.yml themselves: start it, read what it did on each host, and see whether a host has changed."""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import subprocess
import threading

import requests
import testinfra

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = {"mlflow_image_source": "build", "mlflow_image": "", "mlflow_image_archive": ""}  # in place of the image that the scenario loads

# What a run may write outside the tree, and what the Engine and the kernel know. Times too: a file written anew with the same bytes has changed.
SNAPSHOT = r"""
find /etc /usr/local /srv /opt -xdev -printf '%p %y %m %U:%G %s %T@\n' | sort
find /mlflow -not -path '/mlflow/tmp/*' -printf '%p %y %m %U:%G\n' 2>/dev/null | sort
ls -d /*
dpkg-query -W | sha256sum
cat /proc/mounts | grep -v -e docker -e ' /run/' | sort
systemctl list-units --type=service,timer --state=active --plain --no-legend 2>/dev/null |
    cut -d' ' -f1 | grep -e docker -e containerd -e mlflow
if command -v docker; then
    docker image ls -a --no-trunc -q | sort
    docker container ls -a --no-trunc --format '{{.ID}} {{.State}}' | sort
    docker volume ls -q
fi
"""


class Outcome:
    """What one run of ansible-playbook did: `changed` and `failed` by host, as lists of task names and of (task, result)."""

    def __init__(self, status, output):
        self.status, self.output = status, output
        self.changed, self.failed = {}, {}
        task = ""
        for line in output.splitlines():
            head = re.match(r"(?:TASK|RUNNING HANDLER) \[(?:mlops\.mlflow\.)?(.*)\] \**$", line)
            task = head[1] if head else task
            said = re.match(r"(changed|fatal): \[([^]]+)\]", line)
            if said and said[1] == "changed":
                self.changed.setdefault(said[2], []).append(task)
            elif said:
                result = re.match(r"fatal: \[[^]]+\]: [A-Z]+! => (\{.*)$", line)
                self.failed.setdefault(said[2], []).append((task, json.loads(result[1]) if result else {}))

    def message(self, host):
        """Return what the run said when it gave up on a host, as one line of text."""
        return " ".join(str(self.failed[host][-1][1].get("msg")).split()) if host in self.failed else ""

    def phases(self, host):
        """Return the phases that changed something, as "role : file" without the variant of a file (image-load is image)."""
        return {phase_of(task) for task in self.changed.get(host, [])}


def phase_of(task):
    return re.match(r"\w+ : \w+", task)[0]


class Site:
    """The inventory of the scenario, and site.yml, or another playbook, run on it as an operator does."""

    def __init__(self, inventory, folder):
        self.inventory, self.folder = inventory, folder

    def command(self, limit, variables=None, hosts=None, groups=None, check=False, playbook="site.yml"):
        """hosts: more for mlflow_servers, with their variables; groups: the same for other groups."""
        command = ["ansible-playbook", "-i", self.inventory, str(ROOT / "playbooks" / playbook), "--limit", limit]
        more = {"mlflow_servers": hosts} if hosts else groups
        if more:
            extra = self.folder / "hosts.json"
            extra.write_text(json.dumps({group: {"hosts": members} for group, members in more.items()}), encoding="utf-8")
            command += ["-i", str(extra)]
        if variables:
            command += ["--extra-vars", json.dumps(variables)]
        return command + (["--check", "--diff"] if check else [])

    def start(self, limit, **options):
        settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_FORKS": "30",
                    "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_CALLBACK_FORMAT_PRETTY": "0", "PYTHONUNBUFFERED": "1"}
        environment = {key: value for key, value in os.environ.items() if key != "ANSIBLE_STDOUT_CALLBACK"}
        return subprocess.Popen(
            self.command(limit, **options), cwd=ROOT, env=environment | settings, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )

    def run(self, limit, **options):
        process = self.start(limit, **options)
        output = process.communicate()[0]
        return Outcome(process.returncode, output)

    def run_until(self, limit, condition, **options):
        """Run until condition(outcome so far, new line, whether it is over) holds, then kill all of it on this side. Returns what was done."""
        process = self.start(limit, **options)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if condition(Outcome(None, "".join(lines)), line, lambda: process.poll() is not None):
                os.killpg(process.pid, signal.SIGKILL)
        return Outcome(process.wait(), "".join(lines))


def host_of(name):
    """A host by the name of its container, without the second that Ansible takes for each command."""
    return testinfra.get_host(f"docker://{name}")


def snapshot(name):
    return host_of(name).run(SNAPSHOT).stdout.splitlines()


def difference(before, after):
    return sorted(set(before) ^ set(after))


class Client(threading.Thread):
    """Somebody who goes on using the server of a host, as fast as it answers. `refused` holds what went wrong meanwhile."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.url = f"http://{address_of(name)}:5001/api/2.0/mlflow/experiments/search"
        self.answers, self.refused, self.over = 0, [], threading.Event()

    def run(self):
        while not self.over.is_set():
            try:
                requests.post(self.url, json={"max_results": 1}, timeout=30).raise_for_status()
                self.answers += 1
            except requests.RequestException as error:
                self.refused.append(str(error))
            self.over.wait(0.1)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_about):
        self.over.set()
        self.join()


def address_of(name):
    return host_of(name).check_output("ip -4 -o address show dev eth0").split()[3].partition("/")[0]
