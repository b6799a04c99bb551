"""For suites about archives: a server with runs that ended 100 days ago, and all that a client can read of a run."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import mlflow
from cleanup_history import play
from conftest import Server
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput, Metric, Param

NOW = int(time.time() * 1000)
OLD = NOW - 100 * 86400 * 1000
DAYS = {"mlflow_archive_days": 30}
FOLDER = "/mlflow/archive"


def run(host, name, *options, wrong="", **variables):
    """Run a playbook. Returns the lines of its report, and whether it changed something. A `wrong` one fails and says so."""
    done = play(host, f"playbooks/{name}.yml", *options, **DAYS, **variables)
    told = done.stdout + done.stderr
    assert (done.returncode != 0 and wrong in told.replace("\\", "")) if wrong else done.returncode == 0, told
    return [line.strip().strip('",') for line in done.stdout.splitlines()], " changed=0 " not in done.stdout


def archives(host):
    return host.run(f"ls {FOLDER} | grep 'tar[.]gz$'").stdout.split()


class Old:
    """Runs of an experiment, by name."""

    def __init__(self, host, experiment):
        server = Server(host)
        server.wait(300)
        self.client = server.client()
        mlflow.set_tracking_uri(self.client.tracking_uri)
        self.experiment = self.client.create_experiment(experiment, tags={"team": "ä"})
        self.runs, self.models = {}, {}

    def fill(self):
        """`goes`: families that an archive takes, the first run gives the name; `stays`: old runs, with a part of the reason."""
        for name in ("single", "parent", "with-model", "registered", "evaluated"):
            self.run(name)
        for name, parent in (("child", "parent"), ("grandchild", "child")):
            self.run(name, parent=parent)
        self.run("never-ended", end=None)
        self.run("parent-of-young")
        self.run("young-child", NOW, NOW, "parent-of-young")
        self.run("young", OLD, NOW)
        self.run("still-logging", end=None)
        self.client.log_metric(self.runs["still-logging"], "loss", 1.0, timestamp=NOW, step=0)
        for run in ("single", "child"):
            self.data(self.runs[run])
        for name in ("with-model", "evaluated"):
            self.model(name)
        self.client.log_inputs(self.runs["young"], models=[LoggedModelInput(self.models["evaluated"])])
        self.client.create_registered_model("archived-never")
        self.client.create_model_version("archived-never", f"runs:/{self.runs['registered']}/model", self.runs["registered"])
        self.goes = {"single": ["single"], "parent": ["parent", "child", "grandchild"], "with-model": ["with-model"], "never-ended": ["never-ended"]}
        self.stays = {"registered": "archived-never 1 needs", "parent-of-young": "is younger", "evaluated": "is younger"}
        return self

    def run(self, name, begin=OLD, end=OLD, parent=None):
        tags = {"colour": name, **({"mlflow.parentRunId": self.runs[parent]} if parent else {})}
        run = self.runs[name] = self.client.create_run(self.experiment, start_time=begin, tags=tags, run_name=name).info.run_id
        metrics = [Metric("loss", 1 / (step + 1), OLD + step, step) for step in range(150)]
        metrics += [Metric("odd", value, OLD, step) for step, value in enumerate((float("nan"), float("inf"), -1e-300))]
        self.client.log_batch(run, metrics, [Param("rate", "0.1"), Param("long", "x" * 6000)])
        for file, text in (("model/weights.txt", name * 5000), ("empty.txt", ""), ("ä b/note.txt", "ü")):
            self.client.log_text(run, text, file)
        if end:
            self.client.set_terminated(run, end_time=end)
        return run

    def data(self, run):
        """One data set, which the experiment has once."""
        self.client.log_inputs(run, [DatasetInput(Dataset("train", "digest", "local", "{}", "{}", "{}"), [InputTag("mlflow.data.context", run)])])

    def model(self, name):
        run = self.runs[name]
        model = self.client.create_logged_model(self.experiment, name=name, source_run_id=run, params={"depth": "3"}, tags={"kind": "tree"}).model_id
        folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "archived-model-" + name)
        folder.mkdir(exist_ok=True)
        (folder / "MLmodel").write_text(name, encoding="utf-8")
        self.client.log_model_artifacts(model, str(folder))
        self.client.log_outputs(run, [LoggedModelOutput(model, 3)])
        self.client.log_metric(run, "accuracy", 0.5, timestamp=OLD, model_id=model)
        self.models[name] = model

    def going(self):
        return [name for names in self.goes.values() for name in names]

    def there(self):
        """Names of the runs that a client finds."""
        experiments = [experiment.experiment_id for experiment in self.client.search_experiments()]
        found = {run.info.run_id for run in self.client.search_runs(experiments, max_results=1000)}
        return {name for name, run in self.runs.items() if run in found}

    def read(self, name, folder):
        """All of a run: what it is, what it logged, its models, and a checksum of each artifact."""
        run = self.client.get_run(self.runs[name])
        told = run.to_dictionary()
        told["experiment"] = self.client.get_experiment(run.info.experiment_id).name
        for place in ("artifact_uri", "experiment_id"):
            del told["info"][place]
        told["history"] = {key: [(metric.step, metric.timestamp, repr(metric.value)) for metric in self.client.get_metric_history(run.info.run_id, key)]
                           for key in run.data.metrics}
        told["data"]["metrics"] = {key: repr(value) for key, value in run.data.metrics.items()}
        told["artifacts"] = self.download(f"runs:/{run.info.run_id}/", folder / name)
        if name in self.models:
            model = self.client.get_logged_model(self.models[name])
            told["model"] = (model.name, model.params, model.tags, [repr(metric.value) for metric in model.metrics], model.source_run_id, model.status,
                             model.creation_timestamp, self.download(f"models:/{model.model_id}", folder / f"{name}-model"))
        return told

    def download(self, uri, folder):
        folder.mkdir(parents=True)
        mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))
        return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}
