"""Upgrades that go wrong: the old server serves, nothing is lost, and the run says what happened. The tests build on each other, in order."""

from __future__ import annotations

import threading

import pytest
import upgrade_data
from conftest import answers, wait_for
from extent import FULL, full_only
from provisioning import host_of
from upgrades import JOURNAL, NEW, NEW_VERSION, OLD_VERSION, at_rest, schema_of, url_of, version_of

NAME = "mlflow-upgrade-debian12"
OLD_SCHEMA = "1b5f0d9ad7c1"
VERSIONS = "/opt/mlflow/lib/python3.12/site-packages/mlflow/store/db_migrations/versions"
# One more migration, that makes a table, changes rows and fails.
BROKEN_MIGRATION = """
revision = "ffffffffffff"
down_revision = "HEAD"
branch_labels = None
depends_on = None


def upgrade():
    from alembic import op

    op.execute("CREATE TABLE half_way (x INTEGER)")
    op.execute("DELETE FROM tags")
    raise RuntimeError("out of luck")
"""
IMAGES = """
set -e
cd $(mktemp -d)
docker run --rm -i --entrypoint python3 {new} - about < {journal}/program/inside.py > about
head=$(python3 -c 'import json; print(json.load(open("about"))["heads"][0])')
cat > broken.py
sed -i "s/HEAD/$head/" broken.py
printf 'FROM {new}\\nCOPY broken.py {versions}/broken.py\\n' > Dockerfile
docker build -q -t mlflow:broken-migration .
printf 'FROM {new}\\nUSER 0\\nRUN rm -rf /opt/mlflow/lib/python3.12/site-packages/uvicorn/*\\nUSER 50000\\n' > Dockerfile
docker build -q -t mlflow:broken-server .
"""


@pytest.fixture(scope="module")
def filled(site):
    """The old server with data, and images of the new version that fail in one way each."""
    assert version_of(NAME) == OLD_VERSION
    if not upgrade_data.there(url_of(NAME)):
        upgrade_data.fill(url_of(NAME))
    host = host_of(NAME)
    if host.run(f"docker image inspect {NEW['mlflow_image']}").rc:
        host.check_output(f"docker load -i {NEW['mlflow_image_archive']}")
    host.check_output(f"mkdir -p {JOURNAL}/program")
    return upgrade_data.read(url_of(NAME))


@pytest.fixture(scope="module")
def images(filled, site):
    host = host_of(NAME)
    refused = site.run(NAME, variables={**NEW, "mlflow_version": "3.16.1"})
    assert refused.status != 0 and "mlflow_version is 3.16.1" in refused.message(NAME) and NEW_VERSION in refused.message(NAME)
    script = IMAGES.format(new=NEW["mlflow_image"], journal=JOURNAL, versions=VERSIONS)
    host.check_output(f"cat > /srv/images.sh <<'EOS'\n{script}\nEOS")
    host.check_output(f"sh /srv/images.sh <<'EOS'\n{BROKEN_MIGRATION}\nEOS")


def serves_as_before(filled, writer=None):
    assert (version_of(NAME), schema_of(NAME)) == (OLD_VERSION, OLD_SCHEMA)
    if writer:
        assert writer.acknowledged and writer.lost() == []
    assert upgrade_data.read(url_of(NAME)) == filled
    at_rest(NAME)


FAILURES = [({"mlflow_image": "mlflow:broken-migration"}, "out of luck")]
if FULL:
    FAILURES += [
        ({"mlflow_image": "mlflow:broken-server"}, "did not start"),
        # The server is content and the role is not: nobody may call it by its public name.
        ({"mlflow_environment": {"MLFLOW_SERVER_ALLOWED_HOSTS": "nobody.example.com"}}, "403"),
    ]


# A scenario is green only where a test names each of its servers.
@pytest.mark.parametrize("name", [NAME])
@pytest.mark.parametrize(("change", "says"), FAILURES)
def test_what_fails_is_undone(site, filled, images, name, change, says):
    with upgrade_data.Writer(url_of(NAME)) as writer:
        outcome = site.run(name, variables=NEW | change)
        wait_for(lambda: answers(url_of(NAME) + "/health"), "the old server serves")
        since = len(writer.acknowledged)
        wait_for(lambda: len(writer.acknowledged) > since + 5, "writes go on")
    assert outcome.status != 0
    message = outcome.message(name)
    for part in (says, f"{OLD_VERSION} serves again", "The database is as it was before", JOURNAL):
        assert part in message, message
    # What the client wrote to the new server before the role found fault with it is kept aside.
    serves_as_before(filled, None if says == "403" else writer)


def fill_disk_of(host):
    """Take all room of the tree from the moment on in which an upgrade begins."""
    host.run("until [ -d /srv/small/.upgrade/work ]; do :; done; dd if=/dev/zero of=/srv/small/fill bs=64k")


SMALL = {"mlflow_service_name": "mlflow-small", "mlflow_root": "/srv/small", "mlflow_port": 5009, "mlflow_workers": 1}
REMOVE_SMALL = """
systemctl disable --now mlflow-small.service mlflow-small-maintenance.timer
rm -rf /etc/systemd/system/mlflow-small* /etc/mlflow-small /etc/ansible/facts.d/mlflow-small*
systemctl daemon-reload
umount /srv/small && rmdir /srv/small
"""


@full_only
def test_the_disk_is_full_at_the_backup(site, filled):
    """Room that goes on the way costs nothing but the upgrade."""
    host = host_of(NAME)
    host.check_output("mkdir -p /srv/small && mount -t tmpfs -o size=150m none /srv/small")
    try:
        begun = site.run(NAME, variables=SMALL)
        assert begun.status == 0, begun.output[-3000:]
        small = url_of(NAME).replace("5001", "5009")
        upgrade_data.fill(small)
        before = upgrade_data.read(small)
        filler = threading.Thread(target=fill_disk_of, args=(host,))
        filler.start()
        outcome = site.run(NAME, variables=NEW | SMALL)
        filler.join(60)
        assert outcome.status != 0 and f"{OLD_VERSION} serves again" in outcome.message(NAME), outcome.output[-3000:]
        assert "No space left" in outcome.message(NAME) or "full" in outcome.message(NAME)
        host.check_output("rm /srv/small/fill")
        assert upgrade_data.read(small) == before
        again = site.run(NAME, variables=NEW | SMALL)
        assert again.status == 0, again.output[-3000:]
        assert upgrade_data.read(small) == before
    finally:
        host.run(REMOVE_SMALL)
