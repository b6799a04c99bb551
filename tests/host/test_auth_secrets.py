"""Passwords and keys of a server with users: they reach the server, and nothing and nobody else."""

from __future__ import annotations

import shlex

import pytest
from told import by_host, found_in, runs

testinfra_hosts = ["ansible://mlflow_servers"]

FILES = {"/etc/mlflow/mlflow.env", "/var/lib/mlflow/keys.env"}
# The password of a user that role mlflow_content makes; the host keeps it nowhere.
PASSING = "content-secret-8e1"


@pytest.fixture(scope="module")
def secrets(host):
    """Words that stay themselves under every quoting, and the keys that the host made."""
    made = [line.partition("=")[2] for line in host.file("/var/lib/mlflow/keys.env").content_string.splitlines()]
    assert len(made) == 2
    return ["admin-secret-4e7", "form-secret-8b1", "kek-secret-2c6", *made]


def test_the_server_has_them(server, secrets):
    held = server.host.check_output("cat " + " ".join(sorted(FILES)))
    assert found_in(held, secrets) == secrets


def test_nothing_is_told_in_processes_units_image_and_journal(server, secrets):
    told = {
        **by_host(server),
        "image": server.host.check_output("docker image inspect %s; docker history --no-trunc %s", *[server.fact["image"]] * 2),
    }
    assert "start.sh" in told["unit"] and "docker run" in told["processes"]
    assert {place: found_in(text, [*secrets, PASSING]) for place, text in told.items()} == {place: [] for place in told}


def test_they_lie_in_files_that_root_alone_reads(host, secrets):
    words = " ".join(f"-e {shlex.quote(secret)}" for secret in [*secrets, PASSING])
    places = "/etc /run /root /home /tmp /var/tmp /var/log /var/lib/mlflow /var/lib/systemd /usr/local /opt /mlflow"
    assert set(host.run(f"grep -rlIsF {words} {places}").stdout.split()) == FILES
    assert {host.check_output("stat -c '%%U:%%G %%a' %s", file) for file in FILES} == {"root:root 600"}


def test_the_loudest_runs_tell_no_secret(secrets):
    """Check, converge, idempotence and check again, all with -vvv and --diff."""
    said = runs()
    for task in ("service-change | Write the environment", "verify | Ask the server as its clients do"):
        assert task in said
    assert "module_args" in said
    assert found_in(said, [*secrets, PASSING]) == []
