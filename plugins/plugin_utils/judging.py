# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all judgements share."""

from __future__ import annotations

OK, WARN, FAIL = "ok", "warn", "fail"


class Unseen(Exception):
    """A look that brought nothing. Its arguments are the line: status, value, next."""


def looked(seen, name, status=FAIL, then=""):
    """What a look brought. Raises Unseen, with what to do then, where it brought an error."""
    look = seen["looks"].get(name) or {"value": None, "error": "not looked at"}
    if look["error"]:
        raise Unseen(status, " ".join(look["error"].split())[:200], then)
    return look["value"]


def journal(seen):
    return f"journalctl -u {seen['server']['unit']} -n 50 --no-pager"


def size(count):
    """Bytes for people to read."""
    number = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return ""
