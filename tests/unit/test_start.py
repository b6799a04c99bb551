"""The first program of the unit: keys that are made once, and what the server reads from its standard input."""

from __future__ import annotations

import subprocess

import pytest


@pytest.fixture
def start(tree, tmp_path):
    (tmp_path / "mlflow.env").write_text("PLAIN=1\nODD=a $HOME `id` \\n ' \" #\nEND\nLAST=x", encoding="utf-8")

    def start(command=("cat",), keys="keys.env"):
        words = ["sh", tree.root / "roles/mlflow/files/start.sh", tmp_path / keys, tmp_path / "mlflow.env", *command]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    start.folder = tmp_path
    return start


def test_the_server_reads_keys_and_environment(start):
    keys = start().stdout.splitlines()[:2]
    assert [line.partition("=")[0] for line in keys] == ["MLOPS_GENERATED_SECRET_KEY", "MLOPS_GENERATED_PASSPHRASE"]
    assert len({line.partition("=")[2] for line in keys}) == 2 and all(len(line) > 60 for line in keys)
    assert start().stdout.splitlines() == [*keys, "PLAIN=1", "ODD=a $HOME `id` \\n ' \" #", "END", "LAST=x"]


def test_keys_are_root_s_alone(start):
    start()
    assert (start.folder / "keys.env").stat().st_mode & 0o7777 == 0o600
    assert not (start.folder / "keys.env.new").exists()


def test_what_a_run_that_was_cut_short_left_is_replaced(start):
    (start.folder / "keys.env").touch()
    (start.folder / "keys.env.new").write_text("half", encoding="utf-8")
    assert start().stdout.startswith("MLOPS_GENERATED_SECRET_KEY=")


def test_a_long_environment_arrives_whole(start):
    (start.folder / "mlflow.env").write_text("LONG=" + "x" * 300_000 + "\n", encoding="utf-8")
    assert len(start().stdout.splitlines()[-1]) == 300_005


def test_nothing_starts_without_an_environment(start):
    (start.folder / "mlflow.env").unlink()
    ended = start(("echo", "started"))
    assert ended.returncode != 0 and ended.stdout == ""


def test_arguments_hold_no_secret(start):
    """The command is what the unit says, and the process is that command itself."""
    assert start(("sh", "-c", "tr '\\0' ' ' < /proc/$$/cmdline")).stdout.startswith("sh -c tr")
