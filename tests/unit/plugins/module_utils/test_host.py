"""Reading a host: the parts of mlflow_host_info that need no host of their own."""

from __future__ import annotations

import os

from ansible_collections.mlops.mlflow.plugins.module_utils import host


def test_a_path_and_one_that_is_not_there(tmp_path):
    tmp_path.chmod(0o750)
    found = host.path(str(tmp_path))
    assert (found["exists"], found["is_dir"], found["mode"], found["uid"]) == (True, True, "0750", os.getuid())
    assert found["free_bytes"] > 0
    missing = host.path(str(tmp_path / "a/b"))
    assert (missing["exists"], missing["mode"], missing["existing"]) == (False, "0750", str(tmp_path))


def test_a_path_that_no_folder_can_take(tmp_path):
    """A dead link and a file on the way: neither can become a folder, and both are named."""
    link, name = tmp_path / "link", tmp_path / "file"
    link.symlink_to(tmp_path / "gone")
    name.write_text("x")
    for path, existing in ((link, link), (link / "a", link), (name / "a" / "b", name)):
        found = host.path(str(path))
        assert (found["existing"], found["is_dir"]) == (str(existing), False)
        assert found["free_bytes"] > 0


def test_a_file_and_one_that_is_not_there(tmp_path):
    name = tmp_path / "file"
    name.write_text("x")
    name.chmod(0o600)
    found = host.file(str(name))
    assert found["mode"] == "0600"
    assert found["sha256"] == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert host.file(str(tmp_path / "none")) is None


def test_what_is_wrong_with_a_ca_file(tmp_path):
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_text("-----BEGIN CERTIFICATE-----\n")
    bad.write_text("nothing")
    assert host.ca_file_problem("") == ""
    assert host.ca_file_problem(str(good)) == ""
    assert host.ca_file_problem(str(bad)) == "holds no PEM certificate"
    assert host.ca_file_problem(str(tmp_path / "none")) == "no such file or directory"


def test_states_of_units(module):
    shown = "Id=a.service\nActiveState=active\nUnitFileState=enabled\nLoadState=loaded\nNeedDaemonReload=yes\n\n" \
            "Id=b.timer\nActiveState=inactive\nUnitFileState=\nLoadState=not-found\nNeedDaemonReload=no\n"
    found = host.units(module({"systemctl show": shown}), ["a.service", "b.timer"])
    assert found["a.service"]["active"] == "active"
    assert found["a.service"]["need_reload"] is True
    assert found["b.timer"]["load"] == "not-found"
    assert found["b.timer"]["need_reload"] is False
