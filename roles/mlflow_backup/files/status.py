#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is told to others: one run at a time, a status file that is also an Ansible fact, and metrics. Standard library only."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import time

from settings import Refused, write_whole

VERBS = ("backup", "check", "rehearse", "restore")
# Of the status by verb: the metric's name and the key it comes from.
GAUGES = (
    ("last_success_timestamp_seconds", "last_success_epoch", "When it last succeeded."),
    ("last_failure_timestamp_seconds", "last_failure_epoch", "When it last failed."),
    ("failed", "failing", "1 while the newest run is a failed one."),
    ("duration_seconds", "seconds", "How long the last success took."),
    ("added_bytes", "bytes_added", "What the last backup added to the repository."),
    ("data_bytes", "bytes_total", "Size of what was backed up."),
)


@contextlib.contextmanager
def only_one(settings, verb):
    """Hold the lock of this server's backups. Refused when another run keeps it longer than lock_wait_seconds."""
    os.makedirs(settings.state, exist_ok=True)
    with open(settings.lock_file, "a+", encoding="utf-8") as handle:
        deadline = time.monotonic() + settings.lock_wait_seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    handle.seek(0)
                    raise Refused(f"Another run goes on ({handle.read().strip()}), and did not end within {settings.lock_wait_seconds} s "
                                  "(mlflow_backup_lock_wait). Nothing was done.") from None
                time.sleep(0.2)
        handle.truncate(0)
        handle.write(f"{verb}, process {os.getpid()}, since {stamp(time.time())}\n")
        handle.flush()
        yield


def stamp(epoch):
    return datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Status:
    """The status file. By verb: failing, last_success, last_failure (UTC, and as seconds since 1970), message, and what the last success told."""

    def __init__(self, settings):
        self.settings = settings
        self.values = {"service": settings.service, "host": settings.host, "repository": "", "repository_id": ""}
        with contextlib.suppress(FileNotFoundError, ValueError), open(settings.status_file, encoding="utf-8") as handle:
            self.values.update(json.load(handle))

    def of(self, verb):
        return self.values.setdefault(verb, {"failing": False})

    def succeed(self, verb, started, told):
        now = time.time()
        self.of(verb).update(told, failing=False, last_success=stamp(now), last_success_epoch=int(now), seconds=round(now - started, 1), message="")
        self.write()

    def fail(self, verb, message):
        now = time.time()
        self.of(verb).update(failing=True, last_failure=stamp(now), last_failure_epoch=int(now), message=message)
        self.write()

    def write(self):
        write_whole(self.settings.status_file, json.dumps(self.values, indent=1, sort_keys=True) + "\n")
        os.makedirs(os.path.dirname(self.settings.metrics_file), exist_ok=True)
        write_whole(self.settings.metrics_file, "".join(self.metrics()))

    def metrics(self):
        """The status in Prometheus' text format, for the textfile collector of the node exporter."""
        for name, key, text in GAUGES:
            yield f"# HELP mlflow_backup_{name} {text}\n# TYPE mlflow_backup_{name} gauge\n"
            for verb in VERBS:
                value = self.values.get(verb, {}).get(key)
                if value is not None:
                    yield f'mlflow_backup_{name}{{service="{self.settings.service}",operation="{verb}"}} {float(value):.15g}\n'
