"""Running role docker once more from within a test, with other variables, and telling what came of it."""

from __future__ import annotations

import json
import os
import re
import subprocess

PLAY = """
- hosts: all
  roles:
    - role: mlops.mlflow.docker
"""


class Ran:
    """One run. outcome: "unchanged", "changed", "refused" (failed before anything was changed) or "failed after changes"."""

    def __init__(self, code, output):
        self.output = output
        # The callback breaks lines where it likes.
        self.words = " ".join(output.split())
        recap = re.search(r"changed=(\d+) .* failed=(\d+)", output)
        assert recap, output
        changed = recap[1] != "0"
        if code == 0:
            self.outcome = "changed" if changed else "unchanged"
        else:
            self.outcome = "failed after changes" if changed else "refused"

    def __repr__(self):
        return f"{self.outcome}\n{self.output}"


class Role:
    """role(docker_live_restore=False) runs the role on the host of the test; options are those of ansible-playbook."""

    def __init__(self, host, folder):
        self.host = host.backend.host
        self.inventory = os.path.abspath(host.backend.ansible_runner.inventory_file)
        self.play = folder / "play.yml"
        self.play.write_text(PLAY, encoding="utf-8")

    def __call__(self, *options, inventory=None, **variables):
        where = ["-i", inventory] if inventory else ["-i", self.inventory, "-l", self.host]
        command = ["ansible-playbook", *where, "-e", json.dumps(variables), *options, str(self.play)]
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env=environment)
        return Ran(done.returncode, done.stdout + done.stderr)


class Engine:
    """What the tests want to know of a host's engine, and the container of somebody that has to live through everything."""

    def __init__(self, host):
        # Without an inventory testinfra takes the machine it runs on, whose engine is nobody's to change.
        assert host.backend.get_connection_type() != "local", "these tests are for a managed host"
        self.host = host

    @property
    def started(self):
        return self.host.check_output("systemctl show docker.service -p ExecMainStartTimestampMonotonic --value")

    @property
    def config(self):
        return json.loads(self.host.file("/etc/docker/daemon.json").content_string)

    def info(self, what):
        return json.loads(self.host.check_output("docker info --format '{{json .%s}}'", what))

    @property
    def survivor(self):
        """Process and start of the container; the same after a restart of the engine that it lived through."""
        return self.host.check_output("docker inspect --format '{{.State.Running}} {{.State.Pid}} {{.State.StartedAt}}' survivor")

    def run_survivor(self):
        """Start it where it does not run; its image is made of the host's own files, no registry is asked."""
        self.host.check_output(
            "docker start survivor 2>/dev/null || { tar -chf - $( { echo /bin/sleep; ldd /bin/sleep | grep -o '/lib[^ ]*'; } | sort -u)"
            " | docker import - survivor:1 && docker run --detach --name survivor survivor:1 /bin/sleep infinity; }"
        )
        assert self.survivor.startswith("true")
