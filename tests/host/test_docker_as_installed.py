"""What stands after the first run of role docker on a bare host, nothing set."""

from __future__ import annotations

import json

PACKAGES = {"12": ["docker.io", "iptables", "ca-certificates"], "13": ["docker.io", "iptables", "ca-certificates", "docker-cli", "docker-buildx"]}


def test_the_engine_answers_and_boots_with_the_host(host, engine):
    assert engine.info("ServerVersion")
    for name in ("docker", "containerd"):
        assert host.service(name).is_running
        assert host.service(name).is_enabled


def test_its_packages_are_there_and_no_more(host):
    wanted = PACKAGES[host.system_info.release.split(".")[0]]
    assert all(host.package(name).is_installed for name in wanted)
    # What "recommends" would have drawn in.
    assert not host.package("git").is_installed


def test_it_builds_with_buildkit(host):
    """Each Debian has it elsewhere: in the engine, or in a package of its own."""
    host.check_output("mkdir -p /tmp/build && cd /tmp/build && printf 'FROM scratch\\nCOPY a /\\n' > Dockerfile && touch a")
    made = host.run("DOCKER_BUILDKIT=1 docker build --progress=plain --tag built:1 /tmp/build")
    assert made.rc == 0, made.stderr
    assert "[internal] load build definition" in made.stderr


def test_it_was_configured_before_its_first_start(host, engine):
    """No restart was needed: daemon.json is older than the first start in the journal."""
    assert engine.config == {"live-restore": True, "log-driver": "json-file", "log-opts": {"max-file": "3", "max-size": "10m"}}
    assert host.file("/etc/docker/daemon.json").mode == 0o644
    assert engine.info("LiveRestoreEnabled") is True
    starts = host.check_output("journalctl -u docker.service -o cat --no-pager | grep -c '^Started docker.service'")
    assert int(starts) == 1


def test_a_container_gets_the_log_rotation(host, engine):
    engine.run_survivor()
    log = json.loads(host.check_output("docker inspect --format '{{json .HostConfig.LogConfig}}' survivor"))
    assert log == {"Type": "json-file", "Config": {"max-file": "3", "max-size": "10m"}}


def test_the_engine_is_marked_as_ours(host):
    fact = host.file("/etc/ansible/facts.d/mlflow_docker.fact")
    assert json.loads(fact.content_string) == {
        "managed_by": "mlops.mlflow.docker",
        "source": "distribution",
        "installed": True,
        "packages": PACKAGES[host.system_info.release.split(".")[0]],
    }
    assert fact.mode == 0o644


def test_a_run_without_work_only_looks(host, engine, role):
    """Every module that runs on a host says so in its journal: the facts of the play, and one look."""
    cursor = host.check_output("journalctl -n 0 --show-cursor -o cat --no-pager | sed -n 's/^-- cursor: //p'")
    started = engine.started
    ran = role()
    assert ran.outcome == "unchanged", ran
    said = host.check_output("journalctl --after-cursor %s -o cat --no-pager", cursor)
    modules = [line.split()[0] for line in said.splitlines() if "Invoked with" in line]
    assert len(modules) <= 2, modules
    assert engine.started == started


def test_check_mode_on_a_converged_host_changes_nothing(engine, role):
    ran = role("--check", "--diff")
    assert ran.outcome == "unchanged", ran
    before = (engine.config, engine.started)
    ran = role("--check", "--diff", docker_registry_mirrors=["https://mirror.example.com"], docker_users=["nobody"])
    assert ran.outcome == "changed", ran
    assert '+ "https://mirror.example.com"' in ran.words
    assert (engine.config, engine.started) == before
