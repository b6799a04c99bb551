"""An engine that somebody else installed: after two runs of site.yml it is what it was, and MLflow serves beside it."""

from __future__ import annotations

STATE = r"""
sha256sum /etc/docker/daemon.json
stat -c '%n %Y %a %u:%g' /etc/docker/daemon.json /etc/docker
ls -A /etc/systemd/system/docker.service.d 2>&1 || :
systemctl show docker.service -p ExecMainPID,ExecMainStartTimestamp,UnitFileState
docker inspect --format '{{.Id}} {{.State.StartedAt}} {{.State.Pid}}' foreign
dpkg-query -W
getent group docker
"""


def test_nothing_of_the_engine_was_touched(host):
    """daemon.json, drop-ins, start of the daemon and of the foreign container, packages, the group: one comparison, line by line."""
    before = host.file("/srv/before").content_string.splitlines()
    assert len(before) > 50
    assert host.check_output(STATE).splitlines() == [line.rstrip() for line in before]


def test_no_package_was_installed_and_removed_again(host):
    assert host.check_output("stat -c %s /var/log/dpkg.log") == host.file("/srv/before.dpkg").content_string.strip()


def test_the_foreign_container_runs(host):
    assert host.check_output("docker inspect --format '{{.State.Running}}' foreign") == "true"


def test_the_engine_was_not_marked_as_ours(host):
    assert not host.file("/etc/ansible/facts.d/mlflow_docker.fact").exists
    assert not host.file("/etc/docker/mlflow-proxy.env").exists


def test_mlflow_serves_beside_it(server):
    """A run with a metric and an artifact, written and read back over the network."""
    client = server.client()
    experiment = client.create_experiment("beside-a-foreign-container")
    run = client.create_run(experiment)
    client.log_metric(run.info.run_id, "metric1", 1.0)
    client.log_text(run.info.run_id, "kept", "note.txt")
    assert client.get_run(run.info.run_id).data.metrics == {"metric1": 1.0}
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["note.txt"]


def test_the_run_says_what_is_left_aside(role):
    ran = role(docker_registry_mirrors=["https://mirror.example.com"], docker_live_restore=False)
    assert ran.outcome == "unchanged", ran
    assert "these settings are left aside: docker_live_restore, docker_registry_mirrors" in ran.words


def test_the_run_is_silent_when_nothing_was_asked_for(role):
    ran = role(docker_registry_mirrors=[], docker_live_restore=True)
    assert ran.outcome == "unchanged", ran
    assert "these settings are left aside" not in ran.words


def test_an_engine_without_client_is_refused_kindly(host, role):
    host.check_output("mv /usr/bin/docker /usr/bin/docker.away")
    try:
        ran = role()
    finally:
        host.check_output("mv /usr/bin/docker.away /usr/bin/docker")
    assert ran.outcome == "refused", ran
    assert "it has no client: install the package that brings the command docker" in ran.words


def test_an_engine_that_does_not_answer_is_refused_kindly(host, role):
    """Last: it stops the foreign engine, which only a test may do."""
    host.check_output("systemctl stop docker.socket docker.service")
    try:
        ran = role()
    finally:
        host.check_output("systemctl start docker.socket docker.service")
    assert ran.outcome == "refused", ran
    assert "it does not answer: start it (systemctl start docker)" in ran.words
