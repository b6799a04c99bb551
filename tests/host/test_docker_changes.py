"""Changes of an engine that the role manages. A container runs all the time, and it is the same process at the end of every test."""

from __future__ import annotations

import json

import pytest
from extent import FULL, full_only

# What is changed, and how, is the same on both; their engines differ, so that --full takes both.
testinfra_hosts = [f"ansible://{'mlflow_servers' if FULL else 'mlflow-docker-debian12'}"]
MIRROR = "https://mirror.example.com"
DEFAULT = {"live-restore": True, "log-driver": "json-file", "log-opts": {"max-file": "3", "max-size": "10m"}}


@pytest.fixture(autouse=True)
def _survive(engine):
    """Whatever a test does, the container lives through it, and the engine runs afterwards."""
    engine.run_survivor()
    engine.expected = engine.survivor
    yield
    assert engine.survivor == engine.expected


def test_a_changed_setting_restarts_the_engine_once(host, engine, role):
    started = engine.started
    wanted = {
        "docker_registry_mirrors": [MIRROR],
        "docker_insecure_registries": ["registry.example.com:5000", "10.9.0.0/16"],
        "docker_log_max_size": "2m",
        "docker_daemon_options": {"labels": ["site=test"], "log-opts": {"compress": "true"}},
    }
    ran = role(**wanted)
    assert ran.outcome == "changed", ran
    assert engine.started != started
    assert engine.info("RegistryConfig")["Mirrors"] == [f"{MIRROR}/"]
    assert "10.9.0.0/16" in engine.info("RegistryConfig")["InsecureRegistryCIDRs"]
    assert engine.info("Labels") == ["site=test"]
    assert engine.config["log-opts"] == {"compress": "true", "max-file": "3", "max-size": "2m"}
    assert not host.file("/etc/docker/daemon.json.previous").exists

    started = engine.started
    ran = role(**wanted)
    assert ran.outcome == "unchanged", ran
    assert engine.started == started


@full_only
def test_what_was_changed_by_hand_is_put_right(host, engine, role):
    host.check_output("echo '{\"live-restore\": true}' > /etc/docker/daemon.json")
    ran = role()
    assert ran.outcome == "changed", ran
    assert engine.config == DEFAULT


@full_only
def test_a_restart_that_an_earlier_run_did_not_come_to_is_made_up_for(host, engine, role):
    """daemon.json is as wanted to the letter and the engine has not read it: the run was cut short between the two."""
    wanted = json.dumps({**DEFAULT, "registry-mirrors": [MIRROR]}, indent=2, sort_keys=True)
    host.check_output("printf '%%s\\n' %s > /etc/docker/daemon.json", wanted)
    assert not engine.info("RegistryConfig")["Mirrors"]
    assert role(docker_registry_mirrors=[MIRROR]).outcome == "changed"
    assert engine.info("RegistryConfig")["Mirrors"] == [f"{MIRROR}/"]
    assert role(docker_registry_mirrors=[MIRROR]).outcome == "unchanged"


def test_containers_live_through_the_restart_that_turns_live_restore_on(engine, role):
    """An engine without live-restore stops its containers when it stops: it has to learn it before that."""
    # This restart ends the container, by design of the engine.
    assert role(docker_live_restore=False).outcome == "changed"
    assert engine.info("LiveRestoreEnabled") is False
    engine.run_survivor()
    engine.expected = engine.survivor
    assert role().outcome == "changed"
    assert engine.info("LiveRestoreEnabled") is True


def test_a_daemon_json_that_the_engine_refuses_never_replaces_the_old(host, engine, role):
    before = (host.check_output("stat -c %Y /etc/docker/daemon.json"), engine.config, engine.started)
    ran = role(docker_daemon_options={"storage-drivr": "overlay2"})
    assert ran.outcome.startswith("failed"), ran
    assert "The engine refuses the daemon.json that docker_daemon_options" in ran.words
    assert "match any configuration option: storage-drivr" in ran.words
    assert (host.check_output("stat -c %Y /etc/docker/daemon.json"), engine.config, engine.started) == before
    assert not host.file("/etc/docker/daemon.json.previous").exists


@full_only
def test_the_old_daemon_json_comes_back_when_the_engine_does_not_start(host, engine, role):
    """A value that only a start proves wrong."""
    before = engine.config
    ran = role(docker_daemon_options={"storage-driver": "no-such-driver"})
    assert ran.outcome.startswith("failed"), ran
    assert "its old daemon.json was put back and it runs again as before" in ran.words
    assert "no-such-driver" in ran.words
    assert host.service("docker").is_running
    assert engine.config == before
    assert not host.file("/etc/docker/daemon.json.previous").exists


def test_the_proxys_password_is_in_one_file_that_root_reads(host, engine, role):
    proxy = "http://me:pass%20word-secret@proxy.example.com:3128"
    ran = role("-vvv", "--diff", docker_https_proxy=proxy, docker_no_proxy="localhost,.example.com")
    assert ran.outcome == "changed", ran
    assert "word-secret" not in ran.output
    kept = host.file("/etc/docker/mlflow-proxy.env")
    assert (kept.mode, kept.user) == (0o600, "root")
    assert host.check_output("grep -rl word-secret /etc /run/systemd 2>/dev/null || :").split() == ["/etc/docker/mlflow-proxy.env"]
    assert "word-secret" not in host.check_output("systemctl show docker.service; systemctl cat docker.service")
    environment = host.check_output("tr '\\0' '\\n' < /proc/$(pidof -s dockerd)/environ").splitlines()
    assert {f"HTTPS_PROXY={proxy}", "NO_PROXY=localhost,.example.com"} <= set(environment)
    # Taken away again
    assert role().outcome == "changed"
    assert "HTTPS_PROXY" not in host.check_output("tr '\\0' '\\n' < /proc/$(pidof -s dockerd)/environ")


@full_only
def test_users_become_members_and_nobody_is_removed(host, role):
    host.check_output("usermod -aG docker games")
    ran = role(docker_users=["nobody"])
    assert ran.outcome == "changed", ran
    assert {"nobody", "games"} <= set(host.check_output("getent group docker").split(":")[-1].split(","))


@full_only
def test_a_first_run_that_was_cut_short_is_finished(host, engine, role):
    """The packages are there, the configuration is not, and the marker says that the installation was begun."""
    host.check_output("sed -i 's/\"installed\": true/\"installed\": false/' /etc/ansible/facts.d/mlflow_docker.fact")
    host.check_output("echo '{\"live-restore\": true}' > /etc/docker/daemon.json && systemctl disable -q docker.service")
    ran = role()
    assert ran.outcome == "changed", ran
    assert engine.config == DEFAULT
    assert host.service("docker").is_enabled
    assert '"installed": true' in host.file("/etc/ansible/facts.d/mlflow_docker.fact").content_string


@full_only
def test_an_engine_that_was_stopped_is_started(host, role):
    host.check_output("systemctl stop docker.socket docker.service")
    assert role().outcome == "changed"
    assert host.service("docker").is_running


def test_after_all_of_this_there_is_nothing_to_do(engine, role):
    started = engine.started
    assert role().outcome == "unchanged"
    assert engine.started == started
