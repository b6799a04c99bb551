"""Every input of a role is declared once, typed, described, and has the same default in both places."""

from __future__ import annotations

import re

# Where a variable of a role may be used beside the role's own files: the hands that site.yml and the samples lend it.
USES = ("roles/*/tasks/*.yml", "roles/*/handlers/*.yml", "roles/*/vars/*.yml", "roles/*/vars/*/*.yml",
        "roles/*/templates/*", "playbooks/*.yml")
TYPES = {
    "str": str, "path": str, "raw": object, "int": int, "float": float, "bool": bool, "list": list, "dict": dict,
}


def test_there_are_roles(tree):
    assert tree.roles


def test_defaults_have_the_same_keys_as_the_specification(tree):
    for role in tree.roles:
        defaults = tree.yaml(f"roles/{role}/defaults/main.yml")
        declared = {name for name, option in tree.options(role).items() if not option.get("required")}
        assert set(defaults) == declared, f"role {role}: only in one of the two: {sorted(set(defaults) ^ declared)}"


def test_defaults_have_the_same_values_as_the_specification(tree):
    faults = []
    for role in tree.roles:
        defaults = tree.yaml(f"roles/{role}/defaults/main.yml")
        for name, option in tree.options(role).items():
            # 1 == True in Python, but not to a person who reads the table.
            if "default" in option and repr(option["default"]) != repr(defaults.get(name)):
                faults.append(f"{name}: specified {option['default']!r}, default {defaults.get(name)!r}")
            if "default" not in option and not option.get("required") and name in defaults:
                faults.append(f"{name}: the specification names no default")
    assert not faults


def test_every_option_is_typed_and_described(tree):
    faults = []

    def check(where, options):
        for name, option in options.items():
            if option.get("type") not in TYPES:
                faults.append(f"{where}{name}: type {option.get('type')!r}")
            if option.get("type") == "list" and "elements" not in option:
                faults.append(f"{where}{name}: a list without elements")
            if "default" in option and not isinstance(option["default"], TYPES.get(option.get("type"), object)):
                faults.append(f"{where}{name}: the default is no {option.get('type')}")
            values = option["default"] if isinstance(option.get("default"), list) else [option.get("default")]
            if "choices" in option and "default" in option and not set(values) <= set(option["choices"]):
                faults.append(f"{where}{name}: the default is none of the choices")
            text = option.get("description") or ""
            text = " ".join(text) if isinstance(text, list) else text
            if len(text) < 10 or not re.search(r"[.)]$", text.strip()):
                faults.append(f"{where}{name}: the description is no sentence: {text!r}")
            check(f"{where}{name}.", option.get("options") or {})

    for role in tree.roles:
        check("", tree.options(role))
    assert not faults


def test_public_names_begin_with_the_role(tree):
    faults = [name for role in tree.roles for name in tree.options(role) if not name.startswith(f"{role}_")]
    assert not faults


def test_every_option_is_used(tree):
    """To check a value is not to use it."""
    checks = tree.matching("roles/*/vars/main/*_rules.yml")
    used = "\n".join(tree.text(name) for name in tree.matching(*USES) if name not in checks)
    faults = [name for role in tree.roles for name in tree.options(role) if not re.search(rf"\b{name}\b", used)]
    assert not faults


def test_no_misspelt_or_undeclared_variable(tree):
    """A public name in a Jinja expression or a condition is one that some role declares."""
    declared = {name for role in tree.roles for name in tree.options(role)}
    prefixes = "|".join(sorted(tree.roles, key=len, reverse=True))
    faults = []
    for name in tree.matching(*USES):
        expressions = " ".join(re.findall(r"\{\{.*?\}\}|\{%.*?%\}|^\s*(?:- )?(?:when|that|until|failed_when|changed_when): .*$",
                                          tree.text(name), re.DOTALL | re.MULTILINE))
        expressions = re.sub(r"'[^']*'|\"[^\"{]*\"", "", expressions)
        for word in set(re.findall(rf"(?<![\w.])(?:{prefixes})_[a-z0-9_]+\b", expressions)) - declared:
            faults.append(f"{name}: {word}")
    assert not faults
