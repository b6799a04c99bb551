"""Faults of a host are told before anything on it has changed: one message each, with variable, value and fix.

Every case is an alias of a host in one inventory, so that one run of site.yml meets them all, and none may change anything.
"""

from __future__ import annotations

import pytest
from extent import each_in_turn
from provisioning import BUILD, difference, host_of, snapshot

SERVERS = ["mlflow-faults-debian12", "mlflow-faults-debian13"]
BARE, SYSV = "mlflow-faults-bare", "mlflow-faults-sysv"

# What is wrong with the hosts while the run goes on: ports that are taken, an index that refuses, folders that are of no use.
BREAK = r"""
set -e
cat > /srv/faults-index.py <<'PYTHON'
from http.server import BaseHTTPRequestHandler, HTTPServer
class Refusing(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_error(401)
    do_GET = do_HEAD
HTTPServer(("127.0.0.1", 5057), Refusing).serve_forever()
PYTHON
systemd-run --quiet --unit faults-index python3 /srv/faults-index.py
systemd-run --quiet --unit faults-port python3 -m http.server 5055
docker run --detach --rm --name faults-other --publish 5056:5000 --entrypoint sleep "$(docker container inspect --format '{{.Config.Image}}' mlflow)" 3600
mkdir /srv/read-only /srv/full /srv/inodes /srv/folder
mount -t tmpfs -o ro none /srv/read-only
mount -t tmpfs -o size=50m none /srv/full
mount -t tmpfs -o nr_inodes=1 none /srv/inodes
echo 'no certificate' > /srv/file
ln -s /srv/gone /srv/link
mkdir -p /srv/half && echo > /srv/half/artifacts
until python3 -c 'import socket; [socket.create_connection(("127.0.0.1", port)).close() for port in (5055, 5056, 5057)]' 2>/dev/null; do :; done
"""
MEND = r"""
umount /srv/read-only /srv/full /srv/inodes
rm -rf /srv/read-only /srv/full /srv/inodes /srv/folder /srv/file /srv/link /srv/half /srv/faults-index.py
docker rm --force faults-other
systemctl stop faults-index faults-port
systemctl reset-failed 'faults-*'
"""
# Another system's name, and no room for the Engine. Both are known before there is an Engine.
BREAK_BARE = r"""
set -e
printf '%s\n' ID=debian 'NAME="Debian GNU/Linux"' 'PRETTY_NAME="Debian GNU/Linux 10 (buster)"' \
    'VERSION_ID="10"' 'VERSION="10 (buster)"' VERSION_CODENAME=buster > /run/os-release
echo 10.13 > /run/debian_version
mount --bind /run/os-release "$(readlink -f /etc/os-release)"
mount --bind /run/debian_version /etc/debian_version
mount -t tmpfs -o size=200m none /var/lib/docker
"""
MEND_BARE = 'umount /var/lib/docker /etc/debian_version "$(readlink -f /etc/os-release)"'

