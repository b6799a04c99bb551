"""What an earlier MLflow left is taken over and stays as it was, and the store then moves to PostgreSQL. The tests build on each other, in order."""

from __future__ import annotations

import io
import json
import pathlib
import subprocess
import tarfile

import docker
import mlflow
import pytest
from cleanup_history import inside, play
from conftest import Server
from provisioning import host_of

OLD = "3.10.1"
SECRET = "move-secret-7f3"
DATABASE = {"mlflow_adopt_database": "/srv/old/database/old.db", "mlflow_adopt_artifacts": "/srv/old/database/mlruns"}
FILES = {"mlflow_adopt_filestore": "/srv/old/files"}


@pytest.fixture(scope="module")
def server(host):
    server = Server(host)
    server.wait(300)
    return server


@pytest.fixture(scope="module")
def old(host, server, tmp_path_factory):
    """What MLflow OLD made, on the host in a folder that only root reads."""
    folder = tmp_path_factory.mktemp("old") / "old"
    program = pathlib.Path(__file__).with_name("old_server.py")
    subprocess.run(["uv", "run", "--no-project", "--with", f"mlflow=={OLD}", "python", program, folder], check=True, timeout=600)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(folder, "old")
    host.check_output("rm -rf /srv/old")
    docker.from_env().containers.get(host.backend.get_hostname()).put_archive("/srv", packed.getvalue())
    host.check_output("chown -R root:root /srv/old && chmod -R go= /srv/old")
    return json.loads((folder / "made.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def target(server):
    return f"postgresql+psycopg://mlflow:{SECRET}@{server.address}:5432/mlflow"


def originals(host):
    return host.check_output("find /srv/old -type f -exec sha256sum {} + | sort; find /srv/old -printf '%p %m %u %T@\\n' | sort")


def read(server, made, folder):
    """Read everything back that old_server.py logged, through the server."""
    client = server.client()
    mlflow.set_tracking_uri(server.url)
    assert client.get_experiment_by_name("old").tags["team"] == "one"
    stages = [client.get_run(run).info.lifecycle_stage for run in made["runs"]]
    assert stages == ["active", "active", "deleted"]
    for number, run in enumerate(made["runs"][:2]):
        assert client.get_run(run).data.params == {"rate": str(number)}
        assert len(client.get_metric_history(run, "loss")) == 10
        text = mlflow.artifacts.download_artifacts(run_id=run, artifact_path="model/weights.txt", dst_path=str(folder / run))
        assert pathlib.Path(text).read_text(encoding="utf-8") == f"weights {number}"
    assert client.get_model_version_by_alias("old-model", "champion").run_id == made["runs"][1]
    model = mlflow.artifacts.download_artifacts("models:/old-model@champion", dst_path=str(folder / "model"))
    assert pathlib.Path(model, "weights.txt").is_file()


def flat(done):
    return " ".join((done.stdout + done.stderr).split())


def test_check_mode_rehearses_and_changes_nothing(host, server, old):
    before = originals(host), host.check_output("find /mlflow -not -path '/mlflow/tmp*' -not -name '*.db-*' | sort"), server.inspect(".Id")
    done = play(host, "playbooks/adopt.yml", "--check", **DATABASE)
    assert done.returncode == 0 and "would take over" in flat(done), flat(done)
    assert before == (originals(host), host.check_output("find /mlflow -not -path '/mlflow/tmp*' -not -name '*.db-*' | sort"), server.inspect(".Id"))


def test_wrong_settings_are_told(host, old):
    assert "Set one of them" in flat(play(host, "playbooks/adopt.yml"))
    assert "has no /srv/none" in flat(play(host, "playbooks/adopt.yml", mlflow_adopt_database="/srv/none"))
    assert "file is not a database" in flat(play(host, "playbooks/adopt.yml", mlflow_adopt_database="/srv/old/made.json"))


def test_the_database_of_an_older_mlflow_is_taken_over(host, server, old, tmp_path):
    before = originals(host)
    done = play(host, "playbooks/adopt.yml", **DATABASE)
    assert done.returncode == 0 and "counts equal" in flat(done), flat(done)
    read(server, old["database"], tmp_path)
    assert originals(host) == before
    assert host.check_output("find /mlflow/artifacts /mlflow/mlflow.db ! -uid 50000") == ""
    server.client().log_text(server.client().create_run(old["database"]["experiment"]).info.run_id, "new", "new.txt")


def test_own_runs_are_put_aside_only_when_confirmed(host, server, old, tmp_path):
    name = host.backend.get_hostname()
    assert f"mlflow_adopt_confirm={name}" in flat(play(host, "playbooks/adopt.yml", **FILES))
    assert "mlflow_adopt_confirm names other" in flat(play(host, "playbooks/adopt.yml", mlflow_adopt_confirm="other", **FILES))
    read(server, old["database"], tmp_path / "before")
    done = play(host, "playbooks/adopt.yml", mlflow_adopt_confirm=name, **FILES)
    assert done.returncode == 0, flat(done)
    read(server, old["files"], tmp_path / "after")
    assert host.run("ls /mlflow/mlflow.db.before-adoption-*").rc == 0


def test_what_postgresql_cannot_hold_is_told_before_the_server_stops(host, server, old, target):
    container = server.inspect(".Id")
    assert "an experiment has an ID above" in flat(play(host, "playbooks/migrate_backend.yml", mlflow_migrate_target_uri=target))
    assert server.inspect(".Id") == container
    assert play(host, "playbooks/adopt.yml", mlflow_adopt_confirm=host.backend.get_hostname(), **DATABASE).returncode == 0


def test_without_the_inventory_the_move_is_a_rehearsal(host, server, old, target, tmp_path):
    wrong = play(host, "playbooks/migrate_backend.yml", mlflow_migrate_target_uri=target.replace(SECRET, "wrong-secret"))
    assert wrong.returncode != 0 and "password authentication failed" in flat(wrong) and "wrong-secret" not in flat(wrong)
    for options in (["--check"], ["-vvv"], []):
        done = play(host, "playbooks/migrate_backend.yml", *options, mlflow_migrate_target_uri=target)
        assert done.returncode == 0 and "set mlflow_backend_store_uri" in flat(done), flat(done)
        assert SECRET not in done.stdout
    read(server, old["database"], tmp_path)
    assert "sqlite" in Server(host).fact["backend_store"]


def test_a_copy_that_fails_leaves_the_server_with_sqlite(host, server, old, target, tmp_path):
    change = "import sqlite3; base = sqlite3.connect('/mlflow/mlflow.db', timeout=60); base.execute(\"UPDATE tags SET value = {}\"); base.commit()"
    inside(host, change.format("replace(value, 'old-1', 'old-1' || char(0))"))
    done = play(host, "playbooks/migrate_backend.yml", mlflow_backend_store_uri=target)
    assert done.returncode != 0 and "refuses a row of table tags" in flat(done), flat(done)
    inside(host, change.format("CASE hex(value) WHEN '6F6C642D3100' THEN 'old-1' ELSE value END"))
    assert "sqlite" in Server(host).fact["backend_store"]
    read(server, old["database"], tmp_path)


def test_the_store_moves_to_postgresql(host, server, old, target, tmp_path):
    file = host.check_output("sha256sum /mlflow/mlflow.db")
    done = play(host, "playbooks/migrate_backend.yml", mlflow_backend_store_uri=target)
    assert done.returncode == 0 and "Counts and checksums" in flat(done), flat(done)
    read(server, old["database"], tmp_path)
    assert Server(host).fact["backend_store"].startswith("postgresql") and SECRET not in json.dumps(Server(host).fact)
    assert host.check_output("sha256sum /mlflow/mlflow.db") == file
    assert int(server.client().create_experiment("after the move")) > int(old["database"]["experiment"])
    again = play(host, "playbooks/migrate_backend.yml", mlflow_backend_store_uri=target)
    assert again.returncode == 0 and " changed=0 " in again.stdout and "nothing to do" in flat(again), flat(again)
    # Not through Ansible, which logs each command.
    searched = host_of(host.backend.get_hostname()).run(f"grep -rl {SECRET} /etc/systemd /etc/ansible /srv/old; journalctl --no-pager | grep {SECRET}")
    assert searched.stdout == ""
