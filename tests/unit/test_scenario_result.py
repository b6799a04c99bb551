"""tests/scenario_result.py refuses what Molecule calls a success: seen here on the words that Molecule itself writes."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "scenario_result.py"
SEQUENCE = ["create", "prepare", "check", "converge", "idempotence", "check", "side_effect", "verify", "destroy"]
HOSTS = ("mlflow-default-debian12", "mlflow-default-debian13")
RECAP = "  │ PLAY RECAP\n  │   ****\n" + "".join(f"  │ {host}    : ok=7    changed=1    unreachable=0\n  │   skipped=0    rescued=0\n" for host in HOSTS)


def log_of(outcomes=(), output=RECAP, form="default ➜ {}:"):
    """Return a log of the whole sequence, every action successful but those in outcomes."""
    lines = []
    for action in SEQUENCE:
        outcome = dict(outcomes).get(action, "Successful")
        where = form.format(action)
        lines += [f"INFO     {where} Executing", output, f"INFO     {where} Executed: {outcome}"]
    return "\n".join(lines)


def junit_of(*cases):
    return "<testsuites><testsuite>" + "".join(f'<testcase name="{name}">{child}</testcase>' for name, child in cases) + "</testsuite></testsuites>"


GOOD = [(f"test_a[ansible://{host}]", "") for host in HOSTS]


@pytest.fixture(name="result")
def result_fixture(tmp_path):
    def result(log, junit, status=0):
        (tmp_path / "log").write_text(log, encoding="utf-8")
        if junit is not None:
            (tmp_path / "junit.xml").write_text(junit, encoding="utf-8")
        command = [sys.executable, SCRIPT, "default", tmp_path / "junit.xml", tmp_path / "log", str(status)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return result


def test_a_run_that_did_everything_passes(result, tree):
    if "scenario" in tree.yaml("molecule/default/molecule.yml"):
        pytest.skip("scenario default has a sequence of its own")
    assert result(log_of(), junit_of(*GOOD)) == "3 0\n"
    # as Molecule writes it without colours
    assert result(log_of(output=RECAP.replace("│", ""), form="[default > {}]"), junit_of(*GOOD)) == "3 0\n"


@pytest.mark.parametrize(("log", "junit", "status", "fault"), [
    (log_of({"side_effect": "Missing playbook (Remove from test_sequence to suppress)"}), junit_of(*GOOD), 0, "side_effect: Missing playbook"),
    (log_of(output=RECAP.replace("ok=7", "ok=0")), junit_of(*GOOD), 0, "converge ran no task on mlflow-default-debian12"),
    (log_of(output=""), junit_of(*GOOD), 0, "converge ran no task"),
    (log_of(), None, 0, "the verifier ran no test"),
    (log_of(), junit_of(), 0, "the verifier ran no test"),
    (log_of(), junit_of(GOOD[0]), 0, f"no test passed on {HOSTS[1]}"),
    (log_of(), junit_of(GOOD[0], (GOOD[1][0], "<skipped/>")), 0, f"no test passed on {HOSTS[1]}"),
    (log_of(), junit_of(*GOOD), 2, "ended with status 2"),
    ("", junit_of(*GOOD), 0, "was executed"),
])
def test_a_run_that_did_not_is_a_failure(result, log, junit, status, fault):
    output = result(log, junit, status)
    assert fault in output
    assert output.splitlines()[-1].split()[1] != "0"


def test_a_failed_test_is_told_with_its_reason(result):
    reason = "assert [&apos;gone&apos;] == []&#10;" + "x" * 900
    told = result(log_of(), junit_of((GOOD[0][0], f'<failure message="{reason}">trace</failure>'), GOOD[1]), 1)
    line = next(line for line in told.splitlines() if line.startswith("FAILED TEST: "))
    assert "assert ['gone'] == [] xxx" in line
    assert len(line) < 700


def test_each_failed_test_counts(result):
    output = result(log_of(), junit_of((GOOD[0][0], "<failure/>"), (GOOD[1][0], "<error/>")), 1)
    assert output.splitlines()[-1] == "0 3"


@pytest.mark.parametrize(("junit", "status", "counts"), [
    (junit_of(("a", ""), ("b", "")), 0, "2 0"),
    (junit_of(("a", ""), ("b", "<failure/>"), ("c", "<skipped/>")), 1, "1 1"),
    (junit_of(("a", "")), 1, "1 1"),
    (junit_of(("a", "<skipped/>")), 0, "0 1"),
    (None, 0, "1 0"),
    (None, 2, "0 1"),
])
def test_what_a_check_comes_to(tmp_path, junit, status, counts):
    if junit is not None:
        (tmp_path / "junit.xml").write_text(junit, encoding="utf-8")
    command = [sys.executable, SCRIPT.with_name("check_result.py"), tmp_path / "junit.xml", str(status)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == counts + "\n"
