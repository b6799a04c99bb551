"""Nothing of the machine that somebody worked on is in the tree: no path of it, no address of its package indexes."""

from __future__ import annotations

import configparser
import os
import pathlib
import re
import sys

# Folders in which a checkout may lie and that a role may name for good reasons.
COMMON = {"/", "/root", "/home", "/opt", "/srv", "/tmp", "/usr/local", "/usr/src", "/var/tmp", "/mnt", "/workspace"}
# Hosts that the collection names because they are its subject: Docker's own repository.
OURS = {"download.docker.com", "registry-1.docker.io"}


def index_hosts():
    """Return the hosts of the package indexes that this machine is set up to use."""
    texts = [value for key, value in os.environ.items() if key in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX")]
    for name in ("/etc/pip.conf", "/etc/xdg/pip/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf"):
        parser = configparser.RawConfigParser(strict=False)
        parser.read(pathlib.Path(name).expanduser())
        texts += [value for section in parser.sections() for value in dict(parser[section]).values()]
    for source in pathlib.Path("/etc/apt").glob("sources.list*"):
        texts += [path.read_text(encoding="utf-8") for path in ([source] if source.is_file() else source.glob("*"))]
    found = {match for text in texts for match in re.findall(r"https?://(?:[^/@\s]*@)?([\w.-]+)", text)}
    return {host for host in found if "." in host} - OURS


def test_no_path_of_this_machine(tree):
    paths = {f"{tree.root}/", f"{pathlib.Path.home()}/.cache/", f"{pathlib.Path.home()}/.pyenv/", f"{sys.prefix}/"}
    if str(tree.root.parent) not in COMMON:
        paths.add(f"{tree.root.parent}/")
    paths = {path for path in paths if path.rstrip("/") not in {*COMMON, "/usr"}}
    faults = [
        f"{name}: {path}"
        for name in tree.files if pathlib.PurePath(name).suffix not in (".png", ".gz")
        for path in paths if path in tree.text(name)
    ]
    assert not faults


def test_no_address_of_a_package_index(tree):
    hosts = index_hosts()
    faults = [
        f"{name}: {host}"
        for name in tree.files if pathlib.PurePath(name).suffix not in (".png", ".gz")
        for host in hosts if host in tree.text(name)
    ]
    assert not faults
