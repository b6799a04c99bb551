#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the rows of a table are the same in two databases. Called by migrate_backend.py."""

from __future__ import annotations

import decimal
import hashlib
import json


def words(value):
    """The same text for the same value of either database."""
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True)
    return repr(float(value) if isinstance(value, decimal.Decimal) else value)


class Sum:
    """Count and checksum of rows in any order: databases sort texts differently."""

    def __init__(self):
        self.rows = self.total = 0

    def add(self, rows):
        for row in rows:
            self.rows += 1
            self.total += int.from_bytes(hashlib.sha256("\x1f".join(map(words, row)).encode("utf-8", "surrogatepass")).digest()[:16], "big")

    def tell(self):
        return {"rows": self.rows, "checksum": f"{self.total % 2**128:032x}"}
