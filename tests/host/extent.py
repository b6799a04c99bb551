"""How much the suites try: each promise once in bin/test, each case on each host in bin/test --full."""

from __future__ import annotations

import os

import pytest

FULL = os.environ.get("MLFLOW_TEST_FULL") == "yes"


def each_in_turn(cases, hosts):
    """Return (case, host) for each case on each host with --full, else for each case on one of them, taken in turn."""
    return [(case, host) for number, case in enumerate(cases) for host in (hosts if FULL else [hosts[number % len(hosts)]])]


# For what is one more case of a promise that another test keeps.
full_only = pytest.mark.skipif(not FULL, reason="with bin/test --full")
