"""Faults that are planted on a server that is well: diagnose finds each, names what to do, changes nothing and does not hang.

Each group of faults is planted at once, met by one run of the playbook, and mended. The last test finds the server well again.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from conftest import Server, answers, wait_for
from diagnosis_groups import GROUPS
from provisioning import difference, host_of, snapshot

ROOT = Path(__file__).parents[2]
NAME = "mlflow-diagnose-debian13"


class Diagnosis:
    """One run of the playbook: its exit status, the seconds it took, what it printed, and its lines by name."""

    def __init__(self, folder, *options):
        file, began = folder / "diagnosis.json", time.monotonic()
        command = ["ansible-playbook", "-i", os.environ["MOLECULE_INVENTORY_FILE"], "--limit", NAME, ROOT / "playbooks/diagnose.yml"]
        done = subprocess.run([*command, "-e", "mlflow_diagnose_seconds=6", "-e", f"mlflow_diagnose_json={file}", *options],
                              capture_output=True, text=True, timeout=180, check=False)
        self.status, self.output, self.seconds = done.returncode, done.stdout + done.stderr, time.monotonic() - began
        assert file.exists(), self.output
        self.lines = {line["name"]: line for line in json.loads(file.read_text(encoding="utf-8"))[NAME]}

    def bad(self):
        return {name: line for name, line in self.lines.items() if line["status"] != "ok"}


@pytest.fixture(scope="module")
def well(host, tmp_path_factory):
    """The server before anything is planted, with a run in it; and what differs on the host after the look."""
    client = Server(host).client()
    run = client.create_run(client.create_experiment(f"diagnosed-{time.time_ns()}")).info.run_id
    client.log_metric(run, "loss", 0.5)
    client.log_text(run, "x" * 20000, "note.txt")
    before = snapshot(NAME)
    found = Diagnosis(tmp_path_factory.mktemp("well"), "-e", "mlflow_diagnose_strict=true")
    return found, difference(before, snapshot(NAME))


def test_a_server_that_is_well_has_no_warning(well):
    found, _changed = well
    assert found.bad() == {}
    assert found.status == 0, found.output
    assert len(found.lines) == 25
    for name, part in {"search": "metrics.`loss` DESC", "runs": "RUNNING", "artifacts": "most: diagnosed-", "tracking URI": f"http://{NAME}:5001",
                       "schema": "what the image expects", "reachable": ":5001: answers", "integrity": "no fault"}.items():
        assert part in found.lines[name]["value"]


def test_it_changes_nothing_on_the_host(well):
    found, changed = well
    assert changed == []
    assert "\n" + f"{NAME}: 25 ok, 0 warn, 0 fail" in found.output


def test_the_smoke_test_passes_where_no_proxy_stands_in_front(well, site):
    done = site.run(NAME, playbook="smoke_test.yml")
    assert done.status == 0, done.output[-3000:]


@pytest.fixture(scope="module", params=GROUPS)
def group(request, well, tmp_path_factory):
    plant, mend, says = GROUPS[request.param]
    host = host_of(NAME)
    head = well[0].lines["schema"]["value"].split(",")[0]
    try:
        planted = host.run(plant)
        found = Diagnosis(tmp_path_factory.mktemp("group"))
    finally:
        mended = host.run(mend.replace("HEAD", head))
    assert mended.rc == 0, mended.stderr
    return found, says, planted


def test_each_fault_of_the_group_is_found_with_its_remedy(group):
    found, says, planted = group
    assert planted.rc == 0, planted.stderr
    missing = {}
    for name, (status, parts) in says.items():
        line = found.lines[name]
        if line["status"] != status or [part for part in parts if part not in f"{line['value']} -> {line['next']}"]:
            missing[name] = line
    assert missing == {}, json.dumps(found.lines, indent=1)
    assert all(line["next"] for line in found.bad().values())
    assert found.status != 0
    assert found.seconds < 60


def test_site_yml_brings_it_back_and_only_the_restarts_are_remembered(host, site, well, tmp_path):
    host.run("systemctl enable mlflow")
    outcome = site.run(NAME)
    assert outcome.status == 0, outcome.output[-3000:]
    wait_for(lambda: answers(Server(host).url + "/health"), "the server answers")
    found = Diagnosis(tmp_path)
    assert set(found.bad()) == {"restarts"}, found.bad()
    assert found.status == 0
    assert Diagnosis(tmp_path, "-e", "mlflow_diagnose_strict=true").status != 0
