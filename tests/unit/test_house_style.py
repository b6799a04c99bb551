"""The rules of CONTRIBUTING.md that no linter knows."""

from __future__ import annotations

import pathlib
import re

LINES, MAIN_LINES = 150, 60
# Generated, or a text that is not ours to cut.
LONG = ("LICENSE", "CHANGELOG.rst", "changelogs/changelog.yaml", "roles/*/files/locks/*", "roles/*/files/locks/*/*", "docs/roles/*.md", "*.md",
        "roles/*/defaults/main.yml", "roles/*/meta/argument_specs.yml")
# Tasks that change something and, together, leave nothing changed.
UNDONE = {
    "smoke_test | Log, read back and remove through the public address": "it removes what it logs",
    "smoke_test | Remove for good what the client could only mark as deleted": "it removes what the task before logged",
    "plan | Ask the registry which versions are meant": "it reads",
    "rehearse | Migrate a copy of the database": "it removes the copy",
    "rollback | Count what would be lost": "it reads",
    "service-change | Try the database": "it reads",
    "validate | Look at the bucket": "it runs in check mode alone",
}
CODE = ("roles/*/tasks/*.yml", "roles/*/handlers/*.yml", "roles/*/vars/*.yml", "roles/*/vars/*/*.yml", "roles/*/templates/*", "playbooks/*.yml")
# Beginnings of commands that read and change nothing.
READS = (
    "journalctl", "docker info", "docker ps", "docker version", "docker inspect", "docker image inspect", "docker container inspect", "docker image ls",
    "dockerd --validate", "systemctl show", "systemctl is-active", "systemctl cat", "findmnt", "stat ", "tail ", "nft list", "nft --check",
)


def test_files_are_short(tree):
    kept = set(tree.matching(*LONG))
    faults = []
    for name in tree.files:
        if name in kept or pathlib.PurePath(name).suffix in (".png", ".svg", ".gz"):
            continue
        limit = MAIN_LINES if re.fullmatch(r"roles/\w+/tasks/main\.yml", name) else LINES
        text = tree.text(name)
        if name.startswith("plugins/modules/"):
            # A module carries its manual page, which is no code.
            text = re.sub(r'^(DOCUMENTATION|EXAMPLES|RETURN) = r""".*?"""$', "", text, flags=re.S | re.M)
        count = len(text.splitlines())
        if count > limit:
            faults.append(f"{name}: {count} lines, at most {limit}")
    assert not faults


def test_task_names_begin_with_their_file_and_a_verb(tree):
    """`image | Build the server image`. Handlers are called by name, and main.yml is a table of contents: no prefix there."""
    faults = []
    for name, task in tree.tasks("roles/*/tasks/*.yml"):
        file = pathlib.PurePath(name).stem
        if file == "main" and task.get("name"):
            continue
        match = re.fullmatch(rf"{re.escape(file)} \| ([A-Z]\w+),?( .+)?", task.get("name") or "")
        # Not a verb in the imperative, as far as spelling can tell.
        if not match or re.search(r"((?<!^Br)ing|[^e]ed)$", match[1]) or match[1] in ("The", "A", "Is", "Are"):
            faults.append(f"{name}: {task.get('name')!r}")
    assert not faults


def test_nothing_hides_an_error(tree):
    everywhere = ("roles/*/tasks/*.yml", "roles/*/handlers/*.yml", "playbooks/*.yml", "molecule/*/*.yml")
    faults = [name for name in tree.matching(*everywhere) if re.search(r"^\s*ignore_errors:", tree.text(name), re.MULTILINE)]
    assert not faults


def test_a_command_that_changes_says_so(tree):
    faults = []
    for name, task in tree.tasks("roles/*/tasks/*.yml", "roles/*/handlers/*.yml"):
        if task.get("changed_when") is not False or task.get("name") in UNDONE:
            continue
        command = task.get("ansible.builtin.command")
        words = " ".join(str(word) for word in command["argv"]) if isinstance(command, dict) and "argv" in command else str(command)
        # The client may be given by a path that the probe found.
        words = re.sub(r"^\{\{[^}]*cli[^}]*\}\}", "docker", words)
        method = (task.get("ansible.builtin.uri") or {}).get("method", "GET") if "ansible.builtin.uri" in task else None
        if not words.startswith(READS) and method != "GET":
            faults.append(f"{name}: {task.get('name')!r} says that it never changes anything: {words}")
    assert not faults


def test_nothing_waits_by_the_clock(tree):
    """Waiting is for an event: until/retries, wait_for, a poll in a loop; never a bare sleep."""
    faults = [
        f"{name}: {line.strip()}"
        for name in tree.matching(*CODE)
        for line in tree.text(name).splitlines()
        if re.search(r"\bsleep[ (]\d|ansible\.builtin\.pause:", line.split("#")[0]) and not re.search(r"\b(while|until)\b", line)
    ]
    assert not faults


def test_no_task_leaves_a_file_for_another_in_a_folder_of_its_own_process(tree):
    """Since ansible-core 2.19 each task has a temporary folder of its own on the controller; older ones share it, so that scenarios with them find nothing."""
    assert [name for name in tree.matching(*CODE) if "DEFAULT_LOCAL_TMP" in tree.text(name)] == []


def test_facts_are_read_from_ansible_facts(tree):
    """Injection is off: `ansible_os_family` is no variable."""
    allowed = r"ansible_(facts|host|check_mode|diff_mode|play_\w+|run_tags|limit|version|failed_\w+|managed|connection|user|port|become\w*)"
    faults = []
    for name in tree.matching(*CODE):
        for word in re.findall(r"(?<![\w.])ansible_[a-z_0-9]+\b(?!\.)", tree.text(name)):
            if not re.fullmatch(allowed, word):
                faults.append(f"{name}: {word}")
    assert not faults


def test_a_skipped_rule_has_its_reason(tree):
    faults = []
    for name in tree.matching("*.yml", "*.py", "bin/*", "tests/checks/*"):
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            skip = re.search(r"#\s*(noqa|shellcheck disable=|pylint: disable)(?P<rest>.*)$", line)
            if skip and not re.search(r"( #| - |because|: [a-z-]+\[?[a-z-]*\]? .{10,}| .{12,})", skip["rest"]) and '"' not in line:
                faults.append(f"{name}:{number}: {line.strip()}")
    assert not faults


def test_markdown_links_lead_somewhere(tree):
    faults = []
    for name in tree.matching("*.md"):
        here = (tree.root / name).parent
        for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", tree.text(name), flags=re.DOTALL)):
            target = link.split("#")[0]
            if target and not re.match(r"[a-z]+:", target) and not (here / target).exists():
                faults.append(f"{name}: {link}")
    assert not faults
