"""An upgrade that is cut short at each of its steps: a server serves, nothing is lost, and the next run ends what was begun."""

from __future__ import annotations

import pytest
import upgrade_data
from conftest import answers, wait_for
from extent import FULL
from provisioning import host_of
from upgrades import JOURNAL, NEW, NEW_VERSION, OLD_VERSION, at_rest, go_back, url_of, version_of

NAME = "mlflow-upgrade-debian12"


@pytest.fixture(scope="module")
def filled():
    """What a client reads; filled here unless test_upgrade_faults was here before."""
    if not upgrade_data.there(url_of(NAME)):
        upgrade_data.fill(url_of(NAME))
    return upgrade_data.read(url_of(NAME))


def wait_for_state(state):
    """Return when the journal has come to a state, or when the program is through with it."""
    host_of(NAME).run(f"timeout 120 sh -c 'until grep -q \"\\\"state\\\": \\\"{state}\\\"\" {JOURNAL}/pending.json 2>/dev/null; do :; done'")


# The host once, and with bin/test --full all of it.
STEPS = [("host", "swapped")]
if FULL:
    STEPS += [(victim, state) for victim, states in {
        "playbook": ["planned", "stopped", "serving"], "program": ["planned", "stopped", "migrated", "swapped"], "host": ["stopped"],
    }.items() for state in states]


@pytest.mark.parametrize(("victim", "state"), STEPS)
def test_killed(site, filled, victim, state):
    """The playbook on its machine, the program on the host, or the whole host: the old or the new server serves, and the next run ends it."""
    go_back(site, NAME)
    host = host_of(NAME)
    with upgrade_data.Writer(url_of(NAME)) as writer:
        if victim == "playbook":
            def condition(_outcome, line, _over):
                if "Change the image" not in line:
                    return False
                wait_for_state(state)
                return True

            assert site.run_until(NAME, condition, variables=NEW).status == -9
        else:
            process = site.start(NAME, variables=NEW)
            wait_for_state(state)
            if victim == "program":
                host.run("systemctl kill --signal KILL mlflow-upgrade.service")
            else:
                restart()
                writer.moved(url_of(NAME))
            process.communicate()
        wait_for(lambda: host.run("systemctl is-active mlflow-upgrade.service").stdout.strip() not in ("active", "deactivating"), "the unit ends", 120)
        wait_for(lambda: answers(url_of(NAME) + "/health"), "a server serves although nobody did anything", 120)
        since = len(writer.acknowledged)
        wait_for(lambda: len(writer.acknowledged) > since + 5, "writes go on")
        last = site.run(NAME, variables=NEW)
        assert last.status == 0, last.output[-4000:]
    assert version_of(NAME) == NEW_VERSION and writer.lost() == []
    assert upgrade_data.read(url_of(NAME)) == filled
    at_rest(NAME)


def test_nothing_is_left_to_do(site):
    quiet = site.run(NAME, variables=NEW)
    assert (quiet.status, quiet.changed) == (0, {}), quiet.output[-3000:]


def restart():
    import docker

    docker.from_env().containers.get(NAME).restart(timeout=60)
    wait_for(lambda: host_of(NAME).run("systemctl is-system-running").stdout.strip() in ("running", "degraded"), "the host has booted", 300)


def test_a_downgrade_is_refused(site, filled):
    assert version_of(NAME) == NEW_VERSION
    outcome = site.run(NAME)
    assert outcome.status != 0
    for part in (f"mlflow_version is {OLD_VERSION}", "does not know the schema", "rollback.yml", "Nothing on it was changed"):
        assert part in outcome.message(NAME), outcome.message(NAME)
    assert version_of(NAME) == NEW_VERSION and upgrade_data.read(url_of(NAME)) == filled
