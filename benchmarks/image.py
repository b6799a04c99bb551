#!/usr/bin/env python
"""Size and build time of the image, against a Dockerfile of `pip install mlflow`, on one engine from the same base image."""

import re
import time

from hosts import both
from report import record

host = both()
size = {}
host.sh("docker rm --force naive; docker rmi naive; docker builder prune --all --force")
start = time.monotonic()
host.build_naive()
other = time.monotonic() - start
size["naive"] = int(host.sh("docker image inspect --format '{{.Size}}' naive"))

# Another image name is another image: the build and nothing else is what the callback times.
output = host.site("image-site", "-e", "mlflow_image_name=mlflow-measured", ANSIBLE_CALLBACKS_ENABLED="ansible.posix.profile_tasks")
ours = float(re.search(r"image-build \| Build the server image -* *([0-9.]+)s", output)[1])
tag = host.sh("docker images --format '{{.Repository}}:{{.Tag}}' mlflow-measured").split()[0]
size["ours"] = int(host.sh(f"docker image inspect --format '{{{{.Size}}}}' {tag}"))
size["base"] = int(host.sh("docker image inspect --format '{{.Size}}' python:3.12-slim"))

# As it was, for the next benchmark.
host.site("image-back")
host.sh(f"docker rmi {tag}")
host.start_naive(5002)

record(
    "image",
    [
        ("build time", f"{ours:.0f} s", f"{other:.0f} s", ours / other, "<= 0.4"),
        ("size", f"{size['ours'] / 1e6:.0f} MB", f"{size['naive'] / 1e6:.0f} MB", size["ours"] / size["naive"], "<= 0.45"),
    ],
    [f"The base image is {size['base'] / 1e6:.0f} MB of both."],
)
