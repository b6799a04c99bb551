"""The two hosts of scenario replicas, and their groups in another order, as an operator writes them down who makes the second the first."""

from __future__ import annotations

import json
import pathlib

from conftest import wait_for
from provisioning import Site, host_of

FIRST, SECOND = "mlflow-replicas-first", "mlflow-replicas-second"


def psql(name, statement, database="mlflow"):
    return host_of(name).check_output("cd / && runuser -u postgres -- psql -XAtq -d %s -c %s", database, statement)


def follows(name):
    """Whether the host is a standby that is being sent what its primary writes."""
    statement = "SELECT pg_is_in_recovery(), count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'"
    return psql(name, statement) == "t|1"


def slots(name):
    return psql(name, "SELECT active, wal_status FROM pg_replication_slots").splitlines()


def wait_until_it_follows(name):
    wait_for(lambda: host_of(name).run("cd / && runuser -u postgres -- psql -XAtqd mlflow -c 'SELECT 1'").rc == 0 and follows(name), f"{name} follows")


def turned(site, *groups):
    """The same site with the second host as the first of these groups."""
    folder = pathlib.Path(site.folder, "turned-" + "-".join(groups))
    if not folder.exists():
        folder.mkdir()
        for entry in pathlib.Path(site.inventory).iterdir():
            (folder / entry.name).symlink_to(entry.resolve())
        order = {group: {"hosts": {SECOND: {}, FIRST: {}}} for group in groups}
        (folder / "00-order.json").write_text(json.dumps(order), encoding="utf-8")
    return Site(str(folder), site.folder)
