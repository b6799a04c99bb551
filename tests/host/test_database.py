"""The database of the group mlflow_databases: who comes in, what it survives, and what a run does when it is asked for nonsense."""

from __future__ import annotations

import pytest
from conftest import wait_for
from extent import full_only

testinfra_hosts = ["ansible://mlflow_databases"]
SECRET = "database-secret-5a9 /%\\'x"
SETTINGS = "/etc/postgresql/17/mlflow/conf.d/mlflow.conf"


def psql(host, statement):
    return host.check_output("cd / && runuser -u postgres -- psql -XAtq -d mlflow -c %s", statement)


def log_in(host, address, mode="verify-full", password=SECRET):
    """What psql says to a log-in from the database's own host, over the network."""
    about = f"host={address} user=mlflow dbname=mlflow sslmode={mode} sslrootcert=/etc/mlflow-database/server.crt connect_timeout=5"
    return host.run("PGPASSWORD=%s psql -XAtqw -c 'SELECT 1' -d %s", password, about)


@pytest.fixture(scope="module")
def address(host):
    return host.check_output("hostname -I").split()[0]


def test_the_cluster_is_its_own(host):
    assert host.check_output("pg_lsclusters --no-header").split()[:4] == ["17", "mlflow", "5432", "online"]
    assert len(host.check_output("pg_lsclusters --no-header").splitlines()) == 1
    assert psql(host, "SHOW data_checksums") == "on"
    about = "SELECT pg_encoding_to_char(encoding), pg_get_userbyid(datdba), has_database_privilege('public', oid, 'CONNECT') FROM pg_database"
    assert psql(host, about + " WHERE datname = 'mlflow'") == "UTF8|mlflow|f"
    assert psql(host, "SELECT rolpassword LIKE 'SCRAM-SHA-256%', rolsuper FROM pg_authid WHERE rolname = 'mlflow'") == "t|f"


def test_memory_and_connections_are_worked_out(host):
    """Two servers of 2 workers, each with three pools of 3 and 5 more; and a quarter of the machine's memory."""
    assert int(psql(host, "SHOW max_connections")) == 2 * 2 * 8 * 3 + 20
    megabytes = int(host.check_output("awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo"))
    assert int(psql(host, "SELECT setting::bigint * 8 / 1024 FROM pg_settings WHERE name = 'shared_buffers'")) == pytest.approx(megabytes / 4, rel=0.1)


def test_only_the_servers_come_in_and_only_over_tls(host, address):
    servers = psql(host, "SELECT DISTINCT host(client_addr), ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE usename = 'mlflow'").splitlines()
    assert len(servers) == 2 and all(line.endswith("|t") for line in servers)
    assert "no pg_hba.conf entry" in log_in(host, address).stderr
    assert "no pg_hba.conf entry" in log_in(host, "127.0.0.1", mode="disable").stderr
    assert "password authentication failed" in log_in(host, "127.0.0.1", password="wrong").stderr
    assert log_in(host, "127.0.0.1").stdout.strip() == "1"


@pytest.mark.parametrize(("settings", "says"), [
    ({"shared_buffers": "a lot"}, 'invalid value for parameter "shared_buffers": "a lot"'),
    pytest.param({"shared_bufers": "1GB"}, 'unrecognized configuration parameter "shared_bufers"', marks=full_only),
])
def test_bad_settings_leave_the_old_ones(host, site, settings, says):
    before = host.check_output(f"sha256sum {SETTINGS}; systemctl show postgresql@17-mlflow -p ExecMainStartTimestamp")
    outcome = site.run("mlflow_databases", variables={"mlflow_database_settings": settings})
    told = outcome.message("mlflow-cluster-database")
    assert "PostgreSQL does not take the new settings, so that the old ones stay: " + says in told, outcome.output[-3000:]
    assert host.check_output(f"sha256sum {SETTINGS}; systemctl show postgresql@17-mlflow -p ExecMainStartTimestamp") == before


def test_a_setting_is_taken_up_and_given_back(host, site):
    """One that is read anew, and one that asks for a restart."""
    shown = "SELECT current_setting('work_mem'), current_setting('max_worker_processes')"
    before = psql(host, shown)
    for variables, wanted in (({"mlflow_database_settings": {"work_mem": "33MB", "max_worker_processes": 9}}, "33MB|9"), (None, before)):
        outcome = site.run("mlflow_databases", variables=variables)
        assert outcome.status == 0, outcome.output[-3000:]
        assert psql(host, shown) == wanted


@full_only
def test_what_a_hand_wrote_and_nobody_read_is_taken_up_by_the_next_run(host, site):
    """As a run leaves it that was cut off between writing and reloading."""
    host.check_output(f"sed -i \"s/^work_mem.*/work_mem = '5MB'/\" {SETTINGS}")
    outcome = site.run("mlflow_databases")
    assert outcome.status == 0 and outcome.changed, outcome.output[-3000:]
    host.check_output(f"touch {SETTINGS}")
    assert site.run("mlflow_databases", check=True).changed
    assert site.run("mlflow_databases").status == 0
    assert site.run("mlflow_databases").changed == {}


def test_it_starts_again_when_it_was_killed_and_with_the_host(host):
    assert host.check_output("systemctl is-enabled postgresql@17-mlflow") == "enabled-runtime"
    host.check_output("kill -9 $(head -1 /var/lib/postgresql/17/mlflow/postmaster.pid)")
    wait_for(lambda: log_in(host, "127.0.0.1").stdout.strip() == "1", "the database is back", 30)


def test_the_password_lies_in_no_file(host):
    places = "/etc /run /root /home /tmp /var/tmp /var/log /var/lib/postgresql /usr/local /opt"
    assert host.run(f"grep -rlIsF -e %s {places}", "database-secret-5a9").stdout == ""
