#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host as the upgrade uses it: systemd, the Docker Engine's own client, HTTP. Every failure is a Failure with a message for the operator."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request


class Failure(Exception):
    """Something that the operator has to know, in words."""


def say(text):
    print(time.strftime("%H:%M:%S ") + text, file=sys.stderr, flush=True)


def run(*words, text=None, fine=(0,), seconds=None):
    """Standard output of a command. Any other status than one of fine is a Failure with the end of what the command said."""
    try:
        done = subprocess.run(words, input=text or "", capture_output=True, text=True, check=False, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired) as reason:
        raise Failure(f"'{' '.join(words[:3])}': {reason}") from reason
    if done.returncode not in fine:
        raise Failure(f"'{' '.join(words[:3])}' ended with {done.returncode}: " + "\n".join((done.stderr + done.stdout).strip().splitlines()[-12:]))
    return done.stdout


def systemctl(*words, fine=(0,)):
    return run("systemctl", *words, fine=fine).strip()


def state(unit):
    return systemctl("show", "--property=ActiveState", unit).partition("=")[2]


def stop(unit):
    # 5: there is no such unit.
    systemctl("stop", unit, fine=(0, 5))
    systemctl("reset-failed", unit, fine=(0, 1, 5))


def start(unit):
    """Start a unit; it returns when the server answers. The end of its journal is part of the message where it does not."""
    systemctl("daemon-reload")
    systemctl("reset-failed", unit, fine=(0, 1))
    try:
        systemctl("start", unit)
    except Failure as reason:
        last = run("journalctl", "--unit", unit, "--lines", "20", "--no-pager", "--output", "cat", fine=(0, 1))
        raise Failure(f"{unit} did not start: {reason}\nLast lines of its journal:\n{last}") from reason


def administrator(env_file):
    """Headers that a server with users wants, from the environment that it was started with."""
    with open(env_file, encoding="utf-8") as lines:
        told = dict(line.rstrip("\n").split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    name, password = told.get("MLFLOW_AUTH_ADMIN_USERNAME", ""), told.get("MLFLOW_AUTH_ADMIN_PASSWORD", "")
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()} if password else {}


def version(url, env_file, seconds=30):
    """The version that the server at url tells."""
    deadline = time.monotonic() + seconds
    request = urllib.request.Request(url + "/version", headers=administrator(env_file))
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.read().decode().strip(' "\n')
        except (urllib.error.URLError, OSError) as reason:
            if time.monotonic() > deadline:
                raise Failure(f"{url}/version does not answer: {reason}") from reason
            time.sleep(0.1)


def image_there(image):
    return bool(run("docker", "image", "inspect", "--format", "{{.Id}}", image, fine=(0, 1)).strip())


def remove_container(name):
    run("docker", "rm", "--force", name, fine=(0, 1))


def container(plan, image, *options, name=""):
    """Words of a command that runs inside.py in a container of an image: without rights, and without network unless the store is a server."""
    words = ["docker", "run", "--rm", "--interactive", "--log-driver", "none", "--user", f"{plan['uid']}:{plan['gid']}", "--userns=host"]
    words += ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--env", "HOME=/tmp"]
    words += ["--volume", f"{plan['program']}/inside.py:/run/inside.py:ro"]
    # The certificate of a database server lies beside the entry point.
    entry = os.path.join(os.path.dirname(plan["env_file"]), "entry")
    words += ["--network", "none"] if plan["database"] else ["--volume", f"{entry}:/run/mlflow:ro", *plan["container_options"]]
    return [*words, *(["--name", name] if name else []), *options, "--entrypoint", "python3", image, "/run/inside.py"]


def about(plan, image):
    """Version and schema revisions of an image, see inside.py."""
    return json.loads(run(*container(plan, image), "about", seconds=300))
