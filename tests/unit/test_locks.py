"""The locks of the server image: complete, hashed, consistent, and without a trace of the machine that made them."""

from __future__ import annotations

import pathlib
import re

EXTRAS = {"postgresql", "mysql", "mssql", "s3", "gcs", "azure", "prometheus", "auth", "ldap", "oidc"}
# mlflow-oidc-auth knows no older MLflow.
OIDC_SINCE = (3, 16)


def entries(text):
    """Yield (name, version, hashes) for each requirement of a lock."""
    for block in re.split(r"\n(?=[^\s#])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")):
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*==\s*([^\s;]+)", block)
        if block.strip():
            yield (re.sub(r"[-_.]+", "-", match[1]).lower() if match else block, match[2] if match else None,
                   re.findall(r"--hash=(sha256:[0-9a-f]{64})\b", block))


def versions(tree):
    return sorted({pathlib.PurePath(name).parts[4] for name in tree.matching("roles/mlflow/files/locks/*/*.txt")})


def test_every_version_has_a_lock_for_the_server_and_each_extra(tree):
    assert versions(tree)
    for version in versions(tree):
        names = {pathlib.PurePath(name).stem for name in tree.matching(f"roles/mlflow/files/locks/{version}/*.txt")}
        wanted = {"server"} | EXTRAS - (set() if tuple(map(int, version.split(".")[:2])) >= OIDC_SINCE else {"oidc"})
        assert wanted == names, f"{version}: {wanted ^ names}"


def test_extras_of_the_role_and_locks_are_the_same(tree):
    assert set(tree.options("mlflow")["mlflow_image_extras"]["choices"]) == EXTRAS


def test_every_requirement_is_pinned_and_hashed(tree):
    faults = []
    for name in tree.matching("roles/mlflow/files/locks/*/*.txt"):
        found = list(entries(tree.text(name)))
        faults += [f"{name}: {requirement}" for requirement, version, hashes in found if not version or not hashes]
        if not found:
            faults.append(f"{name}: empty")
    assert not faults


def test_one_version_of_each_package_in_the_locks_of_one_version(tree):
    faults = []
    for mlflow in versions(tree):
        seen = {}
        for name in tree.matching(f"roles/mlflow/files/locks/{mlflow}/*.txt"):
            for requirement, version, hashes in entries(tree.text(name)):
                seen.setdefault(requirement, set()).add((version, tuple(sorted(hashes))))
        faults += [f"{mlflow}: {requirement}: {found}" for requirement, found in seen.items() if len(found) > 1]
    assert not faults


def test_the_lock_is_for_the_version_that_it_is_named_after(tree):
    for version in versions(tree):
        found = {name: pin for name, pin, _hashes in entries(tree.text(f"roles/mlflow/files/locks/{version}/server.txt"))}
        assert found.get("mlflow") == version or found.get("mlflow-skinny") == version
        assert {"uvloop", "httptools", "gunicorn"} <= set(found)


def test_no_index_or_path_in_a_lock(tree):
    faults = []
    for name in tree.matching("roles/mlflow/files/locks/*/*.txt", "roles/mlflow/files/locks/*.txt"):
        for line in tree.text(name).splitlines():
            if re.search(r"://|index-url|find-links|(^|\s)/\w+/|trusted-host", line):
                faults.append(f"{name}: {line}")
    assert not faults
