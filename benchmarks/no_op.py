#!/usr/bin/env python
"""A second site.yml on one host, against `ansible -m setup` on it; and how many tasks each phase runs."""

import collections
import re
import statistics
import time

from hosts import SMOKE, Host, run
from report import record

host = Host("both")
host.site("no_op-first")


def timed(action):
    start = time.monotonic()
    output = action()
    return time.monotonic() - start, output


ours, other = [], []
for _ in range(1 if SMOKE else 5):
    other.append(timed(lambda: run("ansible", "-i", host.inventory(), "all", "-m", "ansible.builtin.setup"))[0])
    seconds, output = timed(lambda: host.site("no_op"))
    ours.append(seconds)
changed = re.search(r"changed=(\d+)", output)[1]
if changed != "0":
    raise SystemExit(f"the second run changed {changed} things: see no_op.log")

ran, phases = 0, collections.Counter()
for name, result in re.findall(r"^TASK \[(.*?)\] \*+\n+(\w+)", output, flags=re.M):
    if result != "skipping" and result != "TASK":
        phases[name.split(" : ")[-1].split(" | ")[0] if " | " in name else "main"] += 1
        ran += 1
mine, setup = statistics.median(ours), statistics.median(other)
record(
    "no_op",
    [("second site.yml, against `ansible -m setup`", f"{mine:.1f} s", f"{setup:.1f} s", mine / setup, "<= 4")],
    [f"Median of {len(ours)}, in turns. {ran} tasks that are not skipped: " + ", ".join(f"{name} {count}" for name, count in phases.items()) + "."],
)
