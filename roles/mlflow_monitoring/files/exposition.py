#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/. Standard library only."""

from __future__ import annotations

import os


def quoted(value):
    return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


class Page:
    """Gauges of one server, in the order in which they were told. Each has the label `service`."""

    def __init__(self, service):
        self.service, self.metrics, self.more = service, {}, ""

    def tell(self, name, text, value, /, **labels):
        """One sample. What cannot be told (None) is left out."""
        if value is not None:
            shown = ",".join(f'{key}="{quoted(value)}"' for key, value in {"service": self.service, **labels}.items())
            self.metrics.setdefault((name, text), []).append(f"{name}{{{shown}}} {float(value):.15g}\n")

    def text(self):
        return "".join(f"# HELP {name} {text}\n# TYPE {name} gauge\n{''.join(samples)}" for (name, text), samples in self.metrics.items()) + self.more

    def write(self, file):
        """Replace the file by a rename: whoever reads it sees the old text or the new one. No name of a draft ends in .prom."""
        draft = file + ".new"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), "w", encoding="utf-8") as handle:
            handle.write(self.text())
        os.replace(draft, file)
