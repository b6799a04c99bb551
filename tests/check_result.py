"""check_result.py JUNIT STATUS: prints "PASSED FAILED" of a check that ended with STATUS: the cases of its JUnit file, or one where it wrote none."""

from __future__ import annotations

import pathlib
import sys

from scenario_result import cases


def counts(junit, status):
    """junit: pathlib.Path; status: int, 0 for success. A check that failed, or in which nothing passed, has one failure at least."""
    if not junit.exists():
        return int(status == 0), int(status != 0)
    outcomes = [outcome for _name, outcome, _why in cases(junit)]
    passed = outcomes.count("passed")
    return passed, max(outcomes.count("failed"), int(status != 0), int(not passed))


if __name__ == "__main__":
    print(*counts(pathlib.Path(sys.argv[1]), int(sys.argv[2])))
