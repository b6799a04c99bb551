"""The locks of clients: one for each Python of the distributions, hashed, and of the MLflow that servers have."""

from __future__ import annotations

import pathlib

from test_locks import entries, versions

PYTHONS = {"python3.11", "python3.12", "python3.13"}
LOCKS = "roles/mlflow_client/files/locks"


def test_every_version_of_the_server_has_one_for_each_python(tree):
    found = {version: {pathlib.PurePath(name).stem for name in tree.matching(f"{LOCKS}/{version}/*.txt")} for version in versions(tree)}
    assert found == dict.fromkeys(versions(tree), PYTHONS)


def test_every_requirement_is_pinned_and_hashed(tree):
    for name in tree.matching(f"{LOCKS}/*.txt", f"{LOCKS}/*/*.txt"):
        found = list(entries(tree.text(name)))
        assert found and all(version and hashes for _requirement, version, hashes in found), name


def test_they_hold_the_version_that_they_are_named_after(tree):
    for name in tree.matching(f"{LOCKS}/*/*.txt"):
        found = {requirement: version for requirement, version, _hashes in entries(tree.text(name))}
        assert found["mlflow"] == pathlib.PurePath(name).parts[4] and {"psutil", "scikit-learn"} <= set(found)


def test_client_and_image_are_installed_by_the_same_installer(tree):
    server, client = (list(entries(tree.text(f"roles/{role}/files/locks/uv.txt"))) for role in ("mlflow", "mlflow_client"))
    assert server == client
