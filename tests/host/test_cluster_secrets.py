"""Passwords and keys of a cluster: no host tells one to anybody but root, and no run tells one at all."""

from __future__ import annotations

import shlex

from told import JOURNAL, found_in, runs

testinfra_hosts = ["ansible://all"]
# The parts of the planted secrets that stay themselves under every quoting.
SECRETS = ["admin-secret-1b2", "form-secret-9c3", "kek-secret-3d1", "database-secret-5a9", "store-secret-7d4"]
TOLD = {
    "processes": "ps -eww -o args",
    "units": "systemctl cat 'mlflow*' 'postgresql*'; systemctl show '*'",
    "journal": JOURNAL,
    "containers": "command -v docker > /dev/null || exit 0; docker container inspect $(docker container ls -aq)",
    "images": "command -v docker > /dev/null || exit 0; docker image inspect $(docker image ls -q); docker image ls -q | xargs -n 1 docker history --no-trunc",
}


def test_no_host_tells_a_secret(host):
    for place, command in TOLD.items():
        said = host.run(command).stdout
        assert said or place in ("containers", "images"), f"nothing was read of {place}"
        assert found_in(said, SECRETS) == [], place


def test_nobody_but_root_and_the_servers_reads_one(host):
    words = " ".join(f"-e {shlex.quote(secret)}" for secret in SECRETS)
    places = "/etc /run /var /root /home /tmp /opt /usr/local /mlflow"
    nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups"
    assert host.run(f"{nobody} grep -rlsIF -D skip {words} {places}").stdout == ""
    # The same search finds what is there for root: it would find a mistake.
    keeps = {"mlflow_servers", "mlflow_object_stores"} & set(host.ansible.get_variables()["group_names"])
    assert bool(host.run(f"grep -rlsIF -D skip {words} /etc").stdout) == bool(keeps)


def test_the_loudest_runs_tell_no_secret():
    """Check, converge, idempotence and check again, all with -vvv and --diff, on every host."""
    said = runs()
    for task in ("service-change | Write the environment", "content | Bring role and database in order", "bucket | "):
        assert task in said
    assert "module_args" in said
    assert found_in(said, SECRETS) == []
