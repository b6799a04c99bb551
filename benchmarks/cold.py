#!/usr/bin/env python
"""From a bare host to the first run logged: site.yml, and by hand a Dockerfile of `pip install mlflow` and the stock server."""

import time

from api import log_a_run
from hosts import Host
from report import record

naive = Host("cold", fresh=True)
start = time.monotonic()
naive.install_engine()
engine = time.monotonic() - start
naive.build_naive()
built = time.monotonic() - start
naive.start_naive(5001)
log_a_run(naive.url(5001))
other = time.monotonic() - start
naive.remove()

host = Host("cold", fresh=True)
start = time.monotonic()
host.site("cold-site", ANSIBLE_CALLBACKS_ENABLED="ansible.posix.profile_tasks")
log_a_run(host.url(5001))
ours = time.monotonic() - start
host.remove()

record(
    "cold",
    [("bare host to first run logged", f"{ours:.0f} s", f"{other:.0f} s", ours / other, "<= 0.4")],
    [
        f"Plain way: engine {engine:.0f} s, build {built - engine:.0f} s, server {other - built:.0f} s.",
        "Both begin on a bare host with no engine; the base image is on the host.",
    ],
)
