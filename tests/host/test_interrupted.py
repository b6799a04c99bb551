"""A run that is killed, at whatever task, is finished by the next run.

Each run is killed (SIGKILL, the whole process group) right after a change that no run before it came to, until one ends by itself:
after the first of them, or, unless by bin/test --full, after the third. What takes long is killed in its midst too, while it goes on
on the host. So no list of tasks has to be kept.
"""

from __future__ import annotations

import json

import pytest
import requests
from conftest import MISSION_EXAMPLE, answers, wait_for
from extent import FULL
from provisioning import address_of, host_of, phase_of

SERVER, BARE = "mlflow-faults-debian12", "mlflow-faults-bare"
# More than there are changes; a run that never ends by itself is a failure.
MOST = 40
STEP = 1 if FULL else 3
# Tasks that are killed while their command runs on the host: a word of the name, and when the command is at work.
MIDST = {
    "Install the engine": "pgrep -x dpkg",
    "Load the server image": "pgrep -f 'docker load'",
    "Run the server": "systemctl show mlflow -p ActiveState | grep activating",
}


class Killer:
    """Says when to kill: in the midst of each of MIDST once, and after every few changes, STEP of them, that no run before it came to."""

    def __init__(self, name, midst):
        self.name, self.midst, self.after, self.kills = name, dict(midst), [], []

    def __call__(self, outcome, line, over):
        slow = next((task for task in self.midst if line.startswith("TASK [") and task in line), "")
        if slow:
            working = self.midst.pop(slow)
            wait_for(lambda: over() or host_of(self.name).run(working).rc == 0, f"{working} on {self.name}", 120)
            assert not over(), f"{slow} was over before it was seen at work"
            self.kills.append(f"in the midst of {slow}")
            return True
        news = [task for task in outcome.changed.get(self.name, []) if task not in self.after]
        if len(news) < STEP:
            return False
        self.after += news[:STEP]
        self.kills.append(f"after {self.after[-1]}")
        return True


def provision(site, name, midst, **options):
    """Run site.yml, killed again and again, until a run ends by itself. Returns that run, all that changed in any of them, and the kills."""
    killer, changed = Killer(name, midst), []
    for _count in range(MOST):
        outcome = site.run_until(name, killer, **options)
        changed += outcome.changed.get(name, [])
        assert outcome.status in (0, -9), f"after runs that were killed {killer.kills}:\n{outcome.output[-4000:]}"
        if outcome.status == 0:
            assert not killer.midst, f"no run got to {list(killer.midst)}"
            print(f"{name} was killed {killer.kills}")
            return outcome, changed, killer.kills
    pytest.fail(f"{MOST} runs, and none had nothing left to do. Killed {killer.kills}")


def test_a_bare_host(site, tmp_path):
    """From nothing: packages, engine, tree, image, units. A check before it foretells what all runs together did."""
    hosts = {BARE: {"ansible_connection": "community.docker.docker"}}
    foretold = site.run(BARE, hosts=hosts, check=True)
    assert foretold.status == 0, foretold.output[-3000:]
    last, changed, kills = provision(site, BARE, MIDST, hosts=hosts)
    assert len(kills) > (10 if FULL else len(MIDST)), kills
    quiet = site.run(BARE, hosts=hosts)
    assert (quiet.status, quiet.changed) == (0, {}), quiet.output[-3000:]
    assert answers(f"http://{address_of(BARE)}:5001/health"), last.output[-3000:]
    host = host_of(BARE)
    assert host.run("ls -d /etc/mlflow/image").rc != 0, "the folder of the image phase was left"
    assert host.check_output("systemctl is-enabled mlflow.service mlflow-maintenance.timer docker.service").split() == ["enabled"] * 3
    # the engine's installation is one task of a check and several of a run; the rest is told phase by phase
    assert {phase for phase in foretold.phases(BARE) if phase.startswith("mlflow : ")} == {phase_of(task) for task in changed if task.startswith("mlflow : ")}
    assert {task.split(" : ")[0] for task in foretold.changed[BARE]} == {task.split(" : ")[0] for task in changed}


def status_for(name, host_header):
    """The status of an API call in which the client calls the server host_header."""
    url = f"http://{address_of(name)}:5001/api/2.0/mlflow/experiments/search"
    return requests.post(url, json={"max_results": 1}, headers={"Host": host_header}, timeout=30).status_code


def test_a_change_on_a_server_that_runs(site):
    """Settings that are written and not in force yet are put in force by the next run."""
    variables = {"mlflow_extra_allowed_hosts": ["interrupted.example.com"], "mlflow_workers": 1}
    assert status_for(SERVER, "interrupted.example.com") == 403
    _last, _changed, kills = provision(site, SERVER, {"Run the server": MIDST["Run the server"]}, variables=variables)
    assert len(kills) > (2 if FULL else 0), kills
    host = host_of(SERVER)
    assert status_for(SERVER, "interrupted.example.com") == 200
    assert json.loads(host.file("/etc/ansible/facts.d/mlflow.fact").content_string)["workers"] == 1
    quiet = site.run(SERVER, variables=variables)
    assert (quiet.status, quiet.changed) == (0, {}), quiet.output[-3000:]


@pytest.mark.skipif(not FULL, reason="the test before it kills a run after each kind of change")
def test_a_change_of_the_timer_alone(site):
    variables = {"mlflow_maintenance_calendar": "weekly"}
    site.run(SERVER)
    provision(site, SERVER, {}, variables=variables)
    assert "Mon *-*-* 00:00:00" in host_of(SERVER).check_output("systemctl show mlflow-maintenance.timer -p TimersCalendar")


@pytest.mark.parametrize("name", [BARE, SERVER])
def test_the_server_takes_a_run(name):
    uri = f"http://{address_of(name)}:5001"
    exec(compile(MISSION_EXAMPLE.format(uri=uri), "mission", "exec"), {})  # pylint: disable=exec-used # the commission's own words