# On each server: variables, and what the message must hold.
ON_SERVERS = {
    "port-of-a-process": ({"mlflow_port": 5055}, ["mlflow_port is 5055", "taken by python3", "choose another port"]),
    "port-of-a-container": ({"mlflow_port": 5056}, ["mlflow_port is 5056", "taken by container faults-other", "choose another port"]),
    "extra-port": ({"mlflow_extra_published_addresses": ["127.0.0.1:5055"]},
                   ["mlflow_extra_published_addresses", "port 5055", "taken by python3", "choose another port"]),
    "address-of-another-host": ({"mlflow_bind_address": "192.0.2.7"}, ["mlflow_bind_address is '192.0.2.7'", "no address of", "Give one of these, or '*'"]),
    "extra-address": ({"mlflow_bind_address": "127.0.0.1", "mlflow_extra_published_addresses": ["192.0.2.7:5099"]},
                      ["mlflow_extra_published_addresses has '192.0.2.7'", "no address of", "Give one of these, or '*'"]),
    "calendar": ({"mlflow_maintenance_calendar": "hourlyy"}, ["mlflow_maintenance_calendar is 'hourlyy'", "cannot read", "such as 'daily'"]),
    "index-refused": (BUILD | {"mlflow_package_index_url": "http://127.0.0.1:9/simple"},
                      ["mlflow_package_index_url is 'http://127.0.0.1:9/simple'", "refused", "Correct the URL"]),
    "index-without-address": (
        BUILD | {"mlflow_package_index_url": "https://index.invalid/simple"},
        ["mlflow_package_index_url is 'https://index.invalid/simple'", "known", "Correct the URL"],
    ),
    "index-401": (
        BUILD | {"mlflow_package_index_url": "http://me:hush@127.0.0.1:5057/simple"},
        ["mlflow_package_index_url is 'http://127.0.0.1:5057/simple'", "401", "its credentials"],
    ),
    "ca-missing": ({"mlflow_ca_bundle": "/srv/ca.pem"}, ["mlflow_ca_bundle is '/srv/ca.pem'", "no such file", "Give a PEM file"]),
    "ca-no-pem": ({"mlflow_ca_bundle": "/srv/file"}, ["mlflow_ca_bundle is '/srv/file'", "no PEM certificate", "Give a PEM file"]),
    "ca-unreadable": ({"mlflow_ca_bundle": "/srv/folder"}, ["mlflow_ca_bundle is '/srv/folder'", "is a directory", "Give a PEM file"]),
    "root-read-only": ({"mlflow_root": "/srv/read-only"}, ["mlflow_root is '/srv/read-only'", "mounted read-only", "remount,rw /srv/read-only"]),
    "root-in-read-only": ({"mlflow_root": "/srv/read-only/ml"}, ["mlflow_root is '/srv/read-only/ml'", "mounted read-only", "remount,rw /srv/read-only"]),
    "root-full": ({"mlflow_root": "/srv/full"}, ["mlflow_root is '/srv/full'", "is full", "50.00 MB left", "Free some room"]),
    "root-without-inodes": ({"mlflow_root": "/srv/inodes"}, ["mlflow_root is '/srv/inodes'", "no inodes left", "Remove some files"]),
    "root-a-file": ({"mlflow_root": "/srv/file"}, ["mlflow_root is '/srv/file'", "/srv/file, which is no folder", "Move it away"]),
    "root-in-a-file": ({"mlflow_root": "/srv/file/ml"}, ["mlflow_root is '/srv/file/ml'", "is no folder", "Move it away"]),
    "root-a-dead-link": ({"mlflow_root": "/srv/link"}, ["mlflow_root is '/srv/link'", "/srv/link, which is no folder", "Move it away"]),
    "artifacts-a-file": ({"mlflow_root": "/srv/half"}, ["mlflow_root is '/srv/half'", "/srv/half/artifacts, which is no folder", "Move it away"]),
    "name-of-another-unit": ({"mlflow_service_name": "systemd-journald", "mlflow_port": 5099}, ["mlflow_service_name is 'systemd-journald'", "Choose another"]),
    "archive-missing": ({"mlflow_image": "mlflow:0", "mlflow_image_archive": "/srv/no.tar"},
                        ["mlflow_image_archive is '/srv/no.tar'", "does not have", "Correct the path"]),
}
ON_OTHERS = {
    "no-room-to-build": (BARE, BUILD, ["No disk space", "/var/lib/docker", "200.00 MB left", "docker_data_root"]),
    "old-system": (BARE, {}, ["Debian 10.13", "Debian 12", "docker_packages"]),
    "no-engine": (BARE, {"mlflow_manage_docker": False}, ["mlflow_manage_docker is false", "no Docker Engine", "set mlflow_manage_docker to true"]),
    "no-systemd": (SYSV, {}, ["does not run systemd as PID 1", "Use a host with systemd"]),
}
CASES = {f"{case}@{name}": (name, *ON_SERVERS[case]) for case, name in each_in_turn(ON_SERVERS, SERVERS)}
CASES |= {f"{case}@{about[0]}": about for case, about in ON_OTHERS.items()}


@pytest.fixture(scope="module")
def met(site):
    """One run of site.yml that meets every fault, and what it left different on each host."""
    names = [*SERVERS, BARE, SYSV]
    broken = []
    try:
        for name, script, mending in [(name, BREAK, MEND) for name in SERVERS] + [(BARE, BREAK_BARE, MEND_BARE)]:
            broken.append((name, mending))
            host_of(name).check_output(script)
        before = {name: snapshot(name) for name in names}
        hosts = {
            case: variables | {"ansible_connection": "community.docker.docker", "ansible_host": name, "ansible_python_interpreter": "/usr/bin/python3"}
            for case, (name, variables, _says) in CASES.items()
        }
        outcome = site.run(",".join(CASES), hosts=hosts)
        after = {name: snapshot(name) for name in names}
    finally:
        for name, mending in broken:
            host_of(name).run(mending)
    return outcome, {name: difference(before[name], after[name]) for name in names}


@pytest.mark.parametrize("case", CASES)
def test_message(met, case):
    outcome, _differences = met
    _name, _variables, says = CASES[case]
    assert case in outcome.failed, f"the run did not stop; the end of its output:\n{outcome.output[-3000:]}"
    told = outcome.message(case)
    assert [part for part in says if part not in told] == [], told
    assert len(outcome.failed[case][-1][1]["msg"].strip().splitlines()) == 1, f"more than one message: {told}"


@pytest.mark.parametrize("name", [*SERVERS, BARE, SYSV])
def test_nothing_has_changed(met, name):
    outcome, differences = met
    assert differences[name][:20] == []
    assert not [case for case in outcome.changed if CASES[case][0] == name]


def test_no_secret_is_told(met):
    assert "hush" not in met[0].output
