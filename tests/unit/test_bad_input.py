"""Bad input is refused by the real role before the host is asked, with variable, value and fix; odd but right input is not.

Every case is a host of one inventory (bad_input/*.yml), so that all of them are one run of ansible-playbook.
"""

from __future__ import annotations

import json
import pathlib
import re

import pytest
import yaml
from refusals import ends_of

HERE = pathlib.Path(__file__).resolve().parent / "bad_input"
REFUSED = {name: case for file in ("refused.yml", "users.yml") for name, case in yaml.safe_load((HERE / file).read_text(encoding="utf-8")).items()}
ACCEPTED = yaml.safe_load((HERE / "accepted.yml").read_text(encoding="utf-8"))
REFUSALS = ("Refuse variables that nobody reads", "Refuse inputs that cannot work", "Validating arguments against arg spec")
HEADS = ("Validation of arguments failed", "These variables are not known")


def flat(text):
    return " ".join(text.split())


class Run:
    """One run of the role: where each case ended, and with which message."""

    def __init__(self, folder):
        hosts = {name: case["set"] for name, case in REFUSED.items()} | {name: variables or {} for name, variables in ACCEPTED.items()}
        # Whoever is refused with a message of the role was refused before the host was asked: none of them has a Python.
        self.ended, _output = ends_of("mlflow", folder, hosts, {"ansible_python_interpreter": "/nowhere/python3"})

    def message(self, name):
        task, result = self.ended[name]
        told = result.get("argument_errors") or [line for line in str(result["msg"]).strip().splitlines() if not line.startswith(HEADS)]
        return task, [flat(line) for line in told]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("bad-input"))


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_the_host_is_asked(run, name):
    case = REFUSED[name]
    task, lines = run.message(name)
    assert any(refusal in task for refusal in REFUSALS), f"not refused; it went on to {task}: {lines}"
    told = "\n".join(lines) + flat(str(run.ended[name][1]["msg"]))
    assert [part for part in case["says"] if part not in told] == [], told
    assert len(lines) == case.get("lines", len(case["set"]) if "misspelt" in name else 1), told
    assert "hush" not in json.dumps(run.ended[name][1]), "the message gives a secret away"


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(run, name):
    task, result = run.ended[name]
    assert "validate | Learn the names of the host" in task, f"{task}: {result['msg']}"


def rules(tree):
    """Return what each rule says, as a pattern: expressions stand for any text."""
    lists = {"input_rules.yml": "__mlflow_input_rules", "archive.yml": "__mlflow_archive_rules"}
    said = [rule["say"] for file, name in lists.items() for rule in tree.yaml(f"roles/mlflow/vars/main/{file}")[name]]
    assert said
    return {text: ".*".join(re.escape(part) for part in re.split(r"\{\{.*?\}\}", flat(text))) for text in said}


def test_every_rule_has_a_case(tree, run):
    told = [line for name in REFUSED for line in run.message(name)[1]]
    assert [text for text, pattern in rules(tree).items() if not any(re.fullmatch(pattern, line) for line in told)] == []


def test_every_choice_and_every_list_has_a_case(tree):
    """Whoever adds a variable with choices or of a structured type says here how a mistake in it is told."""
    wanted = {name for name, option in tree.options("mlflow").items() if option.get("choices")}
    given = {variable for name, case in REFUSED.items() if name.startswith("choice") for variable in case["set"]}
    assert wanted == given
