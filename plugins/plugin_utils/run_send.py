# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Making an MLflow run of a run of a playbook, with one time limit for all that it takes.

The calls: experiments/get-by-name (and create, the first time), runs/create, runs/log-batch, a PUT to mlflow-artifacts, runs/update.
"""

from __future__ import annotations

import threading
import time
import urllib.parse

from ansible_collections.mlops.mlflow.plugins.module_utils.rest import ARGUMENTS, MlflowError, Server

SUMMARY = "summary.json"


class Hurried(Server):
    """A server that has until a moment of the monotonic clock to answer whatever it is asked."""

    def __init__(self, params, end):
        super().__init__(params)
        self.end = end

    def _send(self, url, method, body):
        self.timeout = self.end - time.monotonic()
        if self.timeout <= 0:
            raise TimeoutError("timed out")
        return super()._send(url, method, body)


class Sending(threading.Thread):
    """In a thread, since a name that is looked up or an answer that comes by the byte knows no time limit: it is left alone when the time is over."""

    def __init__(self, get_option, log):
        super().__init__(daemon=True)
        self.params = {name: get_option(name) for name in ARGUMENTS}
        self.experiment, self.log, self.run_id, self.problems = get_option("experiment"), log, "", []

    def problem(self):
        """What is to be said when all is sent or the time is over; nothing when all is well."""
        limit = self.params["timeout"]
        self.start()
        self.join(limit)
        if self.is_alive():
            self.problems = [f"{self.params['tracking_uri'].rpartition('@')[2]} took longer than {limit} seconds"]
        return "; ".join(self.problems)

    def run(self):
        try:
            # a little less, so that it says itself what it waited for
            self.send(Hurried(self.params, time.monotonic() + 0.95 * self.params["timeout"]))
        except MlflowError as problem:
            self.problems.append(str(problem))
        except Exception as fault:  # whatever it is, the play is over and has its result
            self.problems.append(f"{type(fault).__name__} in the callback")

    def send(self, server):
        log, end = self.log, round((self.log.start + self.log.seconds) * 1000)
        made = server.ask("making the run", "POST", "runs/create", {
            "experiment_id": self.experiment_id(server), "run_name": log.playbook[:250], "start_time": round(log.start * 1000),
            "tags": [{"key": key, "value": value} for key, value in log.tags().items()],
        })["run"]["info"]
        self.run_id = made["run_id"]
        metrics = [{"key": key, "value": value, "timestamp": end, "step": 0} for key, value in log.metrics().items()]
        self.unless_refused(server, "logging metrics", "POST", "runs/log-batch", {"run_id": self.run_id, "metrics": metrics})
        place = urllib.parse.urlsplit(made["artifact_uri"])
        if place.scheme == "mlflow-artifacts" and not place.netloc:
            path = f"artifacts/{urllib.parse.quote(place.path.strip('/'))}/{SUMMARY}"
            self.unless_refused(server, "storing the summary", "PUT", path, log.summary(), api="mlflow-artifacts")
        else:
            self.problems.append(f"no summary: the server does not take the artifacts of experiment {self.experiment} itself")
        server.ask("ending the run", "POST", "runs/update", {"run_id": self.run_id, "status": log.status, "end_time": end})

    def unless_refused(self, server, *call, **more):
        """A call that the rest does not depend on. Where nobody answers, nobody is asked again."""
        try:
            server.ask(*call, **more)
        except MlflowError as refusal:
            if not refusal.status:
                raise
            self.problems.append(str(refusal))

    def experiment_id(self, server):
        what, fields = f"experiment {self.experiment}", {"experiment_name": self.experiment}
        call = (f"asking for {what}", "GET", "experiments/get-by-name", fields)
        found = server.find(*call)
        if not found:
            try:
                return server.ask(f"making {what}", "POST", "experiments/create", {"name": self.experiment})["experiment_id"]
            except MlflowError as refusal:
                # another run was faster
                if refusal.code != "RESOURCE_ALREADY_EXISTS":
                    raise
                found = server.ask(*call)
        return found["experiment"]["experiment_id"]
