"""For the suites of upgrades: the two images, the playbooks, and what is on a host after one."""

from __future__ import annotations

import json
import os
import pathlib

import requests
from provisioning import Site, address_of, host_of

OLD_VERSION, NEW_VERSION = "3.10.1", "3.17.2"
OLD = {
    "mlflow_version": OLD_VERSION, "mlflow_image": os.environ.get("MLFLOW_TEST_OLD_IMAGE", ""),
    "mlflow_image_archive": "/srv/old-image/" + pathlib.Path(os.environ.get("MLFLOW_TEST_OLD_ARCHIVE", "")).name,
}
NEW = {
    "mlflow_version": NEW_VERSION, "mlflow_image": os.environ.get("MLFLOW_TEST_SERVER_IMAGE", ""),
    "mlflow_image_archive": "/srv/server-image/" + pathlib.Path(os.environ.get("MLFLOW_TEST_SERVER_ARCHIVE", "")).name,
}
JOURNAL = "/etc/mlflow/upgrade"


class Playbook(Site):
    """One playbook of the collection, run on the scenario's inventory as an operator does."""

    def __init__(self, site, name):
        super().__init__(site.inventory, site.folder)
        self.name = name

    def command(self, limit, **options):
        return super().command(limit, playbook=f"{self.name}.yml", **options)


def url_of(name):
    return f"http://{address_of(name)}:5001"


def version_of(name):
    return requests.get(url_of(name) + "/version", timeout=10).text.strip('"\n ')


def container_of(name):
    return host_of(name).check_output("docker container inspect --format '{{.Id}} {{.Config.Image}}' mlflow")


def fact_of(name, fact="mlflow"):
    return json.loads(host_of(name).file(f"/etc/ansible/facts.d/{fact}.fact").content_string)


def schema_of(name, file="/mlflow/mlflow.db"):
    """The revision in a database that is whole."""
    code = f"import sqlite3; c = sqlite3.connect('file:{file}?mode=ro', uri=True); assert c.execute('pragma integrity_check').fetchone()[0] == 'ok'; "
    return host_of(name).check_output(f'python3 -c "{code} print(c.execute(\'select version_num from alembic_version\').fetchone()[0])"')


def at_rest(name):
    """Nothing of an upgrade is under way or was left: no journal, no secrets of a plan, no copies, no containers but the server's."""
    host = host_of(name)
    assert host.run(f"ls {JOURNAL}/pending.json {JOURNAL}/plan.json /mlflow/.upgrade/work /mlflow/.upgrade/rehearsal").stdout == ""
    assert host.check_output("docker container ls --format '{{.Names}}'") == "mlflow"
    assert host.run("find /mlflow -maxdepth 1 -name 'mlflow.db*' ! -user 50000").stdout == ""


def go_back(site, name):
    """Take the host back to the old version by the playbook, if it is not there already."""
    if version_of(name) != OLD_VERSION:
        outcome = Playbook(site, "rollback").run(name, variables={"mlflow_rollback_confirm": name})
        assert outcome.status == 0, outcome.output[-3000:]
    assert version_of(name) == OLD_VERSION
