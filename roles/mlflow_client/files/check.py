#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""check.py EXPERIMENT HOST UID FOLDER: log a run of this host with the environment that its containers get, and read it back, as user UID.

The run is the same each time: its metric "seconds" gets one more value, its artifact is replaced. With a FOLDER, a file is written there and removed.
Prints one JSON object. Ends with status 1 and a message when something that was written does not come back.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time

ENVIRONMENT = "/etc/mlflow-client/container.env"


def read_environment(path):
    """Be one of the processes whose environment the file is: KEY=VALUE on each line, without quotes."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            name, found, value = line.rstrip("\n").partition("=")
            if found and not line.startswith("#"):
                os.environ[name] = value
    # A server that is away is told in seconds, not after MLflow's minutes. What this run uses of the host is nobody's concern.
    os.environ.update(MLFLOW_HTTP_REQUEST_MAX_RETRIES="2", MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING="false", MLFLOW_DISABLE_TELEMETRY="true")


def become(uid, home):
    """Leave root for good."""
    os.chown(home, uid, 0)
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(uid, uid, uid)
    os.environ["HOME"] = home
    os.chdir(home)


def try_folder(folder):
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".mlflow-client-check-") as file:
            file.write(b"written by role mlflow_client, and removed again\n")
    except OSError as error:
        sys.exit(f"{folder} is not writable for user {os.getuid()}: {error.strerror}")


def experiment_of(client, name):
    """The id of the experiment, which is made where there is none and restored where somebody deleted it."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if not found:
        try:
            return client.create_experiment(name, tags={"mlflow.note.content": "Which hosts could log a run, and when last: role mlops.mlflow.mlflow_client"})
        except MlflowException:
            # Another host was faster.
            found = client.get_experiment_by_name(name)
            if not found:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


def log(experiment, host, folder):
    """Log the run and read it back. Returns whether it was made now, and its id."""
    from mlflow import MlflowClient

    client, begin, text = MlflowClient(), time.monotonic(), f"{host} {time.time_ns()}"
    experiment_id = experiment_of(client, experiment)
    runs = client.search_runs([experiment_id], filter_string=f"attributes.run_name = '{host}'", max_results=1)
    run = runs[0] if runs else client.create_run(experiment_id, run_name=host, tags={"host": host})
    run_id = run.info.run_id
    client.set_tag(run_id, "user", os.getuid())
    client.log_text(run_id, text, "check.txt")
    with open(client.download_artifacts(run_id, "check.txt", folder), encoding="utf-8") as file:
        came_back = file.read()
    if came_back != text:
        sys.exit(f"check.txt came back as {came_back!r}, not as {text!r}")
    client.log_metric(run_id, "seconds", time.monotonic() - begin)
    client.set_terminated(run_id)
    if client.get_run(run_id).data.metrics.get("seconds") is None:
        sys.exit("the metric 'seconds' did not come back")
    return not runs, run_id


def main(experiment, host, uid, folder):
    read_environment(ENVIRONMENT)
    with tempfile.TemporaryDirectory() as home:
        if os.fork():
            # Root waits, and removes the folder.
            return os.waitstatus_to_exitcode(os.wait()[1])
        become(int(uid), home)
        if folder:
            try_folder(folder)
        made, run_id = log(experiment, host, home)
        print(json.dumps({"made": made, "run_id": run_id, "uri": os.environ["MLFLOW_TRACKING_URI"]}), flush=True)
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
