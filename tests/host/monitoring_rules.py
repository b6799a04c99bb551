"""Cases for promtool: what Prometheus would have seen, when the alert must still be quiet, and when it must have fired. One value a minute."""

from __future__ import annotations

import json
import re

DISK = ('mlflow_disk_bytes{host="h",place="tree"}', "1000x4000")
CERTIFICATE = 'mlflow_certificate_not_{}_timestamp_seconds{{host="h",name="front"}}'
REQUESTS = 'mlflow_http_request_total{{job="mlflow",host="h",status="{}"}}'
BUCKETS = 'mlflow_http_request_duration_seconds_bucket{{job="mlflow",host="h",le="{}"}}'
BACKUP = 'mlflow_backup_{}{{host="h",service="mlflow",operation="{}"}}'
# (alert, series with their values, quiet at, fires at; never where that is None)
CASES = [
    ("MlflowDown", [('up{job="mlflow",host="h"}', "1x4 0x20")], "9m", "10m"),
    ("MlflowDown", [('up{job="mlflow",host="h"}', "1x4 0x3 1x20")], "15m", None),
    ("MlflowUnhealthy", [('mlflow_server_up{host="h"}', "1x4 0x20")], "9m", "10m"),
    ("MlflowErrors", [(REQUESTS.format(200), "0+94x40"), (REQUESTS.format(500), "0+6x40")], "5m", "12m"),
    ("MlflowErrors", [(REQUESTS.format(200), "0+96x40"), (REQUESTS.format(500), "0+4x40")], "30m", None),
    ("MlflowErrors", [(REQUESTS.format(200), "0x40"), (REQUESTS.format(500), "7x40")], "30m", None),
    ("MlflowSlow", [(BUCKETS.format("1.0"), "0+90x40"), (BUCKETS.format("5.0"), "0+100x40"), (BUCKETS.format("+Inf"), "0+100x40")], "5m", "12m"),
    ("MlflowSlow", [(BUCKETS.format("1.0"), "0+96x40"), (BUCKETS.format("5.0"), "0+100x40"), (BUCKETS.format("+Inf"), "0+100x40")], "30m", None),
    ("MlflowSlow", [(BUCKETS.format("1.0"), "5x40"), (BUCKETS.format("5.0"), "9x40"), (BUCKETS.format("+Inf"), "9x40")], "30m", None),
    ("MlflowExporterDown", [('up{job="mlflow-node",host="h"}', "1x4 0x20")], "9m", "10m"),
    ("MlflowMetricsUnreadable", [('node_textfile_scrape_error{job="mlflow-node",host="h"}', "1x20")], "4m", "5m"),
    ("MlflowMetricsStale", [('mlflow_monitoring_timestamp_seconds{host="h"}', "0+60x9 600x20"), ('mlflow_monitoring_interval_seconds{host="h"}', "60x30")],
     "19m", "21m"),
    ("MlflowMetricsIncomplete", [('mlflow_monitoring_success{host="h",part="database"}', "1x4 0x20")], "9m", "10m"),
    ("MlflowDatabaseLarge", [('mlflow_database_bytes{host="h"}', "20000000000x4 20000000001x20")], "9m", "10m"),
    ("MlflowWalLarge", [('mlflow_database_wal_bytes{host="h"}', "4000000x4 100000001x20")], "9m", "10m"),
    ("MlflowDiskAlmostFull", [DISK, ('mlflow_disk_free_bytes{host="h",place="tree"}', "100x4 99x20")], "9m", "10m"),
    ("MlflowDiskAlmostFull", [('mlflow_disk_free_inodes_ratio{host="h",place="tree"}', "0.1x4 0.09x20")], "9m", "10m"),
    ("MlflowDiskFillsUp", [DISK, ('mlflow_disk_free_bytes{host="h",place="tree"}', "390-1x300")], "59m", "65m"),
    ("MlflowDiskFillsUp", [DISK, ('mlflow_disk_free_bytes{host="h",place="tree"}', "390-0.01x300")], "240m", None),
    ("MlflowBackupFailed", [(BACKUP.format("failed", "backup"), "0x4 1x20")], "4m", "5m"),
    ("MlflowBackupOld", [(BACKUP.format("last_success_timestamp_seconds", "backup"), "0x3000")], "36h", "36h1m"),
    ("MlflowRehearsalFailed", [(BACKUP.format("failed", "rehearse"), "0x4 1x20")], "4m", "5m"),
    ("MlflowRehearsalFailed", [(BACKUP.format("failed", "check"), "0x4 1x20")], "4m", "5m"),
    ("MlflowRehearsalOld", [(BACKUP.format("last_success_timestamp_seconds", "rehearse"), "-691200x3000")], "24h", "24h1m"),
    # Of a year, two weeks before its end; of half a day, when a quarter of that is left; not where another two thirds are.
    ("MlflowCertificateExpires", [(CERTIFICATE.format("before"), "-30000000x30"), (CERTIFICATE.format("after"), "1210200x30")], "10m", "11m"),
    ("MlflowCertificateExpires", [(CERTIFICATE.format("before"), "0x900"), (CERTIFICATE.format("after"), "43200x900")], "9h", "9h1m"),
    ("MlflowCertificateExpires", [(CERTIFICATE.format("before"), "0x900"), (CERTIFICATE.format("after"), "43200x900")], "4h", None),
]


def firing(alert, at, fires):
    return {"expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing",host="h"}})', "eval_time": at,
            "exp_samples": [{"labels": "{}", "value": 1}] if fires else []}


def promtool_file(rules):
    """The cases in promtool's form, for a file of rules with the role's own limits. JSON is YAML."""
    tests = [{"interval": "1m", "input_series": [{"series": name, "values": values} for name, values in series],
              "promql_expr_test": [firing(alert, quiet, False), *([firing(alert, fires, True)] if fires else [])]}
             for alert, series, quiet, fires in CASES]
    return json.dumps({"rule_files": [rules], "evaluation_interval": "1m", "tests": tests})


def names(query):
    """Names of the metrics that a query is about."""
    return set(re.findall(r"\b(?:mlflow_\w+|host:\w+:\w+|up|node_\w+)\b", re.sub(r'"[^"]*"', "", query)))
