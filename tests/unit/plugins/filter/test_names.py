"""Filters that compare files, turn facts into the names a client may use, and find what a misspelt variable meant."""

from __future__ import annotations

import hashlib

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.mlflow.plugins.filter import files, names

FACTS = {"hostname": "Tracking", "nodename": "Tracking", "fqdn": "tracking.example.com"}


def test_every_name_that_clients_use():
    assert names.server_names(FACTS, ["alias.example.com", "", "192.0.2.10", "2001:db8::1"]) == [
        "tracking", "tracking.example.com", "alias.example.com", "192.0.2.10", "[2001:db8::1]", "localhost", "127.0.0.1", "[::1]"]


def test_a_host_without_facts_is_still_localhost():
    assert names.server_names({}) == ["localhost", "127.0.0.1", "[::1]"]


def test_facts_of_the_wrong_kind_are_refused():
    with pytest.raises(AnsibleFilterError, match="dictionary"):
        names.server_names(["eth0"])


def test_a_name_alone_and_with_each_port():
    assert names.with_ports(["a", "[::1]"], [5001, 80]) == ["a", "a:5001", "a:80", "[::1]", "[::1]:5001", "[::1]:80"]


def test_a_misspelt_name_is_told_with_its_meaning():
    assert names.misspelt(["mlflow_prot", "mlflow_port"], ["mlflow_port", "mlflow_root"]) == [{"name": "mlflow_prot", "meant": "mlflow_port"}]
    assert names.misspelt(["something_else"], ["mlflow_port"]) == [{"name": "something_else", "meant": ""}]
    assert names.misspelt(["mlflow_port"], ["mlflow_port"]) == []


def test_options_of_every_role_are_known(tree):
    found = names.role_options(str(tree.root / "roles"))
    for role in tree.roles:
        assert set(tree.options(role)) <= set(found)


def test_a_folder_without_roles_is_refused(tmp_path):
    with pytest.raises(AnsibleFilterError, match="no role"):
        names.role_options(str(tmp_path))


CONTENT = "grüße\n"
WANTED = [{"dest": "/etc/x", "content": CONTENT, "mode": "0644"}]


def present(**changes):
    digest = hashlib.sha256(CONTENT.encode()).hexdigest()
    return {"/etc/x": {"sha256": digest, "mode": "0644", "uid": 0, "gid": 0, "mtime": 1.0, **changes}}


def test_a_file_that_is_as_wanted_is_left_out():
    assert files.differing(WANTED, present()) == []


@pytest.mark.parametrize("change", [{"sha256": "0"}, {"mode": "0600"}, {"uid": 50000}, {"gid": 1}])
def test_each_difference_counts(change):
    assert files.differing(WANTED, present(**change)) == WANTED


def test_a_missing_file_differs():
    assert files.differing(WANTED, {"/etc/x": None}) == WANTED


def test_a_file_nobody_asked_about_is_an_error():
    with pytest.raises(AnsibleFilterError, match="/etc/x"):
        files.differing(WANTED, {})


def test_folders_that_are_absent_or_otherwise():
    well = {"exists": True, "is_dir": True, "uid": 7, "gid": 8, "mode": "0755"}
    present = {"/a": well, "/b": dict(well, mode="0777"), "/c": dict(well, exists=False), "/d": dict(well, is_dir=False), "/e": dict(well, uid=0)}
    wanted = [{"path": path} for path in present] + [{"path": "/a", "mode": "755"}, {"path": "/e", "owner": 0}]
    found = files.differing_folders(wanted, present, 7, 8)
    assert [entry["path"] for entry in found] == ["/b", "/c", "/d", "/e"]
    assert found[0] == {"path": "/b", "owner": "7", "group": "8", "mode": "0755"}
    with pytest.raises(AnsibleFilterError, match="/nowhere"):
        files.differing_folders([{"path": "/nowhere"}], present, 7, 8)
