"""What a clean-up does for a SQLite database, by the timer too; and that a search over 50,000 runs answers once the maintenance has run."""

from __future__ import annotations

import json
import time

import pytest
import requests
from cleanup_history import inside, play
from conftest import Server, wait_for
from extent import full_only

RUNS, EXPERIMENT = 50_000, 5000
# As MLflow writes them, by rows and not by requests: a run with five metrics, three parameters and four tags.
FILL = f"""
import random, sqlite3, uuid
base = sqlite3.connect('/mlflow/mlflow.db', timeout=60)
base.execute('DROP TABLE IF EXISTS sqlite_stat1')
random.seed(1)
now = 1760000000000
base.execute("INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time)"
             " VALUES ({EXPERIMENT}, 'large', 'mlflow-artifacts:/{EXPERIMENT}', 'active', ?, ?)", (now, now))
runs = [uuid.UUID(int=random.getrandbits(128)).hex for _ in range({RUNS})]
base.executemany("INSERT INTO runs (run_uuid, name, source_type, status, start_time, end_time, lifecycle_stage, artifact_uri, experiment_id, user_id)"
                 " VALUES (?, 'large', 'LOCAL', 'FINISHED', ?, ?, 'active', ?, {EXPERIMENT}, 'me')",
                 ((run, now + n, now + n, f'mlflow-artifacts:/{EXPERIMENT}/{{run}}/artifacts') for n, run in enumerate(runs)))
metrics = [(f'metric{{k}}', random.random(), now, run, 0, 0) for run in runs for k in range(5)]
for table in ('metrics', 'latest_metrics'):
    base.executemany(f'INSERT INTO {{table}} (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)', metrics)
base.executemany('INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)', ((f'p{{k}}', str(k), run) for run in runs for k in range(3)))
base.executemany('INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)', ((f't{{k}}', str(k), run) for run in runs for k in range(4)))
base.commit()
print(base.execute('SELECT count(*) FROM runs').fetchone()[0])
"""


def ask(host, statement):
    return inside(host, f"import sqlite3; print(sqlite3.connect('/mlflow/mlflow.db', timeout=60).execute({statement!r}).fetchone()[0])")


def test_the_timer_does_the_same_and_goes_when_it_is_not_wanted(host, server):
    container = server.inspect(".Id")
    assert play(host, "site.yml", mlflow_cleanup_enabled=True, mlflow_cleanup_calendar="Sat 04:00").returncode == 0
    assert "Sat *-*-* 04:00:00" in host.check_output("systemctl show mlflow-cleanup.timer -p TimersCalendar")
    assert host.service("mlflow-cleanup.timer").is_running and host.service("mlflow-cleanup.timer").is_enabled
    run_id = server.client().create_run("0", run_name="timer").info.run_id
    server.client().delete_run(run_id)
    inside(host, "import sqlite3; base = sqlite3.connect('/mlflow/mlflow.db', timeout=60)\n"
           "base.execute(\"UPDATE runs SET deleted_time = 1 WHERE name = 'timer'\"); base.commit()")
    host.check_output("systemctl start mlflow-cleanup.service")
    said = wait_for(lambda: host.run("journalctl -u mlflow-cleanup -o cat --no-pager | grep '^{'").stdout, "the journal has the report", 30)
    assert run_id in [run["id"] for run in json.loads(said.splitlines()[-1])["runs"]]
    assert ask(host, f"SELECT count(*) FROM runs WHERE run_uuid = '{run_id}'") == "0"
    done = play(host, "site.yml")
    assert done.returncode == 0 and "unreachable=0" in done.stdout
    assert not host.file("/etc/systemd/system/mlflow-cleanup.timer").exists and not host.service("mlflow-cleanup.timer").is_running
    assert server.inspect(".Id") == container, "the server was restarted for a timer"
    assert " changed=0 " in play(host, "site.yml").stdout


@pytest.fixture(scope="module")
def large(host):
    server = Server(host)
    server.wait(300)
    if int(ask(host, f"SELECT count(*) FROM runs WHERE experiment_id = {EXPERIMENT}")) != RUNS:
        assert int(inside(host, FILL)) >= RUNS
    return server


def test_a_search_by_metric_over_50000_runs_answers_within_two_seconds(host, large):
    host.check_output("systemctl start mlflow-maintenance.service")
    question = {"experiment_ids": [str(EXPERIMENT)], "order_by": ["metrics.metric3 DESC"], "max_results": 100}
    took = []
    # Other scenarios share the cores of the machine; what the server can do is what it does when they leave it some.
    while len(took) < 6 or (min(took) >= 2 and len(took) < 30):
        started = time.monotonic()
        answer = requests.post(large.url + "/api/2.0/mlflow/runs/search", json=question, timeout=300)
        took.append(time.monotonic() - started)
        values = [metric["value"] for run in answer.json()["runs"] for metric in run["data"]["metrics"] if metric["key"] == "metric3"]
        assert len(values) == 100 and values == sorted(values, reverse=True)
    print("seconds:", [round(seconds, 2) for seconds in took])
    assert min(took) < 2, took


@full_only
def test_unused_room_is_given_back_when_asked(host, large):
    inside(host, f"import sqlite3; base = sqlite3.connect('/mlflow/mlflow.db', timeout=60); base.execute('PRAGMA foreign_keys=OFF')\n"
           f"base.execute('DELETE FROM params WHERE run_uuid IN (SELECT run_uuid FROM runs WHERE experiment_id = {EXPERIMENT})'); base.commit()")
    size = host.file("/mlflow/mlflow.db").size
    assert play(host, "playbooks/cleanup.yml").returncode == 0
    assert host.file("/mlflow/mlflow.db").size >= size, "nobody asked for VACUUM"
    done = play(host, "playbooks/cleanup.yml", mlflow_cleanup_vacuum=True)
    assert done.returncode == 0 and "vacuum: " in done.stdout and "not done" not in done.stdout, done.stdout
    assert host.file("/mlflow/mlflow.db").size < size * 0.95
    assert ask(host, "PRAGMA auto_vacuum") == "2" and ask(host, "PRAGMA journal_mode") == "wal"
    assert large.healthy()


def test_a_damaged_database_is_told_and_left_alone(host, large):
    """The whole one is put back afterwards."""
    host.check_output("systemctl stop mlflow && cp -a /mlflow/mlflow.db /mlflow/whole.db && dd if=/dev/urandom of=/mlflow/mlflow.db bs=4096 seek=900 count=30 "
                      "conv=notrunc 2>&1 && systemctl start mlflow")
    try:
        done = play(host, "playbooks/cleanup.yml")
        assert done.returncode != 0 and "is damaged" in done.stdout + done.stderr, done.stdout
    finally:
        host.check_output("systemctl stop mlflow && rm -f /mlflow/mlflow.db-wal /mlflow/mlflow.db-shm && "
                          "mv /mlflow/whole.db /mlflow/mlflow.db && systemctl start mlflow")
    assert play(host, "playbooks/cleanup.yml").returncode == 0
