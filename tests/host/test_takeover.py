"""The first host is gone: the second is promoted by hand and takes its place, by the steps of docs/database.md; the first comes back as its standby."""

from __future__ import annotations

import pathlib

from conftest import wait_for
from provisioning import host_of
from replicas import FIRST, SECOND, follows, psql, turned

testinfra_hosts = ["ansible://mlflow_servers"]
UNIT = "postgresql@17-mlflow"


def test_the_second_takes_the_place_of_the_first(server, site, tmp_path):
    client = server.client()
    run = client.create_run("0").info.run_id
    client.log_metric(run, "metric1", 7.0)
    client.log_text(run, "copied", "note.txt")
    wait_for(lambda: host_of(SECOND).run("journalctl -u mlflow-object-store-copy -o cat -n 1").stdout.startswith("1 copied"), "the artifact is copied")
    host_of(FIRST).check_output(f"systemctl stop {UNIT} mlflow-object-store")
    psql(SECOND, "SELECT pg_promote()")
    site = turned(site, "mlflow_databases", "mlflow_object_stores")

    outcome = site.run("all")
    assert "No run throws that away" in outcome.message(FIRST) and outcome.message(SECOND).startswith(f"{FIRST} was refused"), outcome.output[-3000:]
    assert psql(SECOND, "SELECT value FROM metrics") .splitlines().count("7") == 1

    outcome = site.run("all", variables={"mlflow_database_rebuild": FIRST})
    assert outcome.status == 0, outcome.output[-3000:]
    assert follows(FIRST) and not follows(SECOND)
    server.wait()
    assert client.get_run(run).data.metrics == {"metric1": 7.0}
    client.log_metric(run, "metric1", 8.0)
    assert client.get_run(run).data.metrics == {"metric1": 8.0}
    assert pathlib.Path(client.download_artifacts(run, "note.txt", tmp_path)).read_text(encoding="utf-8") == "copied"
    client.log_text(run, "after", "after.txt")
    assert host_of(FIRST).service("mlflow-object-store-copy").is_running and not host_of(SECOND).service("mlflow-object-store-copy").is_running
    assert site.run("all").changed == {}
