"""Write the tables of docs/benchmarks.md: each benchmark has a place of its own, between two markers."""

import datetime
import os
import platform
import re

from hosts import OS, ROOT, SMOKE

PAGE = ROOT / "docs" / "benchmarks.md"


def verdict(value, target):
    """target is "<= 0.4" or ">= 5" """
    sign, limit = target.split()
    return "yes" if (value <= float(limit) if sign == "<=" else value >= float(limit)) else "**no**"


def record(name, rows, notes=()):
    """rows: (what is measured, ours, the other's, ratio, target)."""
    lines = ["| measured | this collection | plain way | ratio | target | met |", "|---|---|---|---|---|---|"]
    for what, ours, other, ratio, target in rows:
        shown = f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"
        lines.append(f"| {what} | {ours} | {other} | {shown} | {target or ''} | {verdict(ratio, target) if target else ''} |")
    load = os.getloadavg()[1]
    day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    lines += ["", f"{day}, host {OS}, {os.cpu_count()} cores ({platform.machine()}), load of the machine over five minutes {load:.0f}."]
    lines += [f"\n{note}" for note in notes]
    text = "\n".join(lines)
    print(f"\n{name}\n{text}", flush=True)
    if SMOKE:
        return
    begin, end = f"<!-- {name}: begin (benchmarks/run {name}) -->", f"<!-- {name}: end -->"
    page = PAGE.read_text(encoding="utf-8")
    block = f"{begin}\n{text}\n{end}"
    PAGE.write_text(re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _found: block, page, flags=re.S), encoding="utf-8")
