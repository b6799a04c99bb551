# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looking at several things side by side, each for a limited time.

What hangs (a dead mount, a stopped server, an engine that does not answer) cannot be interrupted in a thread. So each look
is a process of its own, which is killed when its time is over. Sources: fork(2), setsid(2).
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import time


def _child(function, pipe):
    """Write the result of function to the pipe and end. Never returns."""
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        try:
            answer = {"value": function(), "error": ""}
        except Exception as error:  # whatever it is, it is what the look found
            answer = {"value": None, "error": _reason(error)}
        with os.fdopen(pipe, "w") as output:
            json.dump(answer, output)
    finally:
        os._exit(0)


def _reason(error):
    """What went wrong, without the number of the error."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def look(functions, seconds):
    """Call each function in a process of its own, all at once.

    functions: dictionary by name; each takes nothing and returns what JSON can hold.
    Returns a dictionary by name of {"value": what it returned or None, "error": str, "seconds": how long it took}.
    """
    began, waiting, found = time.monotonic(), {}, {}
    with selectors.DefaultSelector() as selector:
        for name, function in functions.items():
            reader, writer = os.pipe()
            pid = os.fork()
            if pid == 0:
                _child(function, writer)
            os.close(writer)
            waiting[name] = [pid, reader, b""]
            selector.register(reader, selectors.EVENT_READ, name)
        while waiting and time.monotonic() < began + seconds:
            for key, _events in selector.select(max(0, began + seconds - time.monotonic())):
                data = os.read(key.fd, 65536)
                waiting[key.data][2] += data
                if not data:
                    selector.unregister(key.fd)
                    found[key.data] = _end(*waiting.pop(key.data), time.monotonic() - began)
    for name, (pid, reader, _data) in waiting.items():
        os.killpg(pid, signal.SIGKILL)
        # Not waited for: what sleeps in the kernel dies when it wakes.
        os.close(reader)
        found[name] = {"value": None, "error": f"no answer within {seconds} s", "seconds": seconds}
    return found


def _end(pid, reader, data, seconds):
    os.close(reader)
    os.waitpid(pid, 0)
    try:
        return dict(json.loads(data), seconds=round(seconds, 3))
    except ValueError:
        return {"value": None, "error": "it ended without a result", "seconds": round(seconds, 3)}
