"""What hosts and runs have told, for suites that look for planted secrets in it."""

from __future__ import annotations

import os
import pathlib

# The whole journal, its binary fields too. Not all of it is text.
JOURNAL = "journalctl --no-pager -o export | LC_ALL=C tr -cd '[:print:]\\n'"


def found_in(text, secrets):
    return [secret for secret in secrets if secret in text]


def by_host(server):
    """What somebody with the rights of an operator reads on a server, by place."""
    return {
        "docker inspect": server.host.check_output("docker container inspect mlflow"),
        "unit": server.host.check_output("systemctl cat mlflow; systemctl show mlflow"),
        "processes": server.host.check_output("ps -eww -o args"),
        "journal": server.host.check_output(JOURNAL),
    }


def log(name):
    """A log that the scenario's own runs of Ansible left."""
    return (pathlib.Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / name).read_text(encoding="utf-8")


def runs():
    """The sequence from the first run of the role to the last; neither what prepared the hosts nor the inventory that the verifier reads."""
    said = log("ansible.log")
    return said[said.index("PLAY [Provision"):said.rindex("PLAY RECAP")]
