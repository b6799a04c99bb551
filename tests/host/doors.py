"""How clients on other machines come in: under the public name, which no DNS knows here, and with the certificate that they were handed."""

from __future__ import annotations

import contextlib
import os
import pathlib
import selectors
import socket
import time
import urllib.parse

import requests


class Door:
    """The public URL of a server, or its address where no proxy stands in front. `ca` is the file that clients trust; `login` who they are."""

    def __init__(self, server, ca=None, proxy=None, login=None):
        self.server, self.ca, self.login = server, ca, login
        self.url = server.fact["public_url"] if proxy else server.url
        self.name, self.address = urllib.parse.urlsplit(self.url).hostname, proxy or server.address

    @contextlib.contextmanager
    def open(self, login="own"):
        """Resolve the public name, and let MLflow's client trust and be whom it should. login: (name, password), None, or "own"."""
        login = self.login if login == "own" else login
        known, variables = socket.getaddrinfo, {"MLFLOW_TRACKING_USERNAME": (login or ("", ""))[0], "MLFLOW_TRACKING_PASSWORD": (login or ("", ""))[1]}
        variables["MLFLOW_TRACKING_SERVER_CERT_PATH"] = str(self.ca or "")
        before = {name: os.environ.get(name) for name in variables}
        socket.getaddrinfo = lambda host, *words, **options: known(self.address if host == self.name else host, *words, **options)
        os.environ.update(variables)
        for name in [name for name, value in variables.items() if not value]:
            os.environ.pop(name)
        try:
            yield self
        finally:
            socket.getaddrinfo = known
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value

    def call(self, path, login="own", method="GET", **options):
        login = self.login if login == "own" else login
        with self.open(None):
            return requests.request(method, self.url + path, auth=login, verify=str(self.ca) if self.ca else True, timeout=30, **options)

    def status(self, path, login="own", **options):
        return self.call(path, login, **options).status_code

    def client(self):
        """MLflow's own client; to be used while the door is open."""
        from mlflow import MlflowClient

        return MlflowClient(self.url)

    def work(self, name, folder, login="own"):
        """Log a run of a new experiment `name`, with an artifact that is read back by way of the folder, as MLflow's client does it."""
        with self.open(login):
            client = self.client()
            run = client.create_run(client.create_experiment(name)).info.run_id
            client.log_metric(run, "metric1", 1.0)
            client.log_text(run, "written", "note.txt")
            with open(client.download_artifacts(run, "note.txt", str(folder)), encoding="utf-8") as note:
                assert note.read() == "written"


def administrator(host):
    """Name and password of the inventory, which the scenario keeps as a vault would."""
    variables = host.ansible.get_variables()
    return variables.get("mlflow_auth_admin_username", "admin"), variables["vault_mlflow_auth_admin_password"]


def fetched(host, path, folder):
    """A copy of a file of a host, on this side."""
    copy = pathlib.Path(folder) / os.path.basename(path)
    copy.write_text(host.file(path).content_string, encoding="utf-8")
    return copy


def open_ports(address, ports, at_once=500, seconds=0.5):
    """Those of the TCP ports that take a connection from here. One that does not answer within the time counts as closed."""
    found, ports = set(), list(ports)
    for start in range(0, len(ports), at_once):
        waiting = selectors.DefaultSelector()
        for port in ports[start:start + at_once]:
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex((address, port))
            waiting.register(one, selectors.EVENT_WRITE, port)
        deadline = time.monotonic() + seconds
        while waiting.get_map() and time.monotonic() < deadline:
            for key, _events in waiting.select(max(0, deadline - time.monotonic())):
                found |= {key.data} if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 else set()
                waiting.unregister(key.fileobj)
                key.fileobj.close()
        for key in list(waiting.get_map().values()):
            key.fileobj.close()
        waiting.close()
    return found
