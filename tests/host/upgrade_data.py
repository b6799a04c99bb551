"""A server filled with one of everything that MLflow keeps, a reading of all of it, and somebody who goes on writing."""

from __future__ import annotations

import hashlib
import itertools
import pathlib
import tempfile
import threading
import time

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric

RUNS, STEPS = 12, 40


def fill(url):
    """Runs with parents, params, tags, metric histories and datasets; artifacts; a model with versions, tags and an alias; traces."""
    mlflow.set_tracking_uri(url)
    client = MlflowClient(url)
    experiment = client.create_experiment("upgrade", tags={"kept": "yes"})
    mlflow.set_experiment(experiment_id=experiment)
    with mlflow.start_run(run_name="parent") as parent:
        for number in range(RUNS):
            with mlflow.start_run(run_name=f"child {number}", nested=True) as child:
                mlflow.log_params({"rate": number / 10, "name": "ä" * number})
                history = [Metric("loss", number + 1 / (step + 1), 1700000000000 + step, step) for step in range(STEPS)]
                client.log_batch(child.info.run_id, metrics=history)
                mlflow.set_tag("number", number)
                dataset = Dataset(f"data {number}", f"digest{number}", "http", '{"url": "http://example.com/data.csv"}')
                client.log_inputs(child.info.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
                mlflow.log_text(f"artifact {number}\n" * 1000, f"notes/{number}.txt")
    client.create_registered_model("model", tags={"team": "a"}, description="a model")
    for number in range(3):
        version = client.create_model_version("model", f"runs:/{parent.info.run_id}/notes", run_id=parent.info.run_id, tags={"n": str(number)})
    client.set_registered_model_alias("model", "champion", version.version)

    @mlflow.trace
    def answer(question):
        return question.upper()

    for number in range(3):
        answer(f"question {number}")
    mlflow.flush_trace_async_logging()
    client.delete_run(client.create_run(experiment).info.run_id)


def there(url):
    return MlflowClient(url).get_experiment_by_name("upgrade") is not None


def read(url):
    """All of it, as one dictionary that can be compared."""
    client = MlflowClient(url)
    experiment = client.get_experiment_by_name("upgrade")
    found = {"experiment": (experiment.experiment_id, dict(experiment.tags), experiment.artifact_location), "runs": {}}
    for run in client.search_runs([experiment.experiment_id], run_view_type=3, max_results=1000):
        history = [(metric.step, metric.value, metric.timestamp) for metric in client.get_metric_history(run.info.run_id, "loss")]
        inputs = [(entry.dataset.name, entry.dataset.digest, [tag.value for tag in entry.tags]) for entry in run.inputs.dataset_inputs]
        found["runs"][run.info.run_id] = {
            "info": (run.info.run_name, run.info.status, run.info.lifecycle_stage, run.info.start_time, run.info.end_time),
            "params": run.data.params, "tags": run.data.tags, "metrics": run.data.metrics, "history": history, "inputs": inputs, "files": files(client, run),
        }
    model = client.get_registered_model("model")
    versions = client.search_model_versions("name = 'model'")
    found["model"] = (model.description, model.tags, model.aliases, sorted((version.version, version.run_id, str(version.tags)) for version in versions))
    traces = client.search_traces(locations=[experiment.experiment_id], include_spans=False)
    found["traces"] = sorted((trace.info.trace_id, str(trace.info.state)) for trace in traces)
    return found


def files(client, run):
    """Checksums of the run's artifacts as a client gets them."""
    if run.info.lifecycle_stage != "active" or not client.list_artifacts(run.info.run_id):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        client.download_artifacts(run.info.run_id, "", folder)
        return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in pathlib.Path(folder).rglob("*") if file.is_file()}


class Writer(threading.Thread):
    """Logs one metric after another; knows which were acknowledged, and the longest time without an acknowledgement.

    moved(url) where the server answers at another address from now on: a host may come back from a reboot with one.
    """

    def __init__(self, url):
        super().__init__(daemon=True)
        self.acknowledged, self.longest, self.over = [], 0.0, threading.Event()
        self.moved(url)
        experiment = requests.get(f"{self.api}/experiments/get", params={"experiment_id": "0"}, timeout=30).json()["experiment"]["experiment_id"]
        body = {"experiment_id": experiment, "start_time": 0}
        self.run_id = requests.post(f"{self.api}/runs/create", json=body, timeout=30).json()["run"]["info"]["run_id"]

    def moved(self, url):
        self.api = f"{url}/api/2.0/mlflow"

    def run(self):
        last = time.monotonic()
        for step in itertools.count():
            if self.over.is_set():
                return
            metric = {"run_id": self.run_id, "key": "step", "value": step, "timestamp": step, "step": step}
            try:
                requests.post(f"{self.api}/runs/log-metric", json=metric, timeout=5).raise_for_status()
                self.acknowledged.append(step)
                self.longest = max(self.longest, time.monotonic() - last)
                last = time.monotonic()
            except requests.RequestException:
                self.over.wait(0.05)

    def lost(self):
        """Steps that were acknowledged and are not there."""
        query, kept = {"run_id": self.run_id, "metric_key": "step", "max_results": 25000}, set()
        answer = requests.get(f"{self.api}/metrics/get-history", params=query, timeout=60).json()
        kept.update(int(metric["step"]) for metric in answer["metrics"])
        return sorted(set(self.acknowledged) - kept)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_about):
        self.over.set()
        self.join(30)
