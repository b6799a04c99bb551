#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ends a tracking server that accepts connections and answers nothing, so that systemd starts it again. Standard library only; runs on the host.

    watchdog.py UNIT CONTAINER URL SECONDS

Asks URL every few seconds. Any HTTP answer is a sign of life, also a late one to an earlier question: a server that is merely busy answers
some of them. Without any for SECONDS, the container is killed and the reason is written to the journal of UNIT. Time in which this program
itself did not get to run says nothing about the server: a virtual machine that was paused, or a host that is choked, and the count begins anew.
Its own unit is bound to UNIT (BindsTo, After), so this program never runs while the server is stopped, starts, or is being stopped.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
import urllib.parse

STEP = 5
# Seconds by which a step may be late before the host counts as paused or choked.
LATE = 1


class Question:
    """One request on a connection of its own."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=STEP)
        self.socket.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())

    def fileno(self):
        return self.socket.fileno()

    def answered(self):
        """Whether what is there to read begins an answer. A proxy in front of a dead server just closes."""
        try:
            return self.socket.recv(5) == b"HTTP/"
        except OSError:
            return False


def alive(url, seconds):
    """Whether one of several questions is answered within seconds that this program saw pass; a new one is asked every STEP."""
    left, questions = seconds, []
    try:
        while left > 0:
            began, step = time.monotonic(), min(STEP, left)
            # Where nobody accepts, the next question may fare better.
            with contextlib.suppress(OSError):
                questions.append(Question(url))
            if answered(questions, began + step):
                return True
            left = seconds if time.monotonic() - began > step + LATE else left - step
        return False
    finally:
        for question in questions:
            question.socket.close()


def answered(questions, until):
    """Whether one of them is answered by then, looked at once at least. Those that were closed instead are taken off the list."""
    while True:
        ready = select.select(questions, [], [], max(0, until - time.monotonic()))[0]
        if any(question.answered() for question in ready):
            return True
        for question in ready:
            question.socket.close()
            questions.remove(question)
        if time.monotonic() >= until:
            return False


def serving_for(unit):
    """Seconds since the unit became active; 0 while it is anything else. See systemctl(1), `show`."""
    keys = "--property=ActiveState,ActiveEnterTimestampMonotonic"
    shown = subprocess.run(["systemctl", "show", keys, unit], capture_output=True, text=True, timeout=30, check=False).stdout
    about = dict(line.split("=", 1) for line in shown.splitlines())
    return time.monotonic() - int(about["ActiveEnterTimestampMonotonic"]) / 1e6 if about.get("ActiveState") == "active" else 0


def tell(unit, text):
    """Write to the journal of another unit, which root may (OBJECT_PID in systemd.journal-fields(7))."""
    print(text, flush=True)
    shown = ["systemctl", "show", "--property=MainPID", "--value", unit]
    pid = subprocess.run(shown, capture_output=True, text=True, timeout=30, check=False).stdout.strip()
    fields = {"MESSAGE": text, "PRIORITY": 3, "SYSLOG_IDENTIFIER": unit.partition(".")[0], "OBJECT_PID": pid}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.sendto("".join(f"{name}={value}\n" for name, value in fields.items()).encode(), "/run/systemd/journal/socket")


def watch(unit, container, url, seconds):
    while True:
        time.sleep(STEP)
        if alive(url, seconds) or serving_for(unit) < seconds:
            continue
        tell(unit, f"{unit} hung: {url} was not answered for {seconds} s. The container {container} is killed, and started again by systemd. "
                   f"Load of the host: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors.")
        subprocess.run(["docker", "kill", container], stdout=subprocess.DEVNULL, timeout=30, check=False)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    watch(*sys.argv[1:4], int(sys.argv[4]))
