"""Reading a host: what its container engine says, from the answers that engines gave."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.mlflow.plugins.module_utils import engine as engines

CONTAINER = [{
    "State": {"Status": "running", "StartedAt": "2026-11-23T12:00:00.123456789Z"},
    "Config": {"Image": "mlflow:3.17.2-0123456789ab"},
    "HostConfig": {"PortBindings": {"5000/tcp": [{"HostIp": "", "HostPort": "5001"}, {"HostIp": "127.0.0.1", "HostPort": "8080"}]}},
}]


def test_a_host_without_an_engine(monkeypatch, module):
    monkeypatch.setattr(engines.os.path, "exists", lambda name: name == "/")
    found = engines.engine(module({}))
    assert (found["present"], found["active"], found["cli"], found["buildkit"]) == (False, False, "", False)


@pytest.mark.parametrize(
    ("version", "client", "plugins", "buildkit"),
    [("18.06.1", None, [], False), ("20.10.24", None, [], True), ("20.10.24", "28.2.2", [], False), ("26.1.5", "26.1.5", [], False),
     ("26.1.5", "26.1.5", ["buildx"], True)],
)
def test_buildkit_is_in_the_client_or_in_its_plugin(version, client, plugins, buildkit, module):
    about = {"Plugins": [{"Name": name} for name in plugins]} | ({"Version": client} if client else {})
    answer = {"ServerVersion": version, "DockerRootDir": "/", "ClientInfo": about}
    found = engines.engine(module({"docker info": answer, "dockerd": ""}))
    assert found["active"]
    assert found["server_version"] == version
    assert found["buildkit"] is buildkit


@pytest.mark.parametrize(
    ("options", "root", "mapped", "data_root"),
    [(["name=seccomp,profile=builtin"], "/srv/engine", False, "/srv/engine"), (None, "/srv/1.2", False, "/srv/1.2"),
     (["name=seccomp,profile=builtin", "name=userns"], "/srv/engine/100000.100000", True, "/srv/engine")],
)
def test_a_map_of_users_has_a_folder_of_its_own(options, root, mapped, data_root, module):
    answer = {"ServerVersion": "26.1.5", "DockerRootDir": root, "SecurityOptions": options}
    found = engines.engine(module({"docker info": answer, "dockerd": ""}))
    assert (found["root"], found["maps_users"], found["data_root"]) == (root, mapped, data_root)


def test_an_engine_whose_daemon_does_not_answer(module):
    found = engines.engine(module({"docker nothing": "", "dockerd": ""}))
    assert found["present"]
    assert not found["active"]


def test_the_service_container(module):
    found = engines.container(module({"docker container inspect mlflow": CONTAINER}), {"cli": "/usr/bin/docker", "active": True}, "mlflow")
    assert found["container"] == "running"
    assert found["image"] == "mlflow:3.17.2-0123456789ab"
    assert found["ports"] == [5001, 8080]
    assert found["started"] == pytest.approx(1795435200.123456789, rel=0, abs=1e-6)


def test_no_container(module):
    found = engines.container(module({"docker nothing": ""}), {"cli": "/usr/bin/docker", "active": True}, "mlflow")
    assert (found["container"], found["image"], found["ports"]) == ("", "", [])


def test_the_unit_of_the_engine(module):
    shown = "ActiveState=active\nUnitFileState=enabled\nExecMainStartTimestamp=Mon 2026-11-23 12:00:00.250000 UTC\n"
    found = engines.engine(module({"systemctl show": shown}))["unit"]
    assert found == {"active": True, "enabled": True, "started": 1795435200.25}
    stopped = "ActiveState=inactive\nUnitFileState=\nExecMainStartTimestamp=\n"
    assert engines.engine(module({"systemctl show": stopped}))["unit"] == {"active": False, "enabled": False, "started": 0.0}
