"""Two servers for all tests, one that asks for a password and one that has workspaces, and the way to run tasks against them."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pathlib
import subprocess
import sys

import pytest
import tracking
from ansible.module_utils import basic
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
from callback_runs import log_in, logged, watched  # noqa: F401 # pylint: disable=unused-import # fixtures

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:  # which ansible-core 2.18 has not
    @contextlib.contextmanager
    def patch_module_args(given):
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode()
        try:
            yield
        finally:
            basic._ANSIBLE_ARGS = None

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_configure():
    """Make the modules importable, from where ansible-playbook takes them as well."""
    _AnsibleCollectionFinder(paths=[*os.environ["ANSIBLE_COLLECTIONS_PATH"].split(":"), *sys.path])._install()


def connection_of(server):
    return {"tracking_uri": server.uri, **(dict(zip(("username", "password"), server.login)) if server.login else {})}


@pytest.fixture(scope="session")
def started(tmp_path_factory):
    """Both servers, started side by side."""
    both = {}
    try:
        both["asking"] = tracking.Tracking(tmp_path_factory.mktemp("asking"), "--app-name", "basic-auth", login=(tracking.ADMIN, tracking.PASSWORD))
        both["open"] = tracking.Tracking(tmp_path_factory.mktemp("open"), "--enable-workspaces")
        for server in both.values():
            server.wait()
        yield both
    finally:
        for server in both.values():
            server.stop()


@pytest.fixture(scope="session")
def asking(started):
    return started["asking"]


@pytest.fixture(scope="session")
def open_server(started):
    return started["open"]


class Played:
    """A run of ansible-playbook: its exit status, its output, and the results of its tasks in their order."""

    def __init__(self, done):
        self.status, self.stdout, self.stderr, self.output = done.returncode, done.stdout, done.stderr, done.stdout + done.stderr
        self.results = []
        if done.stdout.lstrip().startswith("{"):
            self.results = [task["hosts"]["localhost"] for play in json.loads(done.stdout)["plays"] for task in play["tasks"]]

    @property
    def changed(self):
        assert not any(result.get("failed") for result in self.results), self.output
        return [bool(result.get("changed")) for result in self.results]


@pytest.fixture
def call():
    """Run one module in this very process, which takes no second, and return what it returned."""
    def run(name, server, check=False, /, **options):
        module = importlib.import_module(f"ansible_collections.mlops.mlflow.plugins.modules.{name}")
        written = io.StringIO()
        given = {**connection_of(server), **options, "_ansible_check_mode": check}
        with patch_module_args(given), contextlib.redirect_stdout(written), pytest.raises(SystemExit):
            module.main()
        return json.loads(written.getvalue())

    return run


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory):
    """Where all runs of ansible-playbook keep their byte code, so that it is made once; nothing is written to the tools."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def play(tmp_path, bytecode):
    """Run tasks, each (module, options) or a dictionary, in one playbook on this machine. hosts: names for it, with commas between them."""
    def run(tasks, *words, server=None, connection=None, environment=None, callback="ansible.posix.json", hosts="localhost"):
        if server:
            connection = connection_of(server)
        listed = [task if isinstance(task, dict) else {f"mlops.mlflow.{task[0]}": task[1], "ignore_errors": True} for task in tasks]
        defaults = {"group/mlops.mlflow.mlflow": connection} if connection else {}
        book = tmp_path / "play.yml"
        book.write_text(json.dumps([{"hosts": hosts, "gather_facts": False, "module_defaults": defaults, "tasks": listed}]), encoding="utf-8")
        kept = {name: value for name, value in tracking.clean_environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
        variables = {
            **kept, "PYTHONPYCACHEPREFIX": str(bytecode), **(environment or {}), "ANSIBLE_STDOUT_CALLBACK": callback, "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "ANSIBLE_DEPRECATION_WARNINGS": "false",
        }
        command = ["ansible-playbook", "-i", f"{hosts},", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}", *words, book]
        return Played(subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=600))

    return run
