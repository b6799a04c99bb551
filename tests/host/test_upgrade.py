"""An upgrade over many releases, under a client that goes on writing; its rehearsal, and the way back. The tests build on each other, in order."""

from __future__ import annotations

import pytest
import upgrade_data
from mlflow import MlflowClient
from provisioning import difference, host_of, snapshot
from upgrades import NEW, NEW_VERSION, OLD_VERSION, Playbook, at_rest, container_of, fact_of, schema_of, url_of, version_of

NAME = "mlflow-upgrade-debian13"


@pytest.fixture(scope="module")
def filled():
    """All that a client reads from the old server, before anything is done to it."""
    assert version_of(NAME) == OLD_VERSION
    if not upgrade_data.there(url_of(NAME)):
        upgrade_data.fill(url_of(NAME))
    return upgrade_data.read(url_of(NAME))


def flat(outcome):
    return " ".join(outcome.output.split())


def test_check_mode_tells_and_changes_nothing(site, filled):
    before = snapshot(NAME)
    outcome = site.run(NAME, variables=NEW, check=True)
    assert outcome.status == 0, outcome.output[-3000:]
    assert f"would go from {container_of(NAME).split()[1]} to {NEW['mlflow_image']}" in flat(outcome)
    assert difference(before, snapshot(NAME)) == []


def test_the_rehearsal_tells_and_leaves_all_as_it_is(site, filled):
    before, schema = container_of(NAME), schema_of(NAME)
    with upgrade_data.Writer(url_of(NAME)) as writer:
        outcome = Playbook(site, "rehearse_upgrade").run(NAME, variables=NEW)
    assert outcome.status == 0, outcome.output[-3000:]
    for part in (f"{OLD_VERSION} to {NEW_VERSION}", "Expected time without service:", "rows before:", "rows after:", "are free"):
        assert part in flat(outcome)
    assert (container_of(NAME), schema_of(NAME), version_of(NAME)) == (before, schema, OLD_VERSION)
    assert writer.acknowledged and writer.lost() == []
    assert upgrade_data.read(url_of(NAME)) == filled
    at_rest(NAME)
    again = Playbook(site, "rehearse_upgrade").run(NAME, variables=NEW)
    assert (again.status, again.changed) == (0, {}), again.output[-3000:]


def test_an_upgrade_loses_no_acknowledged_write(site, filled):
    with upgrade_data.Writer(url_of(NAME)) as writer:
        outcome = site.run(NAME, variables=NEW)
        assert outcome.status == 0, outcome.output[-5000:]
        first = len(writer.acknowledged)
    assert f"went from {OLD_VERSION} to {NEW_VERSION}. Without service:" in flat(outcome)
    assert version_of(NAME) == NEW_VERSION and schema_of(NAME) != "1b5f0d9ad7c1"
    assert len(writer.acknowledged) >= first > 50 and writer.lost() == []
    assert upgrade_data.read(url_of(NAME)) == filled
    window = fact_of(NAME, "mlflow_upgrade")["window_seconds"]
    print(f"without service: {window} s by the fact, {writer.longest:.1f} s for the client; steps: {fact_of(NAME, 'mlflow_upgrade')['seconds']}")
    # How long it may be is measured where the machine is quiet: benchmarks/upgrade.py.
    assert window > 0 and writer.longest < window + 5
    at_rest(NAME)


def test_the_next_run_changes_nothing(site):
    quiet = site.run(NAME, variables=NEW)
    assert (quiet.status, quiet.changed) == (0, {}), quiet.output[-3000:]
    assert "upgrade |" not in quiet.output, "a run without an upgrade has tasks of one"


# A scenario is green only where a test names each of its servers.
@pytest.mark.parametrize("name", [NAME])
def test_the_backup_is_the_database_of_then(filled, name):
    host, backup = host_of(name), fact_of(name, "mlflow_upgrade")["backup"]
    assert host.file("/mlflow/.upgrade").mode == 0o700 and host.file("/mlflow/.upgrade").user == "root"
    assert schema_of(name, backup) == "1b5f0d9ad7c1"


def test_a_way_back_wants_the_name_of_the_host_and_tells_the_loss(site, filled):
    client = MlflowClient(url_of(NAME))
    client.create_run("0")
    before = container_of(NAME)
    for variables in ({}, {"mlflow_rollback_confirm": "some-other-host"}):
        outcome = Playbook(site, "rollback").run(NAME, variables=variables)
        assert outcome.status != 0 and "Nothing was changed" in outcome.message(NAME)
        assert (container_of(NAME), version_of(NAME)) == (before, NEW_VERSION)
        assert variables or ("runs: 1" in outcome.message(NAME) and f"mlflow_rollback_confirm={NAME}" in outcome.message(NAME))


def test_the_way_back(site, filled):
    outcome = Playbook(site, "rollback").run(NAME, variables={"mlflow_rollback_confirm": NAME})
    assert outcome.status == 0, outcome.output[-3000:]
    assert (version_of(NAME), schema_of(NAME), fact_of(NAME)["version"]) == (OLD_VERSION, "1b5f0d9ad7c1", OLD_VERSION)
    assert upgrade_data.read(url_of(NAME)) == filled
    assert host_of(NAME).check_output(f"ls /mlflow/.upgrade/*/mlflow.db-{NEW_VERSION}")
    at_rest(NAME)
    quiet = site.run(NAME)
    assert (quiet.status, quiet.changed) == (0, {}), quiet.output[-3000:]


def test_upgraded_again_and_old_images_go(site, filled):
    """By upgrade.yml. Of five other images of this server one is to be kept, and one is a container's."""
    host, old = host_of(NAME), container_of(NAME).split()[1]
    for number in range(4):
        host.check_output(f"docker tag {old} mlflow:other-{number}")
    host.check_output("docker create --name somebody mlflow:other-2")
    outcome = Playbook(site, "upgrade").run(NAME, variables={**NEW, "mlflow_images_keep": 1})
    assert outcome.status == 0, outcome.output[-3000:]
    left = host.check_output("docker image ls --format '{{.Repository}}:{{.Tag}}' mlflow").split()
    assert sorted(left) == sorted([NEW["mlflow_image"], old, "mlflow:other-2"])
    host.check_output("docker rm somebody")
    assert version_of(NAME) == NEW_VERSION and upgrade_data.read(url_of(NAME)) == filled
    at_rest(NAME)
