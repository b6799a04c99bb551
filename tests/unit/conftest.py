"""What all unit tests share: the files of the checkout, and the way to import the collection's plugins."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile

import pytest
import yaml
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_configure(config):
    """Make ansible_collections.mlops.mlflow this checkout, wherever it lies; under ansible-test it already is."""
    if AnsibleCollectionConfig.collection_finder is None:
        folder = tempfile.TemporaryDirectory(prefix="mlops-mlflow-unit-")
        config.add_cleanup(folder.cleanup)
        link = pathlib.Path(folder.name) / "ansible_collections/mlops/mlflow"
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        _AnsibleCollectionFinder(paths=[folder.name, *sys.path])._install()


class Loader(yaml.SafeLoader):
    """YAML as Ansible writes it: its own tags are plain values here."""


Loader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))


class Tree:
    """The checkout: its files as git would list them, and what they hold."""

    root = ROOT

    def __init__(self):
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout
        self.files = sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())
        self.roles = sorted(path.parent.name for path in ROOT.glob("roles/*/tasks"))
        self.scenarios = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))

    def matching(self, *patterns):
        """Return the names of the files that match one of the glob patterns."""
        return [name for name in self.files if any(pathlib.PurePath(name).match(pattern) for pattern in patterns)]

    @staticmethod
    def text(name):
        return (ROOT / name).read_text(encoding="utf-8")

    def yaml(self, name):
        return yaml.load(self.text(name), Loader=Loader)

    def options(self, role):
        """Return the options of the role's main entry point."""
        return self.yaml(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"].get("options") or {}

    def tasks(self, *patterns):
        """Yield (file, task) for every task and handler in the files that match, inside blocks too."""
        def walk(found):
            for task in found or []:
                yield task
                for part in ("block", "rescue", "always"):
                    yield from walk(task.get(part))

        for name in self.matching(*(patterns or ("roles/*/tasks/*.yml", "roles/*/handlers/*.yml"))):
            for task in walk(self.yaml(name)):
                yield name, task


@pytest.fixture(scope="session")
def tree():
    return Tree()
