"""What uninstall removes, what it keeps, and how data is given up. The tests of this file build on each other, in order."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import Server

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def name(host):
    return host.backend.get_hostname()


def play(name, playbook, *options):
    return subprocess.run(["ansible-playbook", "-i", os.environ["MOLECULE_INVENTORY_FILE"], "--limit", name, ROOT / playbook, *options],
                          capture_output=True, text=True, timeout=600, check=False)


def data(host):
    """Every file of the tree with its size, but for what the database's journal does on its own."""
    return host.run("find /mlflow -type f ! -name 'mlflow.db*' ! -path '/mlflow/tmp/*' -printf '%p %s\\n' | sort").stdout


@pytest.fixture(scope="module")
def run_id(host):
    client = Server(host).client()
    run_id = client.create_run(client.create_experiment("kept")).info.run_id
    client.log_text(run_id, "kept", "note.txt")
    return run_id


def test_check_mode_removes_nothing(host, name, run_id):
    before = host.check_output("ls -lR /etc/systemd/system /etc/mlflow /etc/ansible; docker images -q; docker ps -q")
    done = play(name, "playbooks/uninstall.yml", "--check", "--diff")
    assert done.returncode == 0, done.stdout
    assert " changed=0 " not in done.stdout
    assert host.check_output("ls -lR /etc/systemd/system /etc/mlflow /etc/ansible; docker images -q; docker ps -q") == before
    assert Server(host).healthy()


def test_the_name_of_another_host_confirms_nothing(host, name, run_id):
    done = play(name, "playbooks/uninstall.yml", "-e", "mlflow_purge_confirm=some-other-host")
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert "some-other-host" in said and name in said and "Nothing was removed" in said
    assert Server(host).healthy() and data(host)


def test_the_service_goes_and_the_data_stays(host, name, run_id):
    before = data(host)
    assert run_id in before
    done = play(name, "playbooks/uninstall.yml")
    assert done.returncode == 0, done.stdout
    assert "stays in /mlflow" in " ".join(done.stdout.split())
    assert data(host) == before and host.file("/mlflow/mlflow.db").exists
    left = host.run("ls -d /etc/mlflow /etc/systemd/system/mlflow* /etc/systemd/system/*/mlflow* /etc/ansible/facts.d/mlflow.fact").stdout
    assert left == ""
    assert host.check_output("docker ps -aq") == ""
    assert "mlflow:" not in host.check_output("docker image ls --format '{{.Repository}}:{{.Tag}}'")
    assert host.run("systemctl status mlflow.service").rc == 4


def test_a_second_uninstall_changes_nothing(name):
    done = play(name, "playbooks/uninstall.yml")
    assert done.returncode == 0 and " changed=0 " in done.stdout, done.stdout


def test_site_yml_brings_the_server_back_with_its_data(host, name, run_id, tmp_path):
    host.run("for archive in /srv/test-images/*.tar; do docker load -i $archive; done")
    done = play(name, "site.yml")
    assert done.returncode == 0, done.stdout
    with open(Server(host).client().download_artifacts(run_id, "note.txt", str(tmp_path)), encoding="utf-8") as note:
        assert note.read() == "kept"


def test_the_confirmed_data_is_removed_and_nothing_beside_it(host, name, run_id):
    host.check_output("mkdir -p /mlflow-other && touch /mlflow-other/precious")
    done = play(name, "playbooks/uninstall.yml", "-e", f"mlflow_purge_confirm={name}")
    assert done.returncode == 0, done.stdout
    assert not host.file("/mlflow").exists
    assert host.file("/mlflow-other/precious").exists
