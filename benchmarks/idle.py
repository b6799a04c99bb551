#!/usr/bin/env python
"""Memory of all processes of an idle server, and seconds from its start to a healthy answer, against the stock server."""

import statistics
import time

from api import healthy
from hosts import SMOKE, both
from report import record

# The proportional set size counts what processes share once: the sum is what the server takes from the host.
PSS = """
import re, subprocess, sys
first = int(subprocess.check_output(["docker", "inspect", "--format", "{{.State.Pid}}", sys.argv[1]]))
parents = {}
for line in subprocess.check_output(["ps", "-eo", "pid=,ppid="], text=True).splitlines():
    pid, parent = map(int, line.split())
    parents.setdefault(parent, []).append(pid)
all_of_it = [first]
for pid in all_of_it:
    all_of_it += parents.get(pid, [])
kilobytes = 0
for pid in all_of_it:
    try:
        kilobytes += int(re.search(r"^Pss:\\s+(\\d+)", open(f"/proc/{pid}/smaps_rollup").read(), re.M)[1])
    except OSError:
        pass  # ended meanwhile
print(kilobytes / 1000, len(all_of_it))
"""


def memory(host, container):
    megabytes, processes = host.sh(f"python3 -c '{PSS}' {container}").split()
    return float(megabytes), int(processes)


host = both()
rounds = 1 if SMOKE else 3
ours, other, mine, stock = [], [], [], []
for _ in range(rounds):
    for seconds, sizes, container, port, start in (
        (other, stock, "naive", 5002, "docker start naive"),
        (ours, mine, "mlflow", 5001, "systemctl start --no-block mlflow"),
    ):
        host.sh("docker stop --time 20 naive; systemctl stop mlflow")
        begin = time.monotonic()
        host.sh(start)
        healthy(host.url(port))
        seconds.append(time.monotonic() - begin)
        # The stock server's job processes go on starting long after it answers.
        time.sleep(10 if SMOKE else 60)
        sizes.append(memory(host, container))
host.sh("docker start naive; systemctl start mlflow")

megabytes, stock_megabytes = (statistics.median(size for size, _count in sizes) for sizes in (mine, stock))
seconds, stock_seconds = statistics.median(ours), statistics.median(other)
record(
    "idle",
    [
        ("memory of all processes (PSS), idle", f"{megabytes:.0f} MB", f"{stock_megabytes:.0f} MB", megabytes / stock_megabytes, "<= 0.35"),
        ("start to healthy", f"{seconds:.1f} s", f"{stock_seconds:.1f} s", seconds / stock_seconds, "<= 0.6"),
    ],
    [f"Four workers each, as both come; median of {rounds}. {mine[-1][1]} processes against {stock[-1][1]}."],
)
