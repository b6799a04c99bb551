"""The module that writes folders and files, run by Ansible itself against folders of this machine."""

from __future__ import annotations

import json
import os
import pathlib
import stat
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[4]
OWN = {"owner": str(os.geteuid()), "group": str(os.getegid())}


@pytest.fixture
def keep(tmp_path):
    """keep(files, folders, *options) runs the module once and returns its result and all that was printed."""

    def run(files, folders=(), *options, no_log=False):
        task = {"mlops.mlflow.mlflow_files": {"files": [{**OWN, **one} for one in files], "folders": [{**OWN, **one} for one in folders]}, "no_log": no_log}
        play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task],
                 "vars": {"ansible_python_interpreter": sys.executable}}]
        (tmp_path / "play.yml").write_text(json.dumps(play), encoding="utf-8")
        settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default", "ANSIBLE_NOCOLOR": "1",
                    "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"), "ANSIBLE_REMOTE_TEMP": str(tmp_path / "tmp")}
        command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", str(tmp_path / "play.yml"), *options]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
        recap = dict(pair.split("=") for pair in done.stdout.splitlines()[-2].split(":")[1].split())
        return {name: int(count) for name, count in recap.items()}, done.stdout + done.stderr

    return run


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_folders_are_as_asked_and_a_second_run_changes_nothing(keep, tmp_path):
    folder, file = tmp_path / "a/b", tmp_path / "a/b/c.conf"
    ask = [{"dest": str(file), "content": "ä = 1\n", "mode": "0640"}], [{"path": str(folder), "mode": "0750"}]
    assert keep(*ask)[0]["changed"] == 1
    assert (file.read_text(encoding="utf-8"), mode(file), mode(folder)) == ("ä = 1\n", 0o640, 0o750)
    before = file.stat()
    assert keep(*ask)[0]["changed"] == 0
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert sorted(entry.name for entry in folder.iterdir()) == ["c.conf"]


def test_a_mode_alone_is_repaired_and_contents_stay(keep, tmp_path):
    file = tmp_path / "kept"
    file.write_text("same", encoding="utf-8")
    file.chmod(0o666)
    inode = file.stat().st_ino
    assert keep([{"dest": str(file), "content": "same", "mode": "0600"}])[0]["changed"] == 1
    assert (mode(file), file.stat().st_ino) == (0o600, inode)


def test_a_check_run_tells_the_difference_and_writes_nothing(keep, tmp_path):
    old, new = tmp_path / "old", tmp_path / "folder/new"
    old.write_text("one\ntwo\n", encoding="utf-8")
    ask = [{"dest": str(old), "content": "one\nthree\n"}, {"dest": str(new), "content": "fresh\n"}], [{"path": str(new.parent)}]
    recap, output = keep(*ask, "--check", "--diff")
    assert recap["changed"] == 1
    assert "-two" in output and "+three" in output and "+fresh" in output
    assert old.read_text(encoding="utf-8") == "one\ntwo\n" and not new.parent.exists()


def test_a_check_run_foretells_an_owner_that_a_package_would_bring(keep, tmp_path):
    folder = tmp_path / "mounted"
    folder.mkdir()
    ask = [{"dest": str(folder / "file"), "content": "", "owner": "nobody-yet"}], [{"path": str(folder), "group": "nobody-yet"}]
    recap, _output = keep(*ask, "--check")
    assert (recap["changed"], recap["failed"], list(folder.iterdir())) == (1, 0, [])
    assert keep(*ask)[0]["failed"] == 1


def test_contents_are_in_no_output(keep, tmp_path):
    for no_log in (False, True):
        _recap, output = keep([{"dest": str(tmp_path / "secret"), "content": f"open-sesame-{no_log}\n", "mode": "0600"}], (), "-vvvv", no_log=no_log)
        assert (tmp_path / "secret").read_text(encoding="utf-8") == f"open-sesame-{no_log}\n"
        assert "open-sesame" not in output


def test_an_empty_template_makes_an_empty_file(keep, tmp_path):
    assert keep([{"dest": str(tmp_path / "empty"), "content": "{{ '' }}"}])[0]["changed"] == 1
    assert (tmp_path / "empty").read_bytes() == b""


def test_what_cannot_be_written_is_named(keep, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    recap, output = keep([{"dest": str(tmp_path / "file/inside"), "content": "x"}])
    assert recap["failed"] == 1
    assert f"{tmp_path}/file/inside could not be written: Not a directory" in output
    recap, output = keep([{"dest": str(tmp_path / "nothing")}])
    assert recap["failed"] == 1 and "needs its 'content'" in output
