# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters: the names under which clients reach a host, and the likeliest meaning of a misspelt variable."""

from __future__ import annotations

import difflib
import glob
import os

import yaml
from ansible.errors import AnsibleFilterError

# Each host of each run reads the specs: libyaml takes a tenth of the time that Python takes (PyYAML, "LibYAML bindings").
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def server_names(facts, names=()):
    """Names of a host, as they appear in a Host header (RFC 9110, 7.2).

    facts: dictionary of Ansible facts (subset min). names: more names or addresses, empty ones are passed over.
    Returns a list of strings without doubles, lower case, IPv6 addresses in brackets. Raises AnsibleFilterError when facts is not a dictionary.
    """
    if not isinstance(facts, dict):
        raise AnsibleFilterError(f"server_names wants a dictionary of facts, got {type(facts).__name__}")
    found = [facts.get(key) for key in ("hostname", "nodename", "fqdn")] + [*names, "localhost", "127.0.0.1", "::1"]
    clean = [str(name).strip().lower() for name in found if name]
    return list(dict.fromkeys(f"[{name}]" if ":" in name and not name.startswith("[") else name for name in clean))


def with_ports(names, ports):
    """Each name alone and with each port, as "name:port". names: list of strings, ports: list of integers."""
    return [entry for name in names for entry in [name] + [f"{name}:{port}" for port in ports]]


def misspelt(given, known):
    """Names that are not known, each with the likeliest meaning: a list of {"name": str, "meant": str or ""}."""
    strangers = sorted(set(given) - set(known))
    return [{"name": name, "meant": _likeliest(name, known)} for name in strangers]


def _likeliest(name, known):
    """The nearest known name; of several, the one of the same letters, which two swapped keys make."""
    close = difflib.get_close_matches(name, known, n=5)
    return next((match for match in close if sorted(match) == sorted(name)), close[0] if close else "")


def role_options(roles):
    """Names of every variable of every role below a folder, read from their meta/argument_specs.yml.

    roles: path of the folder. Returns a sorted list of strings. Raises AnsibleFilterError when no role is found there.
    """
    specs = glob.glob(os.path.join(roles, "*", "meta", "argument_specs.yml"))
    if not specs:
        raise AnsibleFilterError(f"no role with an argument spec lies in {roles}")
    found = set()
    for name in specs:
        with open(name, encoding="utf-8") as handle:
            for entry_point in yaml.load(handle, Loader=LOADER)["argument_specs"].values():
                found.update(entry_point.get("options", {}))
    return sorted(found)


class FilterModule:
    def filters(self):
        return {"server_names": server_names, "with_ports": with_ports, "misspelt": misspelt, "role_options": role_options}
