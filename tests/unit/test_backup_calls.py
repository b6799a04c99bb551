"""How often a backup calls restic, each call of which opens the repository; what is done about a lock in the way; when room is made."""

from __future__ import annotations

import json

import pytest
from test_backup_program import make_database, program

__all__ = ["program"]
# Notes what it was called with, and answers as restic does. While the file `locked` is there, somebody who is gone holds a lock.
RESTIC = r"""#!/bin/sh
echo "$*" >> {0}/calls
case " $* " in
    *" unlock "*) rm -f {0}/locked ;;
    *" version "*) echo "restic 0.18.0 compiled with go" ;;
    *) if [ -e {0}/locked ]; then echo "unable to create lock in backend: repository is already locked by PID 1" >&2; exit 11; fi ;;
esac
echo '{{"message_type": "summary", "snapshot_id": "0123456789", "data_added": 1, "total_bytes_processed": 2}}'
"""


@pytest.fixture
def backup(program, tmp_path, monkeypatch):
    """backup("check") runs the program with a restic that only notes its calls, and returns (exit code, the first words of the calls)."""
    (tmp_path / "bin").mkdir()
    restic = tmp_path / "bin/restic"
    restic.write_text(RESTIC.format(tmp_path))
    restic.chmod(0o755)
    monkeypatch.setenv("PATH", str(restic.parent), prepend=":")
    root, folder = tmp_path / "mlflow", tmp_path / "etc/program"
    (root / "artifacts").mkdir(parents=True)
    folder.mkdir(parents=True)
    make_database(root / "mlflow.db").close()
    (root / "artifacts/one").write_text("one")
    (tmp_path / "mlflow.env").write_text("")
    fact = {"root": str(root), "unit": "mlflow.service", "image": "mlflow:1", "version": "3.17.2", "uid": 0, "gid": 0, "config_dir": str(tmp_path),
            "backend_store": f"sqlite:///{root}/mlflow.db", "artifacts_destination": str(root / "artifacts")}
    (tmp_path / "mlflow.fact").write_text(json.dumps(fact))
    (tmp_path / "etc/restic.env").write_text("RESTIC_REPOSITORY=/nowhere/repository\n")
    settings = {"service": "mlflow", "host": "one", "state": str(tmp_path / "state"), "fact": str(tmp_path / "mlflow.fact"), "keep": {"last": 3},
                "lock_wait_seconds": 0, "read_data_subset": "", "extra_databases": [], "sample_files": 5, "metrics_file": str(tmp_path / "state/metrics")}
    (tmp_path / "etc/backup.json").write_text(json.dumps(settings))
    monkeypatch.setattr(program.backup, "__file__", str(folder / "backup.py"))

    def run(verb):
        (tmp_path / "calls").write_text("")
        code = program.backup.main([verb])
        return code, [next(word for word in line.split() if word[0] not in "-1") for line in (tmp_path / "calls").read_text().splitlines()]

    return run


def test_a_backup_is_one_call_and_forgets_once_a_day(backup, tmp_path):
    assert backup("backup") == (0, ["backup", "forget"])
    assert backup("backup") == (0, ["backup"])
    status = tmp_path / "state/status.json"
    status.write_text(json.dumps({**json.loads(status.read_text()), "forgot_epoch": 1}))
    assert backup("backup") == (0, ["backup", "forget"])


def test_the_check_frees_room_after_it_has_found_the_repository_whole(backup):
    assert backup("check") == (0, ["check", "prune"])


def test_a_lock_whose_owner_is_gone_is_removed_only_where_it_is_in_the_way(backup, tmp_path):
    backup("backup")
    (tmp_path / "locked").write_text("")
    assert backup("backup") == (0, ["backup", "unlock", "version", "backup"])


def test_room_is_freed_at_once_where_it_is_wanted(program, monkeypatch):
    freed = []
    repository = type("Repository", (), {"local": "/", "prune": lambda _self, *words: freed.append(words)})()
    program.room.make_room(repository, 1)
    assert freed == []
    with pytest.raises(program.settings.Refused, match="No room for the snapshot"):
        program.room.make_room(repository, 1 << 60)
    assert freed == [("--max-repack-size", "0")]
