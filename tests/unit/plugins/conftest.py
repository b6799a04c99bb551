"""A stand-in for the AnsibleModule that the functions of module_utils are handed."""

from __future__ import annotations

import json
import os

import pytest


class Module:
    """What the functions ask of an AnsibleModule, with answers by the first words of a command."""

    def __init__(self, answers):
        self.answers = answers

    def get_bin_path(self, name):
        return f"/usr/bin/{name}" if any(command.split()[0] == name for command in self.answers) else None

    def run_command(self, command):
        words = " ".join([os.path.basename(command[0]), *command[1:]])
        for start, answer in self.answers.items():
            if words.startswith(start):
                return 0, answer if isinstance(answer, str) else json.dumps(answer), ""
        return 1, "", "no such thing"


@pytest.fixture
def module():
    return Module
