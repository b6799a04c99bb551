"""Calls of MLflow's REST API, with nothing but the standard library."""

import json
import sys
import time
import urllib.error
import urllib.request


def call(url, path, data=None, timeout=30):
    """One call of the REST API."""
    request = urllib.request.Request(
        f"{url}/api/2.0/mlflow/{path}", data=json.dumps(data).encode() if data is not None else None, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.load(answer)


def healthy(url, seconds=600):
    """Wait for /health; return the seconds that it took."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return time.monotonic() - start
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return sys.exit(f"{url} is not healthy after {seconds} s")


def new_run(url):
    return call(url, "runs/create", {"experiment_id": "0", "start_time": 1})["run"]["info"]["run_id"]


def log_a_run(url):
    healthy(url)
    run_id = new_run(url)
    call(url, "runs/log-metric", {"run_id": run_id, "key": "metric1", "value": 1.0, "timestamp": 1, "step": 0})
    return run_id
