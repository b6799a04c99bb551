"""What role docker refuses: the message names variable, value and fix, and nothing on the host has changed."""

from __future__ import annotations

import os
import subprocess

import pytest
from extent import FULL, full_only

# What is refused, and in which words, does not depend on the distribution.
testinfra_hosts = [f"ansible://{'mlflow_servers' if FULL else 'mlflow-docker-debian13'}"]
# Variable, bad value, what the message says
MISTAKES = [
    ("docker_registry_mirrors", ["mirror.example.com", "https://me:hidden-word@mirror.example.com"],
     "docker_registry_mirrors has mirror.example.com, https://***@mirror"),
    ("docker_insecure_registries", ["http://r.example.com"], "docker_insecure_registries has http://r.example.com: write each as host, host:port"),
    ("docker_data_root", "srv/docker", "write an absolute path such as /srv/docker"),
    ("docker_userns_remap", "a b", "write default, a user or user:group of the host"),
    ("docker_log_max_size", "10 MB", "write a whole number and k, m or g"),
    ("docker_log_max_files", 0, "docker_log_max_files is 0: write 1 or more"),
    ("docker_daemon_options", {"live-restore": 0, "hosts": [], "log-opts": {"max-size": "1m"}}, "sets live-restore, which has a variable of its own"),
    ("docker_daemon_options", None, "sets hosts, which the unit docker.service already gives"),
    ("docker_daemon_options", None, "sets max-size in log-opts: take it out and set docker_log_max_size"),
    ("docker_http_proxy", "me:hidden-word@proxy", "docker_http_proxy is no address of a proxy (not shown, it may hold a password)"),
    ("docker_no_proxy", "a, b", "write hosts, domains and networks with commas between and no blanks"),
    ("docker_repository_url", "https://mirror.example.com/debian", "docker_repository_key_url is empty: name the key"),
    ("docker_repository_url", None, "docker_repository_url is only read with docker_install_source: upstream"),
    ("docker_users", ["no body"], "docker_users has no body: write names of users"),
]
SHAPES = {"docker_registry_mirrors": "https://a", "docker_users": "me", "docker_insecure_registries": "a", "docker_packages": "b"}


@pytest.fixture(autouse=True)
def _nothing_changes(host, engine):
    engine.run_survivor()
    look = "stat -c '%n %Y' /etc/docker /etc/docker/daemon.json /etc/ansible/facts.d/mlflow_docker.fact /var/lib/dpkg/status; getent group docker"
    before = (host.check_output(look), engine.started, engine.survivor)
    yield
    assert (host.check_output(look), engine.started, engine.survivor) == before


def test_every_mistake_is_told_at_once(role):
    ran = role(**{name: value for name, value, _said in MISTAKES if value is not None})
    assert ran.outcome == "refused", ran
    assert [said for _name, _value, said in MISTAKES if said not in ran.words] == []
    assert "hidden-word" not in ran.output


def test_a_list_that_is_a_string_is_told(role):
    ran = role(**SHAPES)
    assert ran.outcome == "refused", ran
    assert [name for name in SHAPES if f"{name} is a string: write it as a list" not in ran.words] == []


def test_a_wrong_type_and_an_unknown_choice_are_told(role):
    ran = role(docker_install_source="snap", docker_log_max_files="many")
    assert ran.outcome == "refused", ran
    assert "value of docker_install_source must be one of: distribution, upstream, got: snap" in ran.words
    assert "docker_log_max_files" in ran.words


def test_what_only_the_host_can_tell_is_told_before_anything_changes(role):
    ran = role(docker_users=["nobody", "ghost"], docker_install_source="upstream", docker_data_root="/srv/docker", docker_log_max_size="1m")
    assert ran.outcome == "refused", ran
    assert "docker_users has ghost, who are no users of this host" in ran.words
    assert "the engine on this host was installed from" in ran.words
    assert "The data root would go from /var/lib/docker to /srv/docker while containers run on the old one (survivor)" in ran.words


def test_another_map_of_users_is_refused_while_containers_run(role):
    """The engine would know them no more, and they would run on."""
    ran = role(docker_userns_remap="default")
    assert ran.outcome == "refused", ran
    assert "and the engine on this host runs containers without such a map (survivor)" in ran.words


@pytest.fixture(name="bare_container")
def _bare_container():
    """A host whose process 1 is not systemd, of a release that the role does not know."""
    name = f"mlflow-docker-bare-{os.getpid()}"
    engine = ["docker", "run", "--detach", "--name", name, os.environ["MLFLOW_TEST_IMAGE_DEBIAN12"], "sleep", "infinity"]
    subprocess.run(engine, check=True, capture_output=True)
    try:
        subprocess.run(["docker", "exec", name, "sed", "-i", "s/12/11/g", "/etc/os-release", "/etc/debian_version"], check=True)
        yield name
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], check=True, capture_output=True)


def test_a_host_without_systemd_and_of_an_unknown_release_is_refused(role, bare_container):
    ran = role("-c", "community.docker.docker", inventory=f"{bare_container},")
    assert ran.outcome == "refused", ran
    assert "This host does not run systemd as process 1" in ran.words
    assert "This host runs Debian 11" in ran.words


@full_only
def test_an_unreachable_package_mirror_is_told_with_what_to_try(host, role):
    """The one refusal that cannot be known beforehand; it leaves the marker at "begun", and the next run finishes."""
    host.check_output("mkdir /tmp/away && mv /etc/apt/sources.list* /tmp/away/ && echo 'deb http://127.0.0.1:9/debian stable main' > /etc/apt/sources.list")
    host.check_output("cp -a /etc/ansible/facts.d/mlflow_docker.fact /var/lib/dpkg/status /tmp/")
    try:
        ran = role(docker_packages=["docker.io", "iptables", "not-there-yet"])
    finally:
        host.check_output("rm -rf /etc/apt/sources.list* && mv /tmp/away/* /etc/apt/ && rmdir /tmp/away")
        host.check_output("cp -a /tmp/mlflow_docker.fact /etc/ansible/facts.d/")
    assert ran.outcome.startswith("failed"), ran
    assert "Could not install docker.io, iptables, not-there-yet from the archive of the distribution" in ran.words
    assert "Try `apt-get update` on the host." in ran.words
