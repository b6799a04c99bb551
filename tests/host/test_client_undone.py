"""What a client's host does when something is wrong or changes, and what is left when it is no client any more. In this order."""

from __future__ import annotations

import pytest
from clients import PYTHON

testinfra_hosts = ["ansible://mlflow-airflow-client"]
LEFT = "ls -d /etc/mlflow-client /etc/profile.d/mlflow-client.sh /opt/mlflow-client /var/lib/mlflow-client"


@pytest.fixture(scope="module")
def name(host):
    return host.backend.get_hostname()


def test_a_wrong_password_is_told_with_its_variable(site, name):
    outcome = site.run(name, variables={"mlflow_client_password": "not-the-one"})
    told = outcome.message(name)
    assert "does not take mlflow_client_username 'pipelines' with mlflow_client_password (not shown)" in told, outcome.output[-3000:]
    assert "not-the-one" not in outcome.output


def test_an_index_that_is_away_leaves_the_environment_as_it_is(host, site, name):
    before = host.check_output("readlink /opt/mlflow-client")
    wrong = {"mlflow_client_package_index_url": "http://reader:hush-index@127.0.0.1:9/simple", "mlflow_client_extra_packages": ["humanize==4.12.3"]}
    outcome = site.run(name, variables=wrong)
    told = outcome.message(name)
    assert "One that was there was not touched" in told and "http://127.0.0.1:9/simple" in told, outcome.output[-3000:]
    assert "hush-index" not in outcome.output
    assert host.check_output("readlink /opt/mlflow-client") == before and not host.file("/etc/mlflow-client/venv").exists
    host.check_output(f"{PYTHON} -B -c 'import psutil'")


def test_who_is_taken_out_of_the_list_loses_the_credentials(host, site, name):
    outcome = site.run(name, variables={"mlflow_client_users": [{"name": "airflow"}]})
    assert outcome.status == 0, outcome.output[-3000:]
    assert host.check_output("ls /etc/mlflow-client/users") == "airflow.env"
    # The password of the tests before was written anew, beside.
    assert {"mlflow_client : configure"} == outcome.phases(name)


def test_it_takes_all_away_but_the_artifacts(host, site, name):
    foretold = site.run(name, check=True, playbook="uninstall.yml")
    assert foretold.status == 0 and foretold.changed[name], foretold.output[-3000:]
    assert host.run(LEFT).rc == 0
    done = site.run(name, playbook="uninstall.yml")
    assert done.status == 0, done.output[-3000:]
    assert host.run(LEFT).stdout == "" and host.file("/mlflow/artifacts").exists
    again = site.run(name, playbook="uninstall.yml")
    assert again.status == 0 and not again.changed, again.output[-3000:]
