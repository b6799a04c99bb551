"""Old runs leave the server for a file and come back as they were; nothing is lost on the way. The tests build on each other, in order."""

from __future__ import annotations

import pytest
from archive_history import FOLDER, Old, archives, run
from cleanup_history import inside

EXPERIMENT = "archive-me"


def state(host):
    rows = inside(host, "import sqlite3; base = sqlite3.connect('/mlflow/mlflow.db')\n"
                  "for table in ('experiments', 'runs', 'metrics', 'latest_metrics', 'params', 'tags', 'inputs', 'input_tags', 'datasets', 'logged_models',"
                  " 'logged_model_metrics', 'logged_model_params', 'logged_model_tags'):\n"
                  "    print(table, sorted(map(repr, base.execute(f'SELECT * FROM {table}'))))")
    return host.check_output(f"find /mlflow/artifacts {FOLDER} -type f -exec sha256sum {{}} + 2>/dev/null | sort || true") + rows


@pytest.fixture(scope="module")
def old(host):
    return Old(host, EXPERIMENT).fill()


@pytest.fixture(scope="module")
def before(old, tmp_path_factory):
    """All of the runs that go, as they were."""
    return {name: old.read(name, tmp_path_factory.mktemp("before")) for name in old.going()}


def test_what_goes_is_what_the_check_foretold(host, old, before):
    was, folders = state(host), host.check_output("ls /mlflow")
    foretold, changes = run(host, "archive", "--check")
    assert changes and state(host) == was and host.check_output("ls /mlflow") == folders, "check mode changed something"
    done, changed = run(host, "archive")
    assert changed
    for name, family in old.goes.items():
        more = f" and {len(family) - 1} with it" if len(family) > 1 else ""
        for told, verb in ((foretold, "would archive"), (done, "archived")):
            assert [line for line in told if line.startswith(f"{verb} run {old.runs[name]} ({name}){more} of experiment {EXPERIMENT}")], (name, told)
    for name, reason in old.stays.items():
        for told in (foretold, done):
            assert [line for line in told if line.startswith(f"kept run {old.runs[name]}: ") and reason in line], (name, told)
    assert len([line for line in done if line.startswith("archived run ")]) == len(old.goes)
    assert old.there() == set(old.runs) - set(old.going())
    found = host.check_output("find /mlflow/artifacts")
    assert [name for name in old.going() if old.runs[name] in found] == [] and old.models["with-model"] not in found
    folder = host.file(FOLDER)
    assert (folder.mode, folder.uid, len(archives(host))) == (0o750, 50000, 1)


def test_a_second_run_changes_nothing(host, old):
    was = state(host)
    told, changed = run(host, "archive")
    assert not changed and state(host) == was and not [line for line in told if line.startswith("archived run")]


def test_a_damaged_archive_and_wrong_settings_are_refused(host, old):
    was, name = state(host), archives(host)[0]
    host.check_output(f"cp -a {FOLDER}/{name} {FOLDER}/broken.tar.gz && printf X | dd of={FOLDER}/broken.tar.gz bs=1 seek=3000 conv=notrunc 2>&1")
    try:
        run(host, "unarchive", wrong="is damaged", mlflow_archive_file="broken.tar.gz")
    finally:
        host.check_output(f"rm {FOLDER}/broken.tar.gz")
    run(host, "unarchive", wrong="mlflow_archive_file is empty")
    run(host, "unarchive", wrong="there is no file", mlflow_archive_file="another.tar.gz")
    run(host, "archive", wrong="there is no experiment unknown", mlflow_archive_experiments=["unknown"])
    run(host, "archive", wrong="is text and no list", mlflow_archive_experiments="one")
    assert state(host) == was


def test_runs_come_back_as_they_were(host, old, before, tmp_path):
    # Its name is what leads runs back: there is no such experiment now, and the new one has another place for artifacts.
    old.client.rename_experiment(old.experiment, "renamed")
    was, name = state(host), archives(host)[0]
    _told, changes = run(host, "unarchive", "--check", mlflow_archive_file=name)
    assert changes and state(host) == was, "check mode changed something"
    told, changed = run(host, "unarchive", mlflow_archive_file=name)
    assert changed and [line for line in told if line.startswith("6 runs brought back")], told
    assert {run: old.read(run, tmp_path) for run in before} == before
    made = old.client.get_experiment_by_name(EXPERIMENT)
    assert made.experiment_id != old.experiment and made.tags["team"] == "ä"
    assert old.client.get_run(old.runs["single"]).info.artifact_uri == f"mlflow-artifacts:/{made.experiment_id}/{old.runs['single']}/artifacts"
    was = state(host)
    assert not run(host, "unarchive", mlflow_archive_file=name)[1], "a second run changed something"
    assert not run(host, "archive")[1] and state(host) == was, "what came back went again at once"


def test_a_run_that_is_not_the_same_any_more_is_not_overwritten(host, old):
    old.client.set_tag(old.runs["single"], "colour", "another")
    was = state(host)
    run(host, "unarchive", wrong=f"run {old.runs['single']}: its rows in table tags", mlflow_archive_file=archives(host)[0])
    assert state(host) == was
