#!/usr/bin/env python
"""site.yml on a fleet: builds of the image for bare hosts, and the time of a run that changes nothing, for one host and for many."""

import re
import statistics
import time

from hosts import LOGS, SMOKE, Host, site
from report import record

SIZES, ROUNDS = ((1, 2), 1) if SMOKE else ((1, 5, 10, 20), 3)

hosts = [Host(f"fleet-{number:02d}") for number in range(1, SIZES[-1] + 1)]
inventory = LOGS / "fleet.yml"
inventory.write_text("mlflow_servers:\n  vars:\n    ansible_connection: community.docker.docker\n  hosts:\n"
                     + "".join(f"    {host.name}:\n" for host in hosts))


def provision(count):
    """Run site.yml on the first so many hosts; return the seconds that it took, and its output."""
    start = time.monotonic()
    output = site(str(inventory), "--limit", f"mlflow_servers[0:{count - 1}]", "--forks", str(count))
    return time.monotonic() - start, output


fresh, output = provision(len(hosts))
(LOGS / "fleet-fresh.log").write_text(output)
built = re.search(r"TASK \[[^]]*image-build \| Build the server image\] \*+\n((?:\w+: .*\n)*)", output)
builds = len(re.findall("^changed:", built[1], flags=re.M)) if built else 0

took = {size: [] for size in SIZES}
for _ in range(ROUNDS):
    for size in SIZES:
        seconds, output = provision(size)
        changed = sum(int(number) for number in re.findall(r"changed=(\d+)", output))
        if changed:
            raise SystemExit(f"the second run changed {changed} things")
        took[size].append(seconds)
took = {size: statistics.median(each) for size, each in took.items()}

one = took[SIZES[0]]
record(
    "fleet",
    [(f"builds of the image for {len(hosts)} bare hosts", str(builds), str(len(hosts)), builds / len(hosts), f"<= {1 / len(hosts)}")]
    + [(f"second site.yml on {size} hosts, for each", f"{took[size] / size:.1f} s", f"{one:.1f} s", took[size] / size / one, "<= 1") for size in SIZES[1:]],
    [
        f"Median of {ROUNDS}, in turns, one fork for each host. The plain way is a build on each host, and a run for each.",
        f"The first run, on {len(hosts)} bare hosts that share the cores of this machine, took {fresh:.0f} s.",
    ],
)
# So many hosts hold as many of the kernel's inotify instances as one user may have.
for host in hosts:
    host.remove()
