"""Reading a host: what its container engine and systemd say, from the answers that they gave on real hosts."""

from __future__ import annotations

import json
import os
import socket

import pytest
from ansible_collections.mlops.mlflow.plugins.module_utils import host

CONTAINER = [{
    "State": {"Status": "running", "StartedAt": "2026-11-23T12:00:00.123456789Z"},
    "Config": {"Image": "mlflow:3.17.2-0123456789ab"},
    "HostConfig": {"PortBindings": {"5000/tcp": [{"HostIp": "", "HostPort": "5001"}, {"HostIp": "127.0.0.1", "HostPort": "8080"}]}},
}]


class Module:
    """What the functions ask of an AnsibleModule, with answers by the first words of a command."""

    def __init__(self, answers):
        self.answers = answers

    def get_bin_path(self, name):
        return f"/usr/bin/{name}" if any(command.split()[0] == name for command in self.answers) else None

    def run_command(self, command):
        words = " ".join([os.path.basename(command[0]), *command[1:]])
        for start, answer in self.answers.items():
            if words.startswith(start):
                return 0, answer if isinstance(answer, str) else json.dumps(answer), ""
        return 1, "", "no such thing"


def engine(version, plugins=()):
    answer = {"ServerVersion": version, "DockerRootDir": "/", "ClientInfo": {"Plugins": [{"Name": name} for name in plugins]}}
    return host.engine(Module({"docker info": answer, "dockerd": ""}))


def test_a_host_without_an_engine(monkeypatch):
    monkeypatch.setattr(host.os.path, "exists", lambda name: name == "/")
    found = host.engine(Module({}))
    assert (found["present"], found["active"], found["cli"], found["buildkit"]) == (False, False, "", False)


@pytest.mark.parametrize(
    ("version", "plugins", "buildkit"),
    [("18.06.1", [], False), ("20.10.24", [], True), ("26.1.5", [], False), ("26.1.5", ["buildx"], True)],
)
def test_buildkit_is_in_the_client_or_in_its_plugin(version, plugins, buildkit):
    found = engine(version, plugins)
    assert found["active"]
    assert found["server_version"] == version
    assert found["buildkit"] is buildkit


def test_an_engine_whose_daemon_does_not_answer():
    found = host.engine(Module({"docker nothing": "", "dockerd": ""}))
    assert found["present"]
    assert not found["active"]


def test_the_service_container():
    found = host.container(Module({"docker container inspect mlflow": CONTAINER}), {"cli": "/usr/bin/docker", "active": True}, "mlflow")
    assert found["container"] == "running"
    assert found["image"] == "mlflow:3.17.2-0123456789ab"
    assert found["ports"] == [5001, 8080]
    assert found["started"] == pytest.approx(1795435200.123456789)


def test_no_container():
    found = host.container(Module({"docker nothing": ""}), {"cli": "/usr/bin/docker", "active": True}, "mlflow")
    assert (found["container"], found["image"], found["ports"]) == ("", "", [])


def test_states_of_units():
    shown = "Id=a.service\nActiveState=active\nUnitFileState=enabled\nLoadState=loaded\nNeedDaemonReload=yes\n\n" \
            "Id=b.timer\nActiveState=inactive\nUnitFileState=\nLoadState=not-found\nNeedDaemonReload=no\n"
    found = host.units(Module({"systemctl show": shown}), ["a.service", "b.timer"])
    assert found["a.service"]["active"] == "active"
    assert found["a.service"]["need_reload"] is True
    assert found["b.timer"]["load"] == "not-found"
    assert found["b.timer"]["need_reload"] is False


def test_a_published_port_names_its_container():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        module = Module({"docker ps": f"web\t127.0.0.1:{port}->80/tcp\nother\t\n"})
        (found,) = host.listeners(module, {"cli": "/usr/bin/docker", "active": True}, [port])
    assert found["container"] == "web"
