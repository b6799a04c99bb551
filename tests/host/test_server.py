"""What holds for every server that the collection provisions, whatever its variables."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import requests
from conftest import MISSION_EXAMPLE, wait_for
from mlflow import MlflowClient


def test_the_mission_example_word_for_word(server):
    done = subprocess.run([sys.executable, "-c", MISSION_EXAMPLE.format(uri=server.url)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    run = server.client().get_run(next(line for line in done.stdout.split() if len(line) == 32))
    assert run.data.params == {"param1": "value1"}
    assert run.data.metrics == {"metric1": 1.0}
    assert server.client().get_experiment(run.info.experiment_id).name == "my_experiment"


@pytest.fixture(scope="module")
def run_id(server):
    client = server.client()
    experiment = client.get_experiment_by_name("host-tests")
    experiment_id = experiment.experiment_id if experiment else client.create_experiment("host-tests")
    run_id = client.create_run(experiment_id).info.run_id
    client.log_text(run_id, "kept", "folder/note.txt")
    return run_id


def test_an_artifact_comes_back_and_belongs_to_the_server(server, host, run_id, tmp_path):
    with open(server.client().download_artifacts(run_id, "folder/note.txt", str(tmp_path)), encoding="utf-8") as note:
        assert note.read() == "kept"
    file = host.file(host.check_output(f"find {server.root}/artifacts -path '*{run_id}*' -name note.txt"))
    assert (file.uid, file.gid) == (server.fact["uid"], server.fact["gid"])


def test_the_registry_keeps_versions_and_aliases(server, run_id):
    client, name = server.client(), f"model-{time.time_ns()}"
    client.create_registered_model(name, tags={"owner": "tests"})
    first = client.create_model_version(name, f"runs:/{run_id}/folder", run_id=run_id)
    second = client.create_model_version(name, f"runs:/{run_id}/folder", run_id=run_id)
    client.set_registered_model_alias(name, "production", first.version)
    client.set_registered_model_alias(name, "staging", second.version)
    assert client.get_model_version_by_alias(name, "production").version == first.version
    assert client.get_model_version_by_alias(name, "staging").version == second.version
    client.set_registered_model_alias(name, "production", second.version)
    assert client.get_model_version_by_alias(name, "production").version == second.version


def test_the_web_page_is_the_user_interface(server):
    page = requests.get(server.url + "/", timeout=10)
    assert page.status_code == 200
    assert 'id="root"' in page.text and "Unable to display" not in page.text
    script = page.text.split('src="')[1].split('"')[0]
    assert len(requests.get(f"{server.url}/{script.lstrip('./')}", timeout=30).content) > 100_000


def search(server, **headers):
    return requests.post(server.url + "/api/2.0/mlflow/experiments/search", json={"max_results": 1}, headers=headers, timeout=10)


def test_clients_reach_it_by_name_and_by_address(server, host):
    name, port = host.check_output("hostname"), server.fact["port"]
    for header in (server.netloc, f"{name}:{port}", name, f"localhost:{port}", f"127.0.0.1:{port}", server.fact["public_url"].split("/")[2]):
        assert search(server, Host=header).status_code == 200, header


def test_a_foreign_host_header_is_refused(server):
    for header in ("evil.example.com", f"evil.example.com:{server.fact['port']}", "10.evil.example.com"):
        answer = search(server, Host=header)
        assert (answer.status_code, "Host header" in answer.text) == (403, True), header


def test_the_page_may_post_and_a_foreign_page_may_not(server, host):
    name = f"{host.check_output('hostname')}:{server.fact['port']}"
    assert search(server, Origin=f"http://{server.netloc}").status_code == 200
    assert search(server, Host=name, Origin=f"http://{name}").status_code == 200
    assert search(server, Origin="https://evil.example.com").status_code == 403


def test_the_container_has_no_rights(server, host):
    settings, config = server.inspect(".HostConfig"), server.inspect(".Config")
    assert config["User"] == f"{server.fact['uid']}:{server.fact['gid']}"
    assert settings["ReadonlyRootfs"] and settings["CapDrop"] == ["ALL"] and "no-new-privileges" in settings["SecurityOpt"]
    assert not settings["Privileged"] and settings["RestartPolicy"]["Name"] in ("no", "")
    processes = host.check_output(f"docker top {server.service} -o pid,uid,args").splitlines()[1:]
    assert len(processes) >= 2
    assert {line.split()[1] for line in processes} == {str(server.fact["uid"])}


def test_the_environment_is_seen_by_root_alone(server, host):
    file = host.file(f"{server.fact['config_dir']}/mlflow.env")
    assert (file.user, file.group, file.mode) == ("root", "root", 0o600)
    assert "MLFLOW_BACKEND_STORE_URI" not in str(server.inspect("."))
    assert server.fact["backend_store"] not in host.check_output("ps -eo args")


def test_the_unit_boots_with_the_host_and_logs_to_the_journal(server, host):
    unit = host.service(server.service)
    assert unit.is_enabled and unit.is_running
    assert host.run("systemd-analyze verify /etc/systemd/system/%s.service", server.service).stderr.count(f"{server.service}.service:") == 0
    assert "startup complete" in server.journal(2000)


def test_what_is_deployed_is_recorded(server, host):
    assert requests.get(server.url + "/version", timeout=10).text.strip('"\n') == server.fact["version"]
    assert server.inspect(".Config.Image") == server.fact["image"]
    setup = host.ansible("setup", "filter=ansible_local gather_subset=!all,!min,local", check=False)["ansible_facts"]
    assert setup["ansible_local"][server.service] == server.fact


def test_sqlite_is_in_wal_mode_and_analyzed_by_the_timer(server, host):
    if not server.fact["backend_store"].startswith("sqlite"):
        pytest.fail("this suite is for servers on SQLite")
    MlflowClient(server.url).create_experiment(f"analyzed-{time.time_ns()}")
    assert host.service(f"{server.service}-maintenance.timer").is_running
    assert host.service(f"{server.service}-maintenance.timer").is_enabled
    host.check_output(f"systemctl start {server.service}-maintenance.service")
    read = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); print(c.execute('PRAGMA journal_mode').fetchone()[0], c.execute(sys.argv[2]).fetchone()[0])"
    database = server.fact["backend_store"].removeprefix("sqlite:///")
    answer = host.check_output("python3 -c %s %s %s", read, database, "SELECT count(*) FROM sqlite_stat1 WHERE tbl='experiments'")
    journal, statistics = answer.split()
    assert journal == "wal" and int(statistics) > 0
    assert host.file(f"{server.root}/mlflow.db").user != "root"


def test_it_stops_in_seconds_with_a_slow_client_attached(server, host):
    client = server.client()
    run_id = client.create_run(client.get_experiment_by_name("host-tests").experiment_id).info.run_id
    client.log_text(run_id, "x" * 30_000_000, "large.txt")
    uri = client.get_run(run_id).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    with requests.get(f"{server.url}/api/2.0/mlflow-artifacts/artifacts/{uri}/large.txt", stream=True, timeout=60) as slow:
        assert slow.status_code == 200 and slow.raw.read(10)
        began = time.monotonic()
        host.check_output(f"systemctl stop {server.service}")
        took = time.monotonic() - began
    stop_timeout = int(host.check_output(f"systemctl show -P TimeoutStopUSec {server.service} | tr -dc 0-9"))
    host.check_output(f"systemctl start {server.service}")
    assert took < min(25, stop_timeout)
    # `systemctl start` returned, so it answers: no waiting here.
    assert server.healthy()
    assert wait_for(lambda: client.get_run(run_id), "the run is there").info.run_id == run_id
