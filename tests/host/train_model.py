"""Trains models with scikit-learn, logs and registers them. Runs in an environment that has it, which the tools of the tests have not.

Usage: train_model.py TRACKING_URI NAME KIND...   each KIND becomes the next version; prints their numbers
"""

from __future__ import annotations

import os
import sys

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import mlflow
import numpy
from sklearn.linear_model import LinearRegression

FEATURE = numpy.arange(1.0, 9.0).reshape(-1, 1)
# What a version predicts for x, or what is wrong with it.
KINDS = {
    "double": {"target": 2 * FEATURE[:, 0]},
    "triple": {"target": 3 * FEATURE[:, 0]},
    # Somebody changed the features: the requests of those who use the model no longer fit.
    "two-features": {"features": numpy.hstack([FEATURE, FEATURE]), "target": FEATURE[:, 0]},
    "no-such-package": {"target": FEATURE[:, 0], "requirements": ["mlflow==3.17.2", "scikit-learn==0.0.999"]},
}


def train(name, kind):
    about = KINDS[kind]
    features = about.get("features", FEATURE)
    with mlflow.start_run(run_name=kind):
        model = LinearRegression().fit(features, about["target"])
        mlflow.log_metric("score", model.score(features, about["target"]))
        logged = mlflow.sklearn.log_model(model, name="model", registered_model_name=name, input_example=features[:1],
                                          pip_requirements=about.get("requirements"))
    return logged.registered_model_version


mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment(sys.argv[2])
print(*[train(sys.argv[2], kind) for kind in sys.argv[3:]])
