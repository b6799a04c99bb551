"""A real Airflow, as user 50000 on a host of its own, runs the DAG of examples/airflow: all that it did is read back from the server."""

from __future__ import annotations

import pytest
from clients import COMMIT, PYTHON, Airflow, door_of
from conftest import wait_for

testinfra_hosts = ["ansible://mlflow-airflow-client"]
DAG, MODEL = "train_diabetes", "diabetes-progression"
# Long enough that the use of the host is measured, once a second.
EPOCHS = 2000


@pytest.fixture(scope="module")
def airflow(host):
    """Running, with the DAG known. It is stopped again, because others want the processor."""
    airflow = Airflow(host)
    airflow.start()
    try:
        if not wait_for(lambda: airflow.ask(f"/api/v2/dags/{DAG}"), "Airflow knows the DAG", 300):
            pytest.fail(airflow.log())
        yield airflow
    finally:
        airflow.stop()


@pytest.fixture(scope="module")
def opened(host, tmp_path_factory):
    with door_of(host, tmp_path_factory.mktemp("door")).open() as door:
        yield door


def done(airflow, **settings):
    """Trigger a run of the DAG and await its end. Returns its id."""
    run = airflow.trigger(DAG, **settings)["dag_run_id"]
    state = wait_for(lambda: (airflow.state(DAG, run) or "") in ("success", "failed") and airflow.state(DAG, run), f"{run} ends", 400)
    assert state == "success", airflow.log()
    return run


def logged(client, run):
    """The run that a run of the DAG has logged, and the version that it has registered."""
    experiment = client.get_experiment_by_name(MODEL).experiment_id
    found = client.search_runs([experiment], filter_string=f"tags.`airflow.run_id` = '{run}'")
    assert len(found) == 1
    versions = client.search_model_versions(f"run_id = '{found[0].info.run_id}'")
    assert len(versions) == 1
    return found[0], versions[0]


@pytest.fixture(scope="module")
def good(airflow, opened):
    return logged(opened.client(), done(airflow, epochs=EPOCHS, semver="1.2.0"))


def test_it_runs_as_the_user_of_the_image(host, airflow):
    users = host.check_output("ps -o uid= -p $(systemctl show --property=MainPID --value airflow@scheduler)")
    assert users.strip() == "50000"


def test_the_run_can_be_traced_back_to_the_pipeline(good):
    tags = good[0].data.tags
    assert (tags["airflow.dag_id"], tags["airflow.task_id"], tags["commit"]) == (DAG, "train", COMMIT)
    assert tags["airflow.run_id"].startswith("manual__") and tags["mlflow.user"] == "pipelines"


def test_parameters_metrics_and_resource_usage_are_logged(opened, good):
    run, client = good[0], opened.client()
    assert run.info.status == "FINISHED" and run.data.params["epochs"] == str(EPOCHS)
    for metric in ("train_rmse", "validation_rmse"):
        assert [point.step for point in client.get_metric_history(run.info.run_id, metric)] == [*range(10, EPOCHS + 1, 10)]
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= set(run.data.metrics)


def test_artifact_and_model_come_back(host, opened, good, tmp_path):
    with open(opened.client().download_artifacts(good[0].info.run_id, "coefficients.json", str(tmp_path)), encoding="utf-8") as file:
        assert '"bmi"' in file.read()
    predict = ("import sys, mlflow.sklearn; sys.path.insert(0, '/opt/pipelines/training'); import train; model = mlflow.sklearn.load_model(sys.argv[1]);"
               "print(train.rmse(model, train.data()[1]))")
    said = host.check_output("set -a; . /etc/mlflow-client/service.env; %s -B -c %s %s", PYTHON, predict, f"models:/{MODEL}/{good[1].version}")
    assert float(said.splitlines()[-1]) == pytest.approx(good[0].data.metrics["validation_rmse"])


def test_the_version_has_the_alias_and_says_why(opened, good):
    holder = opened.client().get_model_version_by_alias(MODEL, "staging")
    assert holder.version == good[1].version
    assert (holder.tags["semver"], holder.tags["commit"]) == ("1.2.0", COMMIT)
    assert holder.tags["decision"].startswith("staging: moved; validation_rmse")


def test_a_worse_model_is_registered_and_not_promoted(airflow, opened, good):
    client = opened.client()
    run, version = logged(client, done(airflow, epochs=1, semver="1.2.1"))
    assert run.data.metrics["validation_rmse"] > good[0].data.metrics["validation_rmse"]
    assert client.get_model_version_by_alias(MODEL, "staging").version == good[1].version
    assert version.tags["decision"].startswith("staging: not moved") and version.tags["semver"] == "1.2.1"
