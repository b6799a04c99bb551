"""Log-in shells, services and containers of a client's host reach the server as whom they should."""

from __future__ import annotations

import json

import pytest
from clients import PYTHON, door_of

testinfra_hosts = ["ansible://mlflow_clients"]
URI = "https://mlflow.example.test"
ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"
# What a container of the server's own image, which has an MLflow in it, is told by the file alone.
ASK = "import json, os, mlflow; print(json.dumps([e.name for e in mlflow.MlflowClient().search_experiments()] + [os.environ['MLFLOW_TRACKING_PASSWORD']]))"


@pytest.fixture(scope="module")
def variables(host):
    return host.ansible.get_variables()


@pytest.fixture(scope="module")
def door(host, tmp_path_factory):
    return door_of(host, tmp_path_factory.mktemp("door"))


@pytest.fixture
def client(door):
    with door.open():
        yield door.client()


def only(host, *wanted):
    if not any(word in host.backend.get_hostname() for word in wanted):
        pytest.skip("the other host's")


def shell(host, account, program):
    return host.check_output("su - %s -c %s", account, program)


def test_a_service_has_every_sign_of_the_password(host, variables):
    unit = "systemd-run --quiet --wait --pipe -p EnvironmentFile=/etc/mlflow-client/service.env -p DynamicUser=yes /usr/bin/python3 -c %s"
    told = json.loads(host.check_output(unit, ENVIRONMENT))
    assert (told["MLFLOW_TRACKING_URI"], told["MLFLOW_TRACKING_USERNAME"]) == (URI, "pipelines")
    assert told["MLFLOW_TRACKING_PASSWORD"] == variables["vault_client_password"]
    assert told["MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"] == "true" and told["MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL"] == "1"


def test_a_container_has_it_too_and_is_let_in(host, variables):
    only(host, "server")
    image = host.check_output("docker container inspect --format '{{.Config.Image}}' mlflow")
    options = "--network=host --user=50000 --env=HOME=/tmp --env-file=/etc/mlflow-client/container.env"
    options += " --volume=/etc/mlflow-client/ca.crt:/etc/mlflow-client/ca.crt:ro"
    said = host.check_output(f"docker run --rm {options} --entrypoint=python3 %s -c %s", image, ASK)
    *experiments, password = json.loads(said.splitlines()[-1])
    assert "client-check" in experiments and password == variables["vault_client_password"]


def test_a_shell_knows_the_server_and_who_it_is(host, variables):
    only(host, "client")
    told = json.loads(shell(host, "ada", f"python3 -c '{ENVIRONMENT}'"))
    assert (told["MLFLOW_TRACKING_URI"], told["MLFLOW_TRACKING_USERNAME"], told["MLFLOW_TRACKING_PASSWORD"]) == (URI, "ada", variables["vault_ada_password"])
    told = json.loads(shell(host, "eve", f"python3 -c '{ENVIRONMENT}'"))
    assert told["MLFLOW_TRACKING_URI"] == URI and "MLFLOW_TRACKING_PASSWORD" not in told
    assert host.run("su - eve -c 'cat /etc/mlflow-client/users/ada.env /etc/mlflow-client/service.env'").stdout == ""


def test_the_environment_has_the_mlflow_of_the_server(host, door):
    only(host, "client")
    version = host.check_output(f"{PYTHON} -c 'import importlib.metadata as m; print(m.version(\"mlflow\"))'")
    assert version == door.server.fact["version"]
    assert host.check_output(f"{PYTHON} -m pip check") == "No broken requirements found."


def test_the_check_of_each_run_is_one_run(host, client):
    """Converge and idempotence have logged twice, and the second is not another run."""
    only(host, "client")
    runs = client.search_runs([client.get_experiment_by_name("client-check").experiment_id], run_view_type=3)
    assert [run.info.run_name for run in runs] == [host.backend.get_hostname()]
    assert runs[0].data.tags["user"] == "50000"
    assert len(client.get_metric_history(runs[0].info.run_id, "seconds")) >= 2


def test_a_person_runs_the_training_script(host, client):
    """examples/training as its page says, in a log-in shell; long enough to be measured once a second."""
    only(host, "client")
    said = json.loads(shell(host, "ada", "$MLFLOW_CLIENT_PYTHON /opt/pipelines/training/train.py --epochs 2000 --alias by-hand").splitlines()[-1])
    run = client.get_run(said["run_id"])
    assert run.data.params["epochs"] == "2000" and run.data.tags["mlflow.user"] == "ada"
    assert [point.step for point in client.get_metric_history(run.info.run_id, "validation_rmse")] == [*range(10, 2001, 10)]
    assert {"train_rmse", "system/cpu_utilization_percentage"} <= set(run.data.metrics)
    version = client.get_model_version_by_alias("diabetes-progression", "by-hand")
    assert (version.run_id, version.tags["semver"]) == (said["run_id"], "1.0.0") and "against no version" in version.tags["decision"]


def test_pipelines_write_into_the_shared_tree(host, door):
    """What user 50000 logs into an experiment of that tree, without passing through the server, is there for the server."""
    only(host, "client")
    program = ("import mlflow; mlflow.set_tracking_uri('" + URI + "'); c = mlflow.MlflowClient(); e = c.create_experiment('shared', "
               "'file:///mlflow/artifacts/shared');"
               "r = c.create_run(e).info.run_id; c.log_text(r, 'shared', 'note.txt'); print(c.get_run(r).info.artifact_uri)")
    as_pipeline = "set -a; . /etc/mlflow-client/service.env; HOME=/tmp setpriv --reuid 50000 --regid 0 --clear-groups %s -c %s"
    uri = host.check_output(as_pipeline, PYTHON, program).splitlines()[-1]
    note = door.server.host.file(uri.removeprefix("file://") + "/note.txt")
    assert note.content_string == "shared" and note.uid == 50000
