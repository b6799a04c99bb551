"""Every place that names a version of ansible-core, of the collection or of MLflow names the same one."""

from __future__ import annotations

import re

LOWEST, HIGHEST = "2.18", "2.21"


def test_runtime_and_roles_ask_for_the_lowest_core(tree):
    assert tree.yaml("meta/runtime.yml")["requires_ansible"] == f">={LOWEST}.0"
    asked = {role: str(tree.yaml(f"roles/{role}/meta/main.yml")["galaxy_info"]["min_ansible_version"]) for role in tree.roles}
    assert set(asked.values()) == {LOWEST}, asked


def test_the_readme_names_both_ends(tree):
    text = tree.text("README.md")
    assert re.search(rf"ansible-core {re.escape(LOWEST)} to {re.escape(HIGHEST)}\b", text), f"README: ansible-core {LOWEST} to {HIGHEST}"


def test_tests_install_both_ends_and_nothing_beyond(tree):
    pins = {}
    for name in tree.matching("tests/requirements*.txt"):
        for line in tree.text(name).splitlines():
            match = re.match(r"ansible-core[=~]=(\d+\.\d+)", line)
            if match:
                pins.setdefault(match[1], []).append(name)
    assert LOWEST in pins, pins
    assert HIGHEST in pins, pins
    between = [f"2.{minor}" for minor in range(18, 22)]
    assert set(pins) <= set(between), pins


def test_what_tests_install_is_pinned(tree):
    faults = []
    for name in tree.matching("tests/requirements*.txt"):
        for line in tree.text(name).splitlines():
            words = line.split("#")[0].strip()
            if words and not words.startswith("-") and not re.search(r"==\d[\w.]*\s*(;.*|\\)?$", words) and "--hash" not in words:
                faults.append(f"{name}: {words}")
    assert tree.matching("tests/requirements*.txt")
    assert not faults


def test_galaxy_readme_and_changelog_know_the_collection_version(tree):
    galaxy = tree.yaml("galaxy.yml")
    assert re.fullmatch(r"\d+\.\d+\.\d+", str(galaxy["version"]))
    releases = tree.yaml("changelogs/changelog.yaml")["releases"] if "changelogs/changelog.yaml" in tree.files else {}
    # A version is either released, or its fragments wait for the release.
    assert galaxy["version"] in releases or tree.matching("changelogs/fragments/*.yml")


def test_the_default_mlflow_version_has_a_lock(tree):
    version = tree.yaml("roles/mlflow/defaults/main.yml")["mlflow_version"]
    assert f"roles/mlflow/files/locks/{version}/server.txt" in tree.files
