"""What the inventory says is inside the server is there, drift is shown by a check, and the next run repairs it."""

from __future__ import annotations

import pytest

testinfra_hosts = ["ansible://mlflow_servers"]
USER = ("written-user", "content-secret-8e1 % '")
RUN = "/api/2.0/mlflow/runs/create"
TASK = "mlflow_content : content | Bring the server to what is written"


@pytest.fixture
def client(door):
    with door.open():
        yield door.client()


def test_all_that_is_written_is_there(client, door):
    experiment = client.get_experiment_by_name("written")
    assert experiment.tags["team"] == "energy"
    assert client.get_registered_model("written-model").description == "Hourly demand, one day ahead"
    assert door.status(RUN, login=USER, method="POST", json={"experiment_id": experiment.experiment_id}) == 200
    assert door.status(RUN, login=USER, method="POST", json={"experiment_id": "0"}) == 403


def test_drift_is_shown_and_repaired(client, site, server):
    host, experiment = server.host.backend.get_hostname(), client.get_experiment_by_name("written").experiment_id
    client.set_experiment_tag(experiment, "team", "by hand")
    client.set_experiment_tag(experiment, "other", "kept")
    foretold = site.run(host, check=True)
    assert foretold.changed == {host: [TASK]} and "by hand" in foretold.output, foretold.output[-3000:]
    assert client.get_experiment(experiment).tags["team"] == "by hand"
    done = site.run(host)
    assert (done.status, done.changed) == (0, {host: [TASK]}), done.output[-3000:]
    assert {key: value for key, value in client.get_experiment(experiment).tags.items() if key in ("team", "other")} == {"team": "energy", "other": "kept"}
    assert "content-secret" not in foretold.output + done.output


def test_a_version_that_is_not_there_is_refused_with_the_server_as_it_was(client, site, server, door):
    host = server.host.backend.get_hostname()
    models = [{"name": "written-model", "description": "another", "aliases": {"production": 7}}]
    outcome = site.run(host, variables={"mlflow_content_registered_models": models})
    told = outcome.message(host)
    assert told == "Nothing was changed: model written-model has no version 7 that alias production could stand for.", outcome.output[-3000:]
    assert client.get_registered_model("written-model").description == "Hourly demand, one day ahead"
    assert door.status("/health", login=None) == 200
