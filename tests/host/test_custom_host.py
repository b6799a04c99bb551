"""Nearly every variable set to something else: what the host, its kernel and its engine make of it."""

from __future__ import annotations

import collections

import pytest
from conftest import Server, wait_for

testinfra_hosts = ["ansible://mlflow_servers"]


@pytest.fixture(scope="module")
def tracking(host):
    return Server(host, "tracking")


def test_engine_workers_and_jobs(tracking):
    commands = [line.split(None, 2) for line in tracking.host.check_output("docker top tracking -eo pid,ppid,args").splitlines()[1:]]
    gunicorn = tracking.fact["server_engine"] == "gunicorn"
    # a parent with as many children as there are workers
    word = "gunicorn" if gunicorn else "spawn_main"
    families = collections.Counter(parent for _pid, parent, command in commands if word in command)
    assert 2 in families.values(), commands
    assert any("huey_consumer" in command for _pid, _parent, command in commands) != gunicorn


def test_every_process_is_the_servers_own_user(tracking):
    ids = tracking.host.check_output("docker top tracking -eo pid,uid,gid").splitlines()[1:]
    assert ids
    assert {tuple(line.split()[1:]) for line in ids} == {("4711", "4712")}


def test_the_limits_are_those_of_the_kernel(tracking):
    limits = tracking.inspect(".HostConfig")
    assert (limits["Memory"], limits["MemorySwap"], limits["NanoCpus"], limits["PidsLimit"]) == (3 << 30, 3 << 30, 1500000000, 512)
    memory = tracking.host.check_output(
        "docker exec tracking sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true'")
    assert memory == str(3 << 30)


def test_the_tree_lies_on_the_mount(tracking):
    tracking.host.check_output("mountpoint --quiet /srv/tracking")
    assert tracking.host.check_output("stat -c %m /srv/tracking/mlflow.db") == "/srv/tracking"
    assert "srv-tracking.mount" in tracking.host.check_output("systemctl show tracking -p After --value").split()


@pytest.mark.parametrize(("path", "owner", "mode"), [
    ("/srv/tracking", "4711:4712", "755"),
    ("/srv/tracking/artifacts", "4711:4712", "750"),
    ("/srv/tracking/mlruns", "4711:4712", "755"),
    ("/srv/tracking/exports", "4711:4712", "2770"),
    ("/var/lib/tracking-reports", "0:4712", "755"),
])
def test_folders(host, path, owner, mode):
    assert host.check_output("stat -c '%%u:%%g %%a' %s", path) == f"{owner} {mode}"


def test_artifacts_are_the_servers_alone(host):
    assert host.run("setpriv --reuid=12345 --clear-groups ls /srv/tracking/artifacts").rc != 0


def test_the_journal_mode_of_the_database(tracking):
    content = tracking.host.check_output("head -c 20 /srv/tracking/mlflow.db | od -An -tu1 -j18").split()
    # bytes 18 and 19 of the file's header: 1 is a rollback journal, 2 is write-ahead log
    assert content == (["1", "1"] if tracking.fact["server_engine"] == "gunicorn" else ["2", "2"])


def test_timeouts_and_calendar(tracking):
    shown = dict(line.split("=", 1) for line in tracking.host.check_output(
        "systemctl show tracking -p TimeoutStartUSec -p TimeoutStopUSec").splitlines())
    assert shown == {"TimeoutStartUSec": "5min 30s", "TimeoutStopUSec": "34s"}
    timer = tracking.host.run("systemctl show tracking-maintenance.timer -p LoadState -p TimersCalendar").stdout
    if tracking.fact["server_engine"] == "gunicorn":
        assert "LoadState=not-found" in timer
    else:
        assert "OnCalendar=*-*-* 03:30:00" in timer


def test_the_engine_is_configured(host):
    about = host.check_output(
        "docker info -f '{{.DockerRootDir}} {{.LoggingDriver}} {{.LiveRestoreEnabled}} {{.Labels}} {{.RegistryConfig.Mirrors}} "
        "{{index .RegistryConfig.IndexConfigs \"registry.example.com:5000\" | printf \"%v\"}}'")
    # One of the hosts maps users, and its server keeps the ids of the host all the same: the tests about its tree are those of the other.
    mapped = "debian13" in host.backend.get_hostname()
    assert ("name=userns" in host.check_output("docker info -f '{{.SecurityOptions}}'")) == mapped
    root = "/srv/engine/100000.100000" if mapped else "/srv/engine"
    assert about.startswith(f"{root} json-file true [site=custom] [http://mirror.example.com:5000/]")
    assert "registry.example.com:5000" in about
    host.check_output("docker create --name logs --entrypoint true registry.example.com:5000/research/mlflow:stable")
    config = host.check_output("docker inspect -f '{{.HostConfig.LogConfig.Config}}' logs")
    host.check_output("docker rm -f logs")
    assert config == "map[max-file:2 max-size:3m]"
    assert "operator" in host.group("docker").members


def test_the_database_is_whole(tracking, tmp_path):
    """After all that was done above: stop, check the file with SQLite itself, start."""
    tracking.host.check_output("systemctl restart tracking")
    wait_for(tracking.healthy, "the server answers after a restart")
    check = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('pragma integrity_check').fetchone()[0])"
    assert tracking.host.check_output("docker exec tracking python3 -c %s /srv/tracking/mlflow.db", check) == "ok"
