"""What a healthy server tells of itself to a real Prometheus, with the files that the role wrote for it. The tests build on each other, in order."""

from __future__ import annotations

import json

import monitoring_rules
import pytest
import requests
from conftest import Server, wait_for
from monitored import FOLDER, RULES, SERVER, TEXTFILES, Prometheus, host_of, written

RUNS, ARTIFACT = 3, "x" * 100_000


# A scenario is green only where a test names each of its servers.
@pytest.fixture(scope="module", params=[SERVER])
def server(request):
    return Server(host_of(request.param))


@pytest.fixture(scope="module")
def prometheus():
    return Prometheus()


@pytest.fixture(scope="module")
def used(server):
    """A server that people have worked with, and that has been backed up, checked and rehearsed."""
    client = server.client()
    experiment = client.create_experiment("measured")
    for number in range(RUNS):
        run = client.create_run(experiment).info.run_id
        client.log_text(run, ARTIFACT, "text.txt")
        client.set_terminated(run, "FINISHED" if number else "FAILED")
    client.create_registered_model("measured")
    client.create_model_version("measured", f"runs:/{run}/model", run)
    for unit in ("", "-check", "-rehearse"):
        server.host.check_output(f"systemctl start mlflow-backup{unit}")
    return server


def test_every_target_is_up(server, prometheus):
    wait_for(lambda: [target["health"] for target in prometheus.ask("targets")["activeTargets"]] == ["up", "up"], "two targets that are up")


def test_all_workers_count_together(server, prometheus):
    """Whichever worker is asked, it tells of the requests to all of them, and a restart begins anew."""
    def counted():
        lines = requests.get(server.url + "/metrics", timeout=20).text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("mlflow_http_request_total{") and 'method="POST"' in line)

    before = counted()
    for _number in range(30):
        requests.post(server.url + "/api/2.0/mlflow/experiments/search", json={"max_results": 1}, timeout=20).raise_for_status()
    # Each on a connection of its own, which any of the workers may take.
    assert {counted() for _number in range(10)} == {before + 30}
    server.host.check_output("systemctl restart mlflow")
    assert counted() < 30


def test_what_is_told_is_true(used, prometheus):
    host = used.host
    wait_for(lambda: prometheus.value('mlflow_artifacts_files{host="mlflow-monitoring-server"}') == RUNS, "a count of all artifacts")
    wait_for(lambda: prometheus.value('mlflow_runs{state="FINISHED"}') == RUNS - 1, "a count of all runs")
    assert prometheus.value('mlflow_runs{state="FAILED"}') == 1 and prometheus.value('mlflow_runs{state="RUNNING"}') == 0
    assert prometheus.value("mlflow_artifacts_bytes") == RUNS * len(ARTIFACT)
    wait_for(lambda: prometheus.value("mlflow_database_bytes") == int(host.check_output("stat -c %s /mlflow/mlflow.db")), "the size of the database")
    assert prometheus.value("mlflow_registered_models") == prometheus.value("mlflow_model_versions") == 1
    assert prometheus.value('mlflow_experiments{state="active"}') == 2
    assert prometheus.samples("mlflow_deployed_info")[0][0]["version"] == used.fact["version"]
    read = "import sqlite3; print(sqlite3.connect('file:/mlflow/mlflow.db?mode=ro', uri=True).execute('SELECT version_num FROM alembic_version').fetchone()[0])"
    assert prometheus.samples("mlflow_schema_info")[0][0]["revision"] == host.check_output("python3 -c %s", read)
    ends = host.check_output("date +%s -d \"$(openssl x509 -in /etc/front.crt -noout -enddate | cut -d= -f2)\"")
    assert prometheus.value("mlflow_certificate_not_after_timestamp_seconds") == int(ends)
    done = "mlflow_backup_last_success_timestamp_seconds"
    wait_for(lambda: {labels["operation"] for labels, _value in prometheus.samples(done)} == {"backup", "check", "rehearse"}, "what the backups tell")


def test_a_healthy_host_is_quiet(used, prometheus):
    wait_for(lambda: prometheus.value('host:mlflow_backup_age:seconds{operation="rehearse"}') is not None, "the age of the rehearsal")
    prometheus.evaluated()
    assert prometheus.firing() == set()
    assert [rule["name"] for rule in prometheus.rules() if rule["health"] != "ok"] == []
    # Each alert has something to judge by: an expression on names that nobody tells would be quiet for ever.
    names = {name for rule in prometheus.rules() for name in monitoring_rules.names(rule["query"])}
    client = used.client()
    wait_for(lambda: client.search_experiments() and all(prometheus.samples(name) for name in names), f"data for each of {sorted(names)}")
    assert prometheus.firing() == set()


def test_every_panel_has_data(used, prometheus):
    panels = json.loads((FOLDER / "dashboards/mlflow.json").read_text(encoding="utf-8"))["panels"]
    assert len(panels) > 15
    client = used.client()
    for panel in panels:
        for target in panel["targets"]:
            query = target["expr"].replace("$host", ".*").replace("$__rate_interval", "1m")
            wait_for(lambda query=query: client.search_experiments() and prometheus.samples(query), f"data for '{panel['title']}': {query}", 30)


def test_the_rules_are_right_by_the_clock_of_months(prometheus, tmp_path):
    """promtool, with the limits that the role has by itself: each alert fires when it should, and not before."""
    folder = written(tmp_path, alert_for="5m", rate_window="5m", scrape_interval="30s")
    for name, text in (("mlflow.rules", (folder / "rules/mlflow.rules").read_text(encoding="utf-8")),
                       ("cases.yml", monitoring_rules.promtool_file("mlflow.rules")), ("prometheus.yml", "scrape_config_files: [scrape.yml]\n"),
                       ("scrape.yml", (folder / "scrape/mlflow.yml").read_text(encoding="utf-8"))):
        prometheus.host.run_expect([0], f"mkdir -p /tmp/rules && cat > /tmp/rules/{name} <<'END_OF_IT'\n{text}\nEND_OF_IT")
    prometheus.host.check_output("promtool check rules /tmp/rules/mlflow.rules")
    prometheus.host.check_output("promtool check config /tmp/rules/prometheus.yml")
    prometheus.host.check_output("cd /tmp/rules && promtool test rules cases.yml")
    alerts = {rule["name"] for rule in prometheus.rules() if rule["type"] == "alerting"}
    assert {case[0] for case in monitoring_rules.CASES} == alerts


def test_the_collector_can_do_little_and_others_can_read_it(server):
    score = server.host.check_output("systemd-analyze security --no-pager mlflow-monitoring.service | tail -n 1")
    assert float(score.split(":")[1].split()[0]) <= 3.0, score
    server.host.check_output(f"runuser -u nobody -- cat {TEXTFILES}/mlflow.prom {TEXTFILES}/mlflow-artifacts.prom")
    listening = server.host.check_output("ss -Hltn 'sport = 9100'").split()
    assert listening[3] == f"{server.address}:9100"


def test_rules_are_what_the_role_wrote(prometheus):
    assert prometheus.host.check_output(f"cat {RULES}").strip() == (FOLDER / "rules/mlflow.rules").read_text(encoding="utf-8").strip()
