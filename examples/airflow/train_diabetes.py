# Copyright: contributors to mlops.mlflow
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pipeline of examples/training as a DAG: ask the server, train, register, promote; each task is a function of train.py.

Airflow and MLflow cannot share an environment for long: each pins what the other wants newer. So the scheduler knows nothing of MLflow, and the tasks run in
the virtual environment that role mlops.mlflow.mlflow_client made (mlflow_client_venv), whose MLflow is the server's. They inherit address,
credentials and certificate from the environment file that the role wrote for scheduler and workers.
"""

from __future__ import annotations

import datetime
import os
import pathlib

from airflow.sdk import Param, dag, get_current_context, task

PYTHON = os.environ.get("MLFLOW_CLIENT_PYTHON", "/opt/mlflow-client/bin/python")
# train.py lies beside the folder of this file, as in the checkout, or where the variable says.
PIPELINE = os.environ.get("PIPELINE_FOLDER", str(pathlib.Path(__file__).resolve().parents[1] / "training"))
# What the run, and through it the version, can be traced back to. Airflow fills it in; a DAG bundle from git knows its commit.
TAGS = {"airflow.dag_id": "{{ dag.dag_id }}", "airflow.run_id": "{{ run_id }}", "airflow.task_id": "{{ task.task_id }}",
        "airflow.try": "{{ ti.try_number }}", "airflow.bundle": "{{ ti.bundle_instance.version or 'local' }}"}


@dag(
    # On demand; "@weekly" trains anew each week.
    schedule=None,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": datetime.timedelta(minutes=1)},
    params={
        "epochs": Param(60, type="integer", minimum=1),
        "learning_rate": Param(0.01, type="number"),
        "semver": Param("1.0.0", type="string", pattern=r"^\d+\.\d+\.\d+$"),
        "alias": Param("staging", type="string"),
    },
    tags=["mlflow"],
)
def train_diabetes():
    @task
    def ask_server():
        """Fail in a second, not after an hour of training, where address or credentials of the connection are wrong."""
        import base64
        import ssl
        import urllib.request

        from airflow.sdk import BaseHook

        known = BaseHook.get_connection("mlflow_default")
        basic = base64.b64encode(f"{known.login}:{known.password}".encode()).decode()
        headers = {} if not known.login else {"Authorization": f"Bearer {known.password}" if known.login == "token" else f"Basic {basic}"}
        trusted = ssl.create_default_context(cafile=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH"))
        asked = urllib.request.Request(f"{known.host}/api/2.0/mlflow/experiments/search?max_results=1", headers=headers)
        with urllib.request.urlopen(asked, timeout=30, context=trusted) as answer:
            return answer.status

    @task
    def settings():
        """What this run was asked for: its own values, or the defaults of the DAG."""
        return dict(get_current_context()["params"])

    @task.external_python(python=PYTHON, expect_airflow=False)
    def train(folder, asked, tags):
        import sys

        sys.path.insert(0, folder)
        import train

        return train.train(asked["epochs"], asked["learning_rate"], tags=tags)

    @task.external_python(python=PYTHON, expect_airflow=False)
    def register(folder, asked, trained):
        import sys

        sys.path.insert(0, folder)
        import train

        return train.register(trained, asked["semver"])

    @task.external_python(python=PYTHON, expect_airflow=False)
    def promote(folder, asked, number):
        import sys

        sys.path.insert(0, folder)
        import train

        return train.promote(number, asked["alias"])

    asked = settings()
    trained = train(PIPELINE, asked, TAGS)
    ask_server() >> trained
    promote(PIPELINE, asked, register(PIPELINE, asked, trained))


train_diabetes()
