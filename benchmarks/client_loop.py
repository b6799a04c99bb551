#!/usr/bin/env python
"""client_loop.py URL RUN SECONDS: how many mlflow.log_metric a second a real client gets, one after the other."""

import sys
import time

import mlflow

url, run_id, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
mlflow.set_tracking_uri(url)
mlflow.start_run(run_id=run_id)
mlflow.log_metric("warm", 0.0)
count, start = 0, time.monotonic()
while time.monotonic() - start < seconds:
    mlflow.log_metric("loss", 0.5, step=count)
    count += 1
print(count / (time.monotonic() - start))
