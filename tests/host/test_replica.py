"""A standby of the database: it has all that was written, is read from, comes back after it was away, and never loses data of its own."""

from __future__ import annotations

import pytest
from conftest import wait_for
from provisioning import difference, host_of, snapshot
from replicas import FIRST, SECOND, follows, psql, slots, turned, wait_until_it_follows

testinfra_hosts = ["ansible://mlflow_servers"]
UNIT = "postgresql@17-mlflow"


def test_the_standby_has_what_the_primary_writes(server):
    run = server.client().create_run(server.client().create_experiment("replicated")).info.run_id
    server.client().log_metric(run, "metric1", 1.0)
    # The store is to hold something: a run in which its copy fails refuses one that may be new.
    server.client().log_text(run, "copied", "note.txt")
    assert psql(SECOND, f"SELECT value FROM metrics WHERE run_uuid = '{run}'") == "1"
    assert follows(SECOND) and slots(FIRST) == ["t|reserved"]
    system = "SELECT system_identifier FROM pg_control_system()"
    assert psql(FIRST, system) == psql(SECOND, system)
    refusal = host_of(SECOND).run("cd / && runuser -u postgres -- psql -d mlflow -c 'CREATE TABLE x ()'")
    assert "read-only transaction" in refusal.stderr


def test_reads_go_to_the_standby_and_see_what_was_written_just_before(server):
    client = server.client()
    for number in range(30):
        experiment = client.create_experiment(f"read {number}")
        assert client.get_experiment(experiment).name == f"read {number}"
    asked = "SELECT DISTINCT ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE usename = 'mlflow'"
    assert psql(SECOND, asked) == "t"
    counted = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'mlflow'"
    assert int(psql(SECOND, counted)) > 30


def test_only_the_standby_may_follow_and_only_over_tls(host):
    rules = [line.split() for line in host.file("/etc/postgresql/17/mlflow/pg_hba.conf").content_string.splitlines()]
    rules = [words for words in rules if words[:2] == ["hostssl", "replication"]]
    address = host_of(SECOND).check_output("hostname -I").split()[0]
    assert rules == [["hostssl", "replication", "mlflow_standby", f"{address}/32", "scram-sha-256"]]
    assert psql(FIRST, "SELECT ssl, state FROM pg_stat_replication JOIN pg_stat_ssl USING (pid)") == "t|streaming"
    assert psql(FIRST, "SELECT rolsuper, rolpassword LIKE 'SCRAM%' FROM pg_authid WHERE rolname = 'mlflow_standby'") == "f|t"


def test_its_password_is_told_to_root_and_to_postgresql_alone():
    secret = host_of(FIRST).file("/etc/mlflow-database/standby.secret")
    assert (secret.user, secret.mode) == ("root", 0o600)
    kept = host_of(SECOND).file("/etc/mlflow-database/standby.pass")
    assert (kept.user, kept.mode) == ("postgres", 0o600)
    word = secret.content_string.strip()
    assert len(word) == 32
    places = "/etc/postgresql /etc/systemd /var/lib/postgresql /var/log"
    for name in (FIRST, SECOND):
        assert host_of(name).run(f"grep -rlIsF -e %s {places}", word).stdout == ""


def test_the_standby_refuses_to_be_made_the_first(site):
    before = [snapshot(name) for name in (FIRST, SECOND)]
    outcome = turned(site, "mlflow_databases").run("mlflow_databases")
    assert "is the first host of mlflow_databases and so the primary, and its cluster mlflow is a standby" in outcome.message(SECOND), outcome.output[-3000:]
    assert "its cluster mlflow has data of its own: it was promoted, or never was a standby. No run throws that away." in outcome.message(FIRST)
    assert [difference(old, snapshot(name)) for old, name in zip(before, (FIRST, SECOND))] == [[], []]


def test_a_standby_that_was_away_catches_up(host):
    host_of(SECOND).check_output(f"systemctl stop {UNIT}")
    wait_for(lambda: slots(FIRST) == ["f|reserved"], "the primary sees that it is away")
    psql(FIRST, "SET synchronous_commit = local; CREATE TABLE away AS SELECT generate_series(1, 1000) AS number")
    host_of(SECOND).check_output(f"systemctl start {UNIT}")
    wait_until_it_follows(SECOND)
    wait_for(lambda: host_of(SECOND).run("cd / && runuser -u postgres -- psql -XAtqd mlflow -c 'SELECT count(*) FROM away'").stdout.strip() == "1000",
             "it has what was written meanwhile")
    psql(FIRST, "DROP TABLE away")


def test_a_password_of_yours_is_taken_by_both_and_not_shown(site):
    """PostgreSQL asks for it when a standby connects anew."""
    word = "given-3f9:\\'x given"
    outcome = site.run("mlflow_databases", variables={"mlflow_database_standby_password": word})
    assert outcome.status == 0, outcome.output[-3000:]
    assert "given-3f9" not in outcome.output
    host_of(SECOND).check_output(f"systemctl restart {UNIT}")
    wait_until_it_follows(SECOND)
    assert "given-3f9" in host_of(SECOND).file("/etc/mlflow-database/standby.pass").content_string
    back = site.run("mlflow_databases")
    assert back.status == 0 and back.changed.keys() == {FIRST, SECOND}, back.output[-3000:]
    assert follows(SECOND)


@pytest.fixture
def lost():
    """The standby is away for so long that the primary does not keep what it lacks, which is told to be little."""
    host_of(SECOND).check_output(f"systemctl stop {UNIT}")
    psql(FIRST, "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
    psql(FIRST, "SELECT pg_reload_conf()")
    for _number in range(5):
        psql(FIRST, "SET synchronous_commit = local; CREATE TABLE filler (); DROP TABLE filler; SELECT pg_switch_wal()")
    psql(FIRST, "CHECKPOINT")
    assert slots(FIRST) == ["f|lost"]
    psql(FIRST, "ALTER SYSTEM RESET max_slot_wal_keep_size")
    psql(FIRST, "SELECT pg_reload_conf()")
    host_of(SECOND).check_output(f"systemctl start {UNIT}")


def test_a_standby_that_lacks_too_much_is_said_and_copied_anew_when_confirmed(lost, site, server):
    outcome = site.run("mlflow_databases")
    told = outcome.message(SECOND)
    assert f"To have it copied anew, run site.yml with -e mlflow_database_rebuild={SECOND}" in told, outcome.output[-3000:]
    assert FIRST not in outcome.failed
    outcome = site.run("mlflow_databases", variables={"mlflow_database_rebuild": SECOND})
    assert outcome.status == 0, outcome.output[-3000:]
    assert follows(SECOND) and slots(FIRST) == ["t|reserved"]
    assert site.run("mlflow_databases", variables={"mlflow_database_rebuild": SECOND}).changed == {}
    server.wait()
    assert server.client().get_experiment_by_name("replicated")


def test_a_standby_that_is_uninstalled_leaves_nothing_on_the_primary_and_comes_back(site):
    outcome = site.run(SECOND, playbook="uninstall.yml")
    assert outcome.status == 0, outcome.output[-3000:]
    assert slots(FIRST) == [] and not host_of(SECOND).service(UNIT).is_running
    outcome = site.run("mlflow_databases")
    assert outcome.status == 0, outcome.output[-3000:]
    assert follows(SECOND) and slots(FIRST) == ["t|reserved"]
