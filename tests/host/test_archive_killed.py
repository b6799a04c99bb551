"""An archive that is killed is finished by the next, and until then nothing is missing."""

from __future__ import annotations

from archive_history import DAYS, FOLDER, Old, archives, run
from cleanup_history import start
from conftest import wait_for
from extent import full_only

# Another writer, until somebody says that it is enough.
HOLD = """
import os, sqlite3, time
base = sqlite3.connect('/mlflow/mlflow.db', timeout=60, isolation_level=None)
base.execute('BEGIN IMMEDIATE')
open('/mlflow/tmp/held', 'w').close()
end = time.monotonic() + 120
while os.path.exists('/mlflow/tmp/held') and time.monotonic() < end:
    time.sleep(0.1)
"""


@full_only
def test_an_interrupted_archive_is_finished_by_the_next(host, tmp_path):
    old = Old(host, "archive-killed")
    for name in ("large", "small"):
        old.run(name)
    large = f"/mlflow/artifacts/{old.experiment}/{old.runs['large']}/artifacts/large.bin"
    host.check_output(f"head -c 200M /dev/urandom > {large} && chown 50000:50000 {large}")
    first, wholes = archives(host), {name: old.read(name, tmp_path / "before") for name in ("large", "small")}

    def interrupt(event, what):
        process = start(host, "playbooks/archive.yml", **DAYS)
        try:
            wait_for(lambda: process.poll() is not None or host.run(event).rc == 0, what, 240)
            assert process.poll() is None, process.communicate()
            host.check_output("pkill -9 -f /run/mlflow/archive[.]py")
        finally:
            process.communicate(timeout=120)
        assert process.returncode != 0 and {"large", "small"} <= old.there()

    # While the file is written.
    interrupt(f"find {FOLDER} -name '*.part' -size +1M | grep .", "the archive grows")
    assert archives(host) == first
    # While runs are to be removed, which another writer delays.
    host.check_output("echo %s > /mlflow/tmp/hold.py && docker exec --detach mlflow python3 /mlflow/tmp/hold.py", HOLD)
    wait_for(lambda: host.file("/mlflow/tmp/held").exists, "another writer is there")
    try:
        interrupt(f"ls {FOLDER}/*.removing", "the archive is whole")
    finally:
        host.check_output("rm -f /mlflow/tmp/held")
    second = sorted(set(archives(host)) - set(first))
    assert len(second) == 1
    told, changed = run(host, "archive")
    assert changed and f"finished what was interrupted with {second[0]}" in told
    assert sorted(archives(host)) == sorted(first + second) and old.there().isdisjoint({"large", "small"}) and not host.file(large).exists
    assert host.run(f"ls {FOLDER} | grep -E 'part$|removing$'").stdout == ""
    assert run(host, "unarchive", mlflow_archive_file=second[0])[1]
    assert {name: old.read(name, tmp_path / "after") for name in wholes} == wholes
