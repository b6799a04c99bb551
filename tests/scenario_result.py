"""What a run of `molecule test` really did: Molecule reports success for an empty verify, a mistyped playbook and a missing
side effect, and its converge may have reached no host. Prints the faults, and last "PASSED FAILED": the tests of the verifier,
and one for the sequence as a whole.

Usage: scenario_result.py SCENARIO JUNIT_XML LOG EXIT_STATUS
"""

from __future__ import annotations

import pathlib
import re
import sys
from xml.etree import ElementTree

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
WHY = 500  # characters of the reason of one failed test: the log has the rest


def actions(log):
    """Return what each action of the sequence came to, in order, and what it printed: [(action, outcome, output)]."""
    found, output = [], []
    for line in log.splitlines():
        # with colours "default ➜ verify: Executing", without "[default > verify] Executing"
        match = re.match(r"[A-Z]+\s+\[?\S+ (?:➜|>) (\w+)[\]:] (Executing$|Executed: .*)", line)
        if not match:
            output.append(line)
        elif match[2] == "Executing":
            output = []
        elif match[2].startswith("Executed: "):
            found.append((match[1], match[2].removeprefix("Executed: "), "\n".join(output)))
    return found


def recap(output):
    """Return how many tasks went well on each host, from the recap of ansible-playbook."""
    words = " ".join(re.sub(r"^\s*│", "", line) for line in output.splitlines())
    words = words.rpartition("PLAY RECAP")[2]
    return {host: int(count) for host, count in re.findall(r"(\S+)\s+: ok=(\d+)", words)}


def cases(path):
    """Return the verifier's tests: [(name, outcome, why it failed, short)]."""
    if not path.is_file():
        return []
    found = []
    for case in ElementTree.parse(path).iter("testcase"):
        children = {child.tag: child.get("message", "") for child in case}
        why = " ".join(f"{children.get('failure', '')} {children.get('error', '')}".split())[:WHY]
        outcome = "failed" if children.keys() & {"failure", "error"} else "skipped" if "skipped" in children else "passed"
        found.append((case.get("name", ""), outcome, why))
    return found


def settings_of(scenario):
    """Return the platforms and the sequence of a scenario, which may leave the sequence to the shared settings."""
    shared = yaml.safe_load((ROOT / ".config/molecule/config.yml").read_text(encoding="utf-8"))
    own = yaml.safe_load((ROOT / "molecule" / scenario / "molecule.yml").read_text(encoding="utf-8"))
    platforms = {platform["name"]: platform for platform in own["platforms"]}
    return platforms, own.get("scenario", {}).get("test_sequence") or shared["scenario"]["test_sequence"]


def faults_of(scenario, done, tests):
    """Yield what is wrong with a run that Molecule itself may call a success."""
    platforms, sequence = settings_of(scenario)
    # others are there for these: a registry, a package index
    servers = [name for name, platform in platforms.items() if "mlflow_servers" in platform.get("groups", [])]
    names = [action for action, _outcome, _output in done]
    if names != [action.split()[0] for action in sequence]:
        yield f"the sequence is {sequence}, but {names} was executed"
    for action, outcome, _output in done:
        if outcome != "Successful":
            yield f"{action}: {outcome}"
    for action, _outcome, output in done:
        if action == "converge":
            reached = recap(output)
            yield from (f"converge ran no task on {name}" for name in servers if not reached.get(name))
    if not any(action == "converge" for action in names):
        yield "there was no converge"
    if not tests:
        yield "the verifier ran no test"
    for name in platforms:
        if not name.startswith(f"mlflow-{scenario}-"):
            yield f"platform {name} must be called mlflow-{scenario}-...: clean-up goes by the name"
    for name in servers:
        if not any(name in test and outcome == "passed" for test, outcome, _why in tests):
            yield f"no test passed on {name}"
    if not servers:
        yield "no platform is in group mlflow_servers"


def main():
    scenario, junit, log, status = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), int(sys.argv[4])
    tests = cases(junit)
    done = actions(re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace")))
    faults = [] if status == 0 else [f"molecule test ended with status {status}"]
    faults += faults_of(scenario, done, tests)
    for name, outcome, why in tests:
        if outcome == "failed":
            print(f"FAILED TEST: {name}: {why}")
    for fault in faults:
        print(f"FAULT: {fault}")
    failed = sum(outcome == "failed" for _name, outcome, _why in tests)
    passed = sum(outcome == "passed" for _name, outcome, _why in tests)
    print(passed + (not faults), failed + bool(faults))


if __name__ == "__main__":
    main()
