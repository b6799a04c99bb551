"""A restore that is cut short between any two renames is finished by the next run, and what was there before is kept."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from test_backup_program import make_database, program

__all__ = ["program"]
MESSAGES = {
    "Fatal: wrong password or no key found": "The password of",
    "Fatal: unable to open config file: Stat: no such file or directory\nIs there a repository at the following location?": "There is no repository at",
    "Fatal: unable to save snapshot: write /backup/data/tmp: no space left on device": "There is no room left",
    "Load(<data/1f3c>, 0, 0): unexpected EOF": "is damaged",
    "ciphertext verification failed": "is damaged",
    "pack size does not match calculated size from index": "is damaged",
    "subprocess ssh: Permission denied (publickey).": "cannot be reached",
    "Fatal: create repository at s3:https://x/y failed: Access Denied.": "cannot be reached",
    "unable to create lock in backend: repository is already locked exclusively by PID 1": "in use by another host",
}


class Cut(BaseException):
    """The process is killed here."""


@pytest.fixture
def scene(program, tmp_path, monkeypatch):
    """A journal of four renames, and a count of the calls of systemctl."""
    root, folder, aside = tmp_path / "mlflow", tmp_path / "mlflow/.restore", tmp_path / "mlflow/.before"
    for place, word in ((root, "old"), (folder, "new")):
        (place / "artifacts").mkdir(parents=True)
        (place / "artifacts/file").write_text(word)
        make_database(place / "mlflow.db", rows={"old": 1, "new": 2}[word], wal=False).close()
    (root / "mlflow.db-wal").write_text("old")
    settings = type("Settings", (), {"journal_file": str(tmp_path / "restore.json")})
    deployed = type("Deployed", (), {"unit": "mlflow.service", "fact": {"local_url": "http://127.0.0.1:9"}})
    journal = {"snapshot": "0123456789", "folder": str(folder), "aside": str(aside), "told": {},
               "moves": [[str(folder / name), str(root / name), str(aside / name)] for name in ("mlflow.db", "artifacts")]}
    (tmp_path / "restore.json").write_text(json.dumps(journal))
    called = []
    monkeypatch.setattr(program.restore.subprocess, "run", lambda words, **_options: called.append(words[1]) or subprocess.CompletedProcess(words, 0))
    monkeypatch.setattr(program.restore.urllib.request, "urlopen", lambda *_words, **_options: Answer())
    return root, aside, settings, deployed, journal, called


class Answer:
    status = 200

    def __enter__(self):
        return self

    def __exit__(self, *_about):
        pass


@pytest.mark.parametrize("renames", range(6))
def test_a_swap_that_is_cut_short_is_finished(program, scene, monkeypatch, renames):
    root, aside, settings, deployed, journal, called = scene
    real, left = os.rename, [renames]

    def rename(old, new):
        if not left[0]:
            raise Cut
        left[0] -= 1
        real(old, new)

    monkeypatch.setattr(program.restore.os, "rename", rename)
    if renames < 5:
        with pytest.raises(Cut):
            program.restore.swap(settings, deployed, journal)
        assert os.path.exists(settings.journal_file) and called == ["stop"]
        left[0] = 100
        program.restore.swap(settings, deployed, journal)
    else:
        left[0] = 100
        program.restore.swap(settings, deployed, journal)
    assert called[-1] == "start" and not os.path.exists(settings.journal_file)
    assert (root / "artifacts/file").read_text() == "new" and (aside / "artifacts/file").read_text() == "old"
    assert program.database.contents(str(root / "mlflow.db"))["tables"] == {"runs": 2}
    assert (aside / "mlflow.db-wal").read_text() == "old" and not (root / "mlflow.db-wal").exists()
    assert (aside / "mlflow.db").exists() and not (root / ".restore").exists()


@pytest.fixture
def repository(program, tmp_path):
    (tmp_path / "restic.env").write_text("RESTIC_REPOSITORY=s3:https://user:hush@s3.example.com/mlflow\nAWS_SECRET_ACCESS_KEY=hush-too\n")
    (tmp_path / "backup.json").write_text(json.dumps({"state": str(tmp_path)}))
    return program.repository.Repository(program.settings.Settings(str(tmp_path)))


@pytest.mark.parametrize("said", MESSAGES)
def test_what_restic_says_is_told_with_a_way_out(repository, said):
    told = repository.meaning(subprocess.CompletedProcess([], 1, "", said + "\nhush-too"))
    assert MESSAGES[said] in told and "hush" not in told


@pytest.mark.parametrize(("address", "words"), [
    ("sftp:backup@nas:/srv/mlflow", "backup@nas -s sftp"), ("sftp://backup@nas:2222/srv/mlflow", "-p 2222 backup@nas -s sftp"), ("sftp:nas:rel", "nas -s sftp"),
])
def test_ssh_is_called_with_host_and_port(program, repository, address, words):
    assert program.repository.ssh_command(repository.settings, address).endswith(words)
