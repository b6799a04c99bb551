# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: mlflow_run
type: notification
short_description: Log a run of a playbook as an MLflow run
version_added: 0.1.0
description:
  - When a playbook is over, makes an MLflow run of it, with its counts and the seconds of its slowest tasks as metrics,
    tags, a summary (C(summary.json)) as an artifact, and the status FINISHED or FAILED.
  - Of a task it keeps the name as it is written, the action, the hosts and the time. Arguments, variables and results are never kept.
  - A server that is away, refuses or is slow does not change the result of the play. It costs one warning, and at most O(timeout) seconds.
  - Without O(tracking_uri) it does nothing.
requirements:
  - C(callbacks_enabled = mlops.mlflow.mlflow_run) in C(ansible.cfg), or E(ANSIBLE_CALLBACKS_ENABLED)
options:
  tracking_uri:
    description: Address of the server, with its static prefix and without a password, such as C(https://mlflow.example.com).
    type: str
    env: [{name: MLFLOW_TRACKING_URI}]
    ini: [{section: callback_mlflow_run, key: tracking_uri}]
  experiment:
    description: Name of the experiment that the run belongs to. It is made if there is none.
    type: str
    default: ansible
    env: [{name: ANSIBLE_MLFLOW_RUN_EXPERIMENT}]
    ini: [{section: callback_mlflow_run, key: experiment}]
  timeout:
    description: Seconds that all requests may take together. What is not sent by then is not logged.
    type: float
    default: 10
    env: [{name: ANSIBLE_MLFLOW_RUN_TIMEOUT}]
    ini: [{section: callback_mlflow_run, key: timeout}]
  username:
    description: User to log in as. With O(password) it goes before O(token), as with MLflow's client.
    type: str
    env: [{name: MLFLOW_TRACKING_USERNAME}]
    ini: [{section: callback_mlflow_run, key: username}]
  password:
    description: Password of O(username). From the environment alone, since C(ansible.cfg) is a file that others read.
    type: str
    env: [{name: MLFLOW_TRACKING_PASSWORD}]
  token:
    description: Token to log in with (C(Authorization) of type Bearer). From the environment alone.
    type: str
    env: [{name: MLFLOW_TRACKING_TOKEN}]
  ca_file:
    description: PEM file that the server's certificate is verified with. Without it, what the controller trusts.
    type: path
    env: [{name: MLFLOW_TRACKING_SERVER_CERT_PATH}]
    ini: [{section: callback_mlflow_run, key: ca_file}]
  validate_certs:
    description: Whether the server's certificate is verified at all.
    type: bool
    default: true
    env: [{name: ANSIBLE_MLFLOW_RUN_VALIDATE_CERTS}]
    ini: [{section: callback_mlflow_run, key: validate_certs}]
  workspace:
    description: Workspace of the experiment, on a server that has them. Without it, the server's default workspace.
    type: str
    env: [{name: MLFLOW_WORKSPACE}]
    ini: [{section: callback_mlflow_run, key: workspace}]
author:
  - The mlops.mlflow authors (@mlops)
"""

import time

from ansible import context
from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "mlops.mlflow.mlflow_run"
    CALLBACK_NEEDS_ENABLED = True

    def set_options(self, task_keys=None, var_options=None, direct=None):
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        self.log, self.counted = None, {}
        # nothing is called any more, and nothing was imported
        self.disabled = not self.get_option("tracking_uri")

    def keep(self, work, *given):
        """Have something noted down or sent; a fault of ours must not become one of the play."""
        try:
            work(*given)
        except Exception as fault:
            self.disabled = True
            self._display.warning(f"mlflow_run: this run is not logged ({type(fault).__name__}: {fault})")

    def done(self, result, failure=""):
        # without the underscore since ansible-core 2.19
        host, task = (getattr(result, name, None) or getattr(result, f"_{name}") for name in ("host", "task"))
        self.log.end(host.get_name(), task, failure)

    def begin(self, playbook):
        from ansible_collections.mlops.mlflow.plugins.plugin_utils.run_log import RunLog

        self.log = RunLog(playbook._file_name, context.CLIARGS.get("check"), self.counted)

    def send(self, stats):
        self.log.finish(stats)
        began = time.monotonic()
        from ansible_collections.mlops.mlflow.plugins.plugin_utils.run_send import Sending

        sending = Sending(self.get_option, self.log)
        problem = sending.problem()
        if problem:
            what = f"run {sending.run_id} of this playbook is not complete" if sending.run_id else "this playbook is not logged"
            self._display.warning(f"mlflow_run: {what}: {problem}")
        else:
            self._display.v(f"mlflow_run: this playbook is logged as run {sending.run_id}, in {time.monotonic() - began:.2f} seconds")

    def v2_playbook_on_start(self, playbook):
        self.keep(self.begin, playbook)

    def v2_playbook_on_play_start(self, play):
        self.keep(self.log.play, play)

    def v2_runner_on_start(self, host, task):
        self.keep(self.log.begin, host.get_name(), task)

    def v2_runner_on_ok(self, result):
        self.keep(self.done, result)

    def v2_runner_on_skipped(self, result):
        self.keep(self.done, result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.keep(self.done, result, "" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result):
        self.keep(self.done, result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        self.keep(self.send, stats)
