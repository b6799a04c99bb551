"""Credentials of a client's host: whom they are for has them, and nothing and nobody else."""

from __future__ import annotations

import shlex

import pytest
from clients import WORDS
from told import JOURNAL, found_in, runs

testinfra_hosts = ["ansible://mlflow_clients"]
SERVICES = {"/etc/mlflow-client/service.env": "root 600", "/etc/mlflow-client/container.env": "root 600"}
ACCOUNTS = {"/etc/mlflow-client/users/ada.env": "ada 600", "/etc/mlflow-client/users/airflow.env": "airflow 600"}
SECRETS = list(WORDS.values())


@pytest.fixture(scope="module")
def files(host):
    return {**SERVICES, **(ACCOUNTS if "mlflow_client_users" in host.ansible.get_variables() else {})}


def test_they_lie_where_their_owner_alone_reads(host, files):
    words = " ".join(f"-e {shlex.quote(secret)}" for secret in SECRETS)
    found = host.run(f"grep -rlIsF {words} /etc /run /root /home /tmp /var/tmp /var/log /var/lib/mlflow-client /usr/local /srv").stdout.split()
    assert {name: host.check_output("stat -c '%%U %%a' %s", name) for name in found} == files
    assert host.check_output("stat -c '%%U %%a' %s", "/etc/mlflow-client/users") == "root 711"


def test_each_account_has_its_own(host, files):
    for name in set(files) & set(ACCOUNTS):
        own = WORDS["ada" if "ada" in name else "pipelines"]
        assert found_in(host.file(name).content_string, SECRETS) == [own]


def test_processes_and_journal_tell_none(host):
    for said in (host.check_output("ps -eww -o args"), host.check_output(JOURNAL), host.file("/etc/profile.d/mlflow-client.sh").content_string):
        assert found_in(said, SECRETS) == []


def test_the_loudest_runs_tell_none():
    """Check, converge, idempotence and check again, all with -vvv and --diff."""
    said = runs()
    for task in ("configure | Write the credentials of services and containers", "verify | Log a run from this host", "verify | Ask the server as clients"):
        assert task in said
    assert "module_args" in said
    assert found_in(said, SECRETS) == []
