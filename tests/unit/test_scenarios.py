"""Molecule reports success for an empty verify, a mistyped playbook and a missing side effect. These tests do not."""

from __future__ import annotations

import re

import pytest

ORDER = ["create", "prepare", "check", "converge", "idempotence", "verify", "destroy"]
# What these converge is the deployment of scenario default, which is checked and made twice there; their promise begins after it.
DAY_TWO = {"adopt", "cleanup", "diagnose", "faults", "upgrade"}


@pytest.fixture(scope="module")
def scenarios(tree):
    """Return each scenario's settings, on top of the shared ones where they leave something out."""
    base = tree.yaml(".config/molecule/config.yml")
    assert tree.scenarios
    return {name: merged(base, tree.yaml(f"molecule/{name}/molecule.yml")) for name in tree.scenarios}


def merged(low, high):
    if isinstance(low, dict) and isinstance(high, dict):
        return {key: merged(low.get(key), high.get(key, low.get(key))) if key in low else high[key] for key in {*low, *high}}
    return low if high is None else high


def test_every_folder_is_a_scenario_or_shared(tree):
    folders = {name.split("/")[1] for name in tree.files if re.match(r"molecule/[^/]+/", name)}
    assert folders - {"shared"} == set(tree.scenarios)


def test_the_sequence_holds_what_proves_a_promise(scenarios):
    faults = []
    assert set(scenarios) >= DAY_TWO
    for name, settings in scenarios.items():
        sequence = settings["scenario"]["test_sequence"]
        order = [step for step in ORDER if name not in DAY_TWO or step not in ("check", "idempotence")]
        places = [sequence.index(step) if step in sequence else -1 for step in order]
        if -1 in places:
            faults.append(f"{name}: no {order[places.index(-1)]}")
        elif places != sorted(places):
            faults.append(f"{name}: the order is {sequence}")
    assert not faults


def test_every_playbook_named_is_there(tree, scenarios):
    faults = []
    for name, settings in scenarios.items():
        folder = tree.root / "molecule" / name
        playbooks = settings.get("provisioner", {}).get("playbooks") or {}
        for step in settings["scenario"]["test_sequence"]:
            own = playbooks.get(step)
            default = {"prepare": "prepare.yml", "converge": "converge.yml", "side_effect": "side_effect.yml", "cleanup": "cleanup.yml"}.get(step)
            wanted = (own or default or "").replace("${MOLECULE_PROJECT_DIRECTORY}", str(tree.root)).replace("$MOLECULE_PROJECT_DIRECTORY", str(tree.root))
            if wanted and not (folder / wanted).is_file():
                faults.append(f"{name}: {step} has no playbook {wanted}")
    assert not faults


def test_both_debians_and_a_verifier(scenarios):
    """A scenario that loads its image proves nothing of the build or of the packages of a distribution: one host will do."""
    faults = []
    for name, settings in scenarios.items():
        images = " ".join(str(platform.get("image")) for platform in settings["platforms"])
        groups = settings.get("provisioner", {}).get("inventory", {}).get("group_vars", {})
        loads = groups.get("mlflow_servers", {}).get("mlflow_image_source") == "load"
        # Where the image is not built on the host, or the promise lies in the data alone, one distribution will do.
        for wanted in ("DEBIAN13",) if loads or name in ("adopt", "single-secure") else ("DEBIAN12", "DEBIAN13"):
            if wanted not in images:
                faults.append(f"{name}: no platform on {wanted}")
        if settings.get("verifier", {}).get("name") != "testinfra":
            faults.append(f"{name}: the verifier is {settings.get('verifier')}")
    assert not faults


def test_every_verifier_folder_holds_tests(tree, scenarios):
    faults = []
    for name, settings in scenarios.items():
        verifier = settings.get("verifier", {})
        places = [verifier.get("directory") or f"molecule/{name}/tests", *(verifier.get("additional_files_or_dirs") or [])]
        folder = tree.root / "molecule" / name
        named = [place for place in places if "*" not in place]
        for place in named:
            if not (folder / place).exists() and not (tree.root / "tests/host" / place).exists() and not (tree.root / place).exists():
                faults.append(f"{name}: {place} is not there")
    assert not faults


def test_words_that_select_tests_are_those_of_their_files(tree, scenarios):
    """pytest's -k finds a word in the names of tests of other files too, whose hosts are not there."""
    faults = []
    for name, settings in scenarios.items():
        for word in filter(None, re.split(r" or ", settings["verifier"].get("options", {}).get("k") or "")):
            for file in sorted((tree.root / "tests/host").glob("test_*.py")):
                found = re.findall(r"^def (test_\w*)\(", file.read_text(encoding="utf-8"), flags=re.M)
                if word not in file.stem:
                    faults += [f"{name}: -k {word} finds {test} of {file.name}" for test in found if word in test]
    assert not faults
