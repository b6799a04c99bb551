"""Bad input of role mlflow_monitoring is refused before the host is asked, with variable, value and fix."""

from __future__ import annotations

import pytest
from refusals import ends_of

GOOD = {"mlflow_monitoring_enabled": True}
LOOK = "validate | Look at the host"
# What is set beside GOOD, without the beginning mlflow_monitoring_, and what the one line of the message must hold.
REFUSED = {
    "interval": ({"interval": 0}, "mlflow_monitoring_interval is 0. Give 1 to 3600 seconds"),
    "seconds": ({"seconds": 301}, "mlflow_monitoring_seconds is 301"),
    "artifacts-interval": ({"artifacts_interval": -1}, "mlflow_monitoring_artifacts_interval is -1"),
    "certificate-with-password": ({"certificates": ["https://user:hush@front"]}, "mlflow_monitoring_certificates is [\"https://***@front\"]"),
    "certificate-of-http": ({"certificates": ["http://front"]}, "mlflow_monitoring_certificates is"),
    "relative-folder": ({"textfile_dir": "metrics"}, "mlflow_monitoring_textfile_dir is"),
    "folder-of-users": ({"textfile_dir": "/home/me/metrics"}, "where a unit of its own cannot write for others"),
    "exporter-name": ({"node_exporter_address": "localhost"}, "mlflow_monitoring_node_exporter_address is 'localhost'"),
    "exporter-port": ({"node_exporter_port": 65536}, "mlflow_monitoring_node_exporter_port is 65536"),
    "relative-files": ({"files_dir": "prometheus"}, "mlflow_monitoring_files_dir is 'prometheus'. Give the absolute path"),
    "url-with-password": ({"scrape_url": "http://user:hush@host/metrics"}, "mlflow_monitoring_scrape_url is 'http://***@host/metrics'"),
    "half-a-login": ({"scrape_username": "prometheus"}, "mlflow_monitoring_scrape_password_file is ''. Set both or neither"),
    "duration": ({"alert_for": "5 minutes"}, "mlflow_monitoring_alert_for: '5 minutes'. Give a duration"),
    "limit": ({"limit_backup_hours": -1}, "mlflow_monitoring_limit_backup_hours: -1"),
    "percent": ({"limit_error_percent": 101}, "mlflow_monitoring_limit_error_percent: 101"),
    "job-of-ours": ({"extra_targets": [{"job": "mlflow", "targets": ["x:1"]}]}, "mlflow_monitoring_extra_targets names the jobs mlflow. Give each"),
}
ACCEPTED = {
    "plain": {},
    "much": {"certificates": ["https://mlflow.example.com:8443", "https://[2001:db8::1]"], "artifacts_interval": 0, "node_exporter": True,
             "node_exporter_address": "::1", "scrape_url": "https://mlflow.example.com/metrics", "scrape_username": "prometheus",
             "scrape_password_file": "/etc/prometheus/mlflow.password", "alert_for": "1h30m", "limit_disk_free_percent": 100.0,
             "extra_targets": [{"job": "models", "targets": ["model.example.com:5005"], "metrics_path": "/stats"}]},
}


def named(given):
    return {f"mlflow_monitoring_{name}": value for name, value in given.items()}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Where each case ended: (task, message)."""
    hosts = {name: {**GOOD, **named(given)} for name, (given, _says) in REFUSED.items()} | {name: {**GOOD, **named(given)} for name, given in ACCEPTED.items()}
    found, output = ends_of("mlflow_monitoring", tmp_path_factory.mktemp("monitoring-input"), hosts, {"ansible_python_interpreter": "/nowhere/python3"})
    assert "hush" not in output
    return {name: (task, str(result["msg"])) for name, (task, result) in found.items()}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_the_host_is_asked(ended, name):
    task, told = ended[name]
    assert "Refuse inputs that cannot work" in task, told
    assert REFUSED[name][1] in " ".join(told.split())
    assert len(told.strip().splitlines()) == 1, told


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(ended, name):
    assert LOOK in ended[name][0], ended[name][1]


def test_every_rule_has_a_case(tree):
    assert len(tree.yaml("roles/mlflow_monitoring/vars/main/input_rules.yml")["__mlflow_monitoring_input_rules"]) <= len(REFUSED)
