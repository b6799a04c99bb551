"""What wrk(1) measures with the calls of requests.lua."""

import os
import pathlib
import re
import subprocess

SCRIPT = str(pathlib.Path(__file__).with_name("requests.lua"))
MILLISECONDS = {"us": 0.001, "ms": 1, "s": 1000}


def wrk(url, test, run, clients, seconds):
    """Requests a second, the 99th percentile in milliseconds, and what went wrong, as lines of text."""
    output = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "20s", "--latency", "-s", SCRIPT, url],
        env={**os.environ, "TEST": test, "RUN": run}, text=True, capture_output=True, check=True,
    ).stdout  # fmt: skip
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", output).groups()
    faults = [line.strip() for line in output.splitlines() if "Non-2xx" in line or "Socket errors" in line]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]), float(number) * MILLISECONDS[unit], faults
