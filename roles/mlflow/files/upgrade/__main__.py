#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes of the image of a tracking server that loses no data. Standard library only; runs as root on the server's host.

    python3 PROGRAM start       carry out the plan on standard input, in a systemd unit that outlives the caller; print what it came to
    python3 PROGRAM commit      accept what an upgrade came to
    python3 PROGRAM loss        tell what going back would lose; changes nothing
    python3 PROGRAM rehearse    migrate a copy of the live database as the plan on standard input says
    python3 PROGRAM run|settle  what the unit does; settle ends what a killed run began

Every verb but run and settle prints one JSON object. Its `outcome` is nothing, upgraded, committed, undone, refused (nothing was changed), failed (all is as
it was before) or broken (the message says what to do).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import backward
import host
import rehearsal
import verbs
from host import Failure

# What happens in the unit, and what is answered at once.
ASYNC = {"upgrade": verbs.upgrade, "rollback": verbs.rollback, "undo": verbs.undo}
BROKEN = "The run ended without a result. 'journalctl -u {}' tells why; run site.yml again: it finishes or undoes what was begun."


def start():
    """Have the plan carried out by a unit of its own, and wait for it: neither a lost connection nor a killed playbook ends it."""
    plan = json.load(sys.stdin)
    unit = f"{plan['service']}-upgrade.service"
    while host.state(unit) in ("active", "activating", "deactivating"):
        time.sleep(0.5)
    verbs.JOURNAL.remove("result.json")
    verbs.JOURNAL.put("plan.json", {**plan, "program": str(verbs.PROGRAM)})
    words = [sys.executable, str(verbs.PROGRAM)]
    # Quiet, and with nothing of ours: the unit's own output is in the journal.
    subprocess.run(["systemd-run", "--quiet", "--collect", "--wait", "--unit", unit, "--property", "TimeoutStopSec=infinity", "--property",
                    f"ExecStopPost={' '.join(words)} settle", *words, "run"], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return verbs.JOURNAL.read("result.json") or {"outcome": "broken", "message": BROKEN.format(unit)}


def run():
    """Carry out the plan that `start` left."""
    with verbs.JOURNAL.locked():
        plan = verbs.JOURNAL.read("plan.json")
        verbs.JOURNAL.remove("plan.json")
        try:
            result = ASYNC[plan["verb"]](plan)
        except Failure as reason:
            result = {"outcome": "refused", "message": str(reason)}
        verbs.JOURNAL.put("result.json", result)


def settle():
    """After the unit's end, however it came: what was begun is not left half done."""
    with verbs.JOURNAL.locked():
        verbs.JOURNAL.remove("plan.json")
        backward.resume(verbs.JOURNAL)


def at_once(verb):
    with verbs.JOURNAL.locked():
        return verb()


def main(word):
    if word in ("run", "settle"):
        {"run": run, "settle": settle}[word]()
        return
    answers = {
        "start": start, "commit": lambda: at_once(verbs.commit), "loss": lambda: at_once(verbs.loss),
        "rehearse": lambda: {"outcome": "nothing", **rehearsal.rehearse({**json.load(sys.stdin), "program": str(verbs.PROGRAM)})},
    }
    try:
        result = answers[word]()
    except Failure as reason:
        result = {"outcome": "refused", "message": str(reason)}
    print(json.dumps(result))


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("start", "commit", "loss", "rehearse", "run", "settle"):
        sys.exit(__doc__)
    main(sys.argv[1])
