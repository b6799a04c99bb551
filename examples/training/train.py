#!/usr/bin/env python
# Copyright: contributors to mlops.mlflow
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A training pipeline that MLflow knows all about: train, log, register, promote. Where the server is, the environment says.

    train.py --epochs 60 --learning-rate 0.01 --alias staging

The same functions are the tasks of examples/airflow/train_diabetes.py. Needs mlflow (with scikit-learn) and psutil.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess

EXPERIMENT = "diabetes-progression"
MODEL = "diabetes-progression"
# What is compared: the error on data that the model was not fitted to. Less is better.
METRIC = "validation_rmse"
STEP = 10


def commit():
    """The commit of the pipeline: what the deployment says, or that of the checkout that this file lies in."""
    if "PIPELINE_COMMIT" in os.environ:
        return os.environ["PIPELINE_COMMIT"]
    try:
        asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=os.path.dirname(os.path.abspath(__file__)), capture_output=True, text=True, check=True)
        return asked.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def data(seed=7):
    """Real measurements of 442 patients, which scikit-learn brings along: (x, y) to fit to and (x, y) to validate with."""
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    x, y = load_diabetes(return_X_y=True, as_frame=True)
    x_fit, x_validate, y_fit, y_validate = train_test_split(x, y, test_size=0.25, random_state=seed)
    return (x_fit, y_fit), (x_validate, y_validate)


def rmse(model, part):
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(part[1], model.predict(part[0])))


def train(epochs=60, learning_rate=0.01, alpha=0.0001, seed=7, tags=None):
    """Fit and log: parameters before, metrics of both parts during, the model after. Returns the run's id and the model's URI."""
    import mlflow
    from sklearn.linear_model import SGDRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    mlflow.set_experiment(EXPERIMENT)
    fitted, held = data(seed)
    name = f"sgd-{epochs}-{datetime.datetime.now(datetime.timezone.utc):%Y%m%d-%H%M%S}"
    with mlflow.start_run(run_name=name, tags={"team": "examples", "commit": commit(), **(tags or {})}) as run:
        mlflow.log_params({"epochs": epochs, "learning_rate": learning_rate, "alpha": alpha, "seed": seed, "rows": len(fitted[0])})
        scaler, regressor = StandardScaler().fit(fitted[0]), SGDRegressor(eta0=learning_rate, alpha=alpha, random_state=seed)
        model = Pipeline([("scale", scaler), ("regress", regressor)])
        for epoch in range(1, epochs + 1):
            regressor.partial_fit(scaler.transform(fitted[0]), fitted[1])
            if epoch % STEP == 0 or epoch == epochs:
                mlflow.log_metrics({"train_rmse": rmse(model, fitted), METRIC: rmse(model, held)}, step=epoch)
        mlflow.log_dict(dict(zip(fitted[0].columns, regressor.coef_.tolist())), "coefficients.json")
        signature = mlflow.models.infer_signature(held[0], model.predict(held[0]))
        # What the model needs is named; otherwise MLflow starts a Python of its own to find out.
        needs = mlflow.sklearn.get_default_pip_requirements()
        logged = mlflow.sklearn.log_model(model, name="model", signature=signature, input_example=held[0].head(2), pip_requirements=needs)
        return {"run_id": run.info.run_id, "model_uri": logged.model_uri}


def register(trained, version="1.0.0"):
    """Make a version of the registered model of what `train` returned. version: semantic version of the pipeline. Returns the number that MLflow gave it."""
    import mlflow

    client = mlflow.MlflowClient()
    tags = {"semver": version, "commit": client.get_run(trained["run_id"]).data.tags["commit"]}
    made = mlflow.register_model(trained["model_uri"], MODEL, tags=tags)
    return int(made.version)


def promote(number, alias="staging"):
    """Move the alias to a version that beats the one it stands for, and write down why on the version. Returns what was decided."""
    import mlflow

    client = mlflow.MlflowClient()
    error = error_of(client, client.get_model_version(MODEL, str(number)))
    current = holder(client, alias)
    best = error_of(client, current) if current else None
    better = best is None or error < best
    beaten = f"version {current.version} with {METRIC} {best:.3f}" if current else "no version"
    decision = f"{alias}: {'moved' if better else 'not moved'}; {METRIC} {error:.3f} against {beaten}"
    client.set_model_version_tag(MODEL, str(number), "decision", decision)
    if better:
        client.set_registered_model_alias(MODEL, alias, str(number))
    return {"alias": alias, "version": number, "promoted": better, "decision": decision}


def holder(client, alias):
    """The version that an alias stands for, or None."""
    version = client.get_registered_model(MODEL).aliases.get(alias)
    return client.get_model_version(MODEL, version) if version else None


def error_of(client, version):
    return client.get_run(version.run_id).data.metrics[METRIC]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--alpha", type=float, default=0.0001, help="how much large coefficients are punished")
    parser.add_argument("--semver", default="1.0.0", help="semantic version of this pipeline")
    parser.add_argument("--alias", default="staging", help="alias that a better version gets")
    asked = parser.parse_args()
    trained = train(asked.epochs, asked.learning_rate, asked.alpha)
    print(json.dumps({**trained, **promote(register(trained, asked.semver), asked.alias)}))


if __name__ == "__main__":
    main()
