"""old_server.py FOLDER: what somebody's earlier MLflow left, made by that very MLflow: FOLDER/database with its artifacts, and FOLDER/files/mlruns.

Run with another MLflow than that of the tests, on its own.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
import mlflow


def fill(uri):
    client = mlflow.MlflowClient(uri)
    mlflow.set_tracking_uri(uri)
    experiment = client.create_experiment("old", tags={"team": "one"})
    runs = []
    for number in range(3):
        run = client.create_run(experiment, run_name=f"old-{number}").info.run_id
        for step in range(10):
            client.log_metric(run, "loss", 1 / (step + 1), step=step)
        client.log_param(run, "rate", number)
        client.log_text(run, f"weights {number}", "model/weights.txt")
        client.set_terminated(run)
        runs.append(run)
    client.create_registered_model("old-model")
    client.create_model_version("old-model", client.get_run(runs[1]).info.artifact_uri + "/model", runs[1])
    client.set_registered_model_alias("old-model", "champion", "1")
    client.delete_run(runs[2])
    return {"experiment": experiment, "runs": runs}


if __name__ == "__main__":
    root = pathlib.Path(sys.argv[1]).absolute()
    (root / "database").mkdir(parents=True)
    os.chdir(root / "database")
    made = {"version": mlflow.__version__, "database": fill(f"sqlite:///{root}/database/old.db"), "files": fill(f"file://{root}/files/mlruns")}
    (root / "made.json").write_text(json.dumps(made), encoding="utf-8")
