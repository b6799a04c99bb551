# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is kept of a run of a playbook while it goes on, and what MLflow gets of it.

Of a task: its name as it is written (a variable in it stays one), its action, its hosts, its seconds. Nothing that it was given, and nothing that it returned.
"""

from __future__ import annotations

import os
import re
import subprocess
import time

from ansible.release import __version__

# Ansible's name of a count, and the one of its recap
COUNTS = {name: {"failures": "failed"}.get(name, name) for name in ("ok", "changed", "failures", "unreachable", "skipped", "rescued", "ignored")}
SLOWEST, HOSTS, FAILURES = 20, 20, 200
# MLflow takes 250 characters of a name, and 5000 of a tag.
NAME, TAG = 250, 1000


def clean(name):
    """A part of a metric's name: letters, digits, blanks, and ._- of what MLflow takes, and never a path."""
    return re.sub(r"[^\w.\- ]+", "_", name).strip("._ ") or "_"


def short(text, length=TAG):
    return text if len(text) <= length else text[:length - 3] + "..."


def written(thing, default):
    """The name of a play or a task as it is in its file, where a variable is no value yet."""
    source = thing.get_ds()
    name = source.get("name") if isinstance(source, dict) else thing.name
    return f"{name}" if name else default


def task_name(task):
    name = written(task, f"{task.action}")
    return f"{task._role.get_name()} : {name}" if task._role else name


def playbook_name(path):
    """NAMESPACE.COLLECTION.PLAYBOOK for one of a collection, or its path from here, or its file's name: nothing of the way to it."""
    parts = os.path.abspath(path).split(os.sep)
    inside = parts[len(parts) - parts[::-1].index("ansible_collections"):] if "ansible_collections" in parts else []
    if inside[2:3] == ["playbooks"]:
        return ".".join([*inside[:2], *inside[3:-1], os.path.splitext(inside[-1])[0]])
    relative = os.path.relpath(path)
    return parts[-1] if relative.startswith(os.pardir) else relative


def commit_of(folder):
    """The commit that a folder is checked out at, or nothing."""
    try:
        command = ["git", "-C", folder, "rev-parse", "--verify", "--quiet", "HEAD"]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=5, check=False).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


class RunLog:
    """One run of one playbook."""

    def __init__(self, path, check, before):
        # before: what Ansible counted up to here, which finish() brings up to date
        self.before = before
        self.folder, self.playbook, self.check = os.path.dirname(os.path.abspath(path)), playbook_name(path), bool(check)
        self.plays, self.names, self.running, self.spent, self.failures, self.failed_tasks = [], {}, {}, {}, [], 0
        self.recap, self.seconds, self.start, self.began = {}, 0.0, time.time(), time.monotonic()

    def play(self, play):
        """A play begins, or a batch of its hosts."""
        hosts = (play.get_ds() or {}).get("hosts", "")
        name = written(play, hosts if isinstance(hosts, str) else ", ".join(map(str, hosts)))
        if name not in self.plays:
            self.plays.append(name)

    def begin(self, host, task):
        _began, hosts = self.running.setdefault(task._uuid, (time.monotonic(), set()))
        hosts.add(host)

    def end(self, host, task, failure=""):
        """A host is done with a task, whose time runs while any host is at it."""
        name = self.names.get(task._uuid) or self.names.setdefault(task._uuid, task_name(task))
        began, hosts = self.running.get(task._uuid, (time.monotonic(), set()))
        hosts.discard(host)
        if not hosts:
            self.running.pop(task._uuid, None)
            self.spent[name] = self.spent.get(name, 0.0) + time.monotonic() - began
        if failure:
            self.failed_tasks += 1
            if len(self.failures) < FAILURES:
                self.failures.append({"host": host, "task": name, "action": f"{task.action}", "failure": failure})

    def finish(self, stats):
        """The playbook is over. Ansible counts on through all playbooks of a command."""
        self.seconds = time.monotonic() - self.began
        for host in sorted(stats.processed):
            counts, before = stats.summarize(host), self.before.get(host, {})
            own = {name: counts[theirs] - before.get(theirs, 0) for theirs, name in COUNTS.items()}
            if any(own.values()):
                self.recap[host] = own
            self.before[host] = counts

    @property
    def status(self):
        return "FAILED" if any(counts["failed"] or counts["unreachable"] for counts in self.recap.values()) else "FINISHED"

    def totals(self):
        return {count: sum(counts[count] for counts in self.recap.values()) for count in COUNTS.values()}

    def slowest(self):
        return sorted(self.spent.items(), key=lambda one: -one[1])[:SLOWEST]

    def metrics(self):
        """By name: counts, in total and, of a few hosts, by host; seconds, of the whole and of the slowest tasks."""
        found = {**self.totals(), "hosts": len(self.recap), "duration_seconds": self.seconds}
        if len(self.recap) <= HOSTS:
            found.update({f"host/{clean(host)}/{count}": value for host, counts in self.recap.items() for count, value in counts.items()})
        for name, seconds in self.slowest():
            key = f"task_seconds/{clean(name)}"[:NAME]
            found[key] = found.get(key, 0.0) + seconds
        return {key: round(value, 3) for key, value in found.items()}

    def tags(self):
        found = {
            "mlflow.source.name": self.playbook, "mlflow.source.type": "JOB", "mlflow.source.git.commit": commit_of(self.folder),
            "ansible.playbook": self.playbook, "ansible.plays": ", ".join(self.plays), "ansible.hosts": ", ".join(self.recap),
            "ansible.version": __version__, "ansible.check_mode": str(self.check).lower(),
        }
        return {key: short(value) for key, value in found.items() if value}

    def summary(self):
        return {
            "playbook": self.playbook, "plays": self.plays, "status": self.status, "check_mode": self.check, "ansible_version": __version__,
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.start)), "seconds": round(self.seconds, 3), "totals": self.totals(),
            "hosts": self.recap, "slowest_tasks": [{"task": name, "seconds": round(seconds, 3)} for name, seconds in self.slowest()],
            "failures": self.failures, "failures_left_out": self.failed_tasks - len(self.failures),
        }
