"""Reaching a proxy under its public name without asking DNS, and moving large files through it."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess

from doors import administrator, fetched
from extent import FULL

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEGABYTES = 300
LARGE_MEGABYTES = 2048 if FULL else MEGABYTES
PIECE = bytes(range(256)) * 4096


class Proxy:
    """A proxy host as another machine sees it; with the users of the scenario, from its inventory."""

    def __init__(self, host, folder):
        self.host = host
        known = host.ansible.get_variables()
        self.name = known["mlflow_proxy_name"]
        self.admin = administrator(host)
        # The address that other machines use; those of the host's own container networks are nobody's.
        self.address = host.ansible("setup", "gather_subset=!all,network")["ansible_facts"]["ansible_default_ipv4"]["address"]
        self.ca = fetched(host, "/etc/mlflow-proxy/ca.crt", folder)

    def context(self):
        return ssl.create_default_context(cafile=str(self.ca))

    def connect(self, context=None):
        connection = http.client.HTTPConnection(self.name, 443, timeout=120)
        raw = socket.create_connection((self.address, 443), timeout=120)
        connection.sock = (context or self.context()).wrap_socket(raw, server_hostname=self.name)
        return connection

    def headers(self, user):
        return {"Host": self.name, **({"Authorization": "Basic " + base64.b64encode(":".join(user).encode()).decode()} if user else {})}

    def get(self, path, context=None, headers=None, user=None):
        connection = self.connect(context)
        connection.request("GET", path, headers={**self.headers(user), **(headers or {})})
        return connection.getresponse()

    def plain(self, path):
        connection = http.client.HTTPConnection(self.address, 80, timeout=30)
        connection.request("GET", path, headers={"Host": self.name})
        return connection.getresponse()

    def resolver(self):
        """Lines of Python after which the public name is this proxy."""
        return (f"import socket\nask = socket.getaddrinfo\n"
                f"socket.getaddrinfo = lambda host, *rest, **more: ask({self.address!r} if host == {self.name!r} else host, *rest, **more)\n")

    def fingerprint(self):
        connection = self.connect()
        try:
            return hashlib.sha256(connection.sock.getpeercert(binary_form=True)).hexdigest()
        finally:
            connection.close()

    def main_process(self):
        return self.host.check_output("systemctl show mlflow-proxy -p MainPID --value")

    def peak_kilobytes(self, process=None):
        return int(self.host.check_output("grep VmHWM /proc/%s/status", process or self.main_process()).split()[1])

    def server_peaks(self):
        """Kilobytes that each process of the tracking server has had in memory at most."""
        return {process: self.peak_kilobytes(process) for process in self.host.check_output("docker top mlflow -o pid").split()[1:]}


class Transfer:
    """One artifact of so many megabytes, up and down, never whole in memory on this side."""

    def __init__(self, proxy, megabytes, name="large.bin"):
        self.proxy, self.megabytes = proxy, megabytes
        self.path = f"/api/2.0/mlflow-artifacts/artifacts/proxy-test/{name}"
        whole = hashlib.sha256()
        for _piece in range(megabytes):
            whole.update(PIECE)
        self.digest = whole.hexdigest()

    def __enter__(self):
        return self

    def __exit__(self, *_about):
        connection = self.proxy.connect()
        connection.request("DELETE", self.path, headers=self.proxy.headers(self.proxy.admin))
        connection.getresponse().read()

    def put(self):
        """Send it. Returns the status of the answer."""
        connection = self.proxy.connect()
        length = {"Content-Length": str(len(PIECE) * self.megabytes)}
        connection.request("PUT", self.path, body=(PIECE for _piece in range(self.megabytes)), headers={**self.proxy.headers(self.proxy.admin), **length})
        return connection.getresponse().status

    def up(self):
        assert self.put() == 200

    def begin_down(self):
        answer = self.proxy.get(self.path, user=self.proxy.admin)
        assert answer.status == 200
        return answer

    def down(self):
        answer, digest = self.begin_down(), hashlib.sha256()
        while chunk := answer.read(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()


def site_run(proxy, variables):
    """site.yml once more, as an operator runs it."""
    inventory = os.environ["MOLECULE_INVENTORY_FILE"]
    command = ["ansible-playbook", "-i", inventory, "--limit", proxy.host.backend.get_hostname(), "-e", json.dumps(variables), str(ROOT / "site.yml")]
    settings = {key: value for key, value in os.environ.items() if key != "ANSIBLE_STDOUT_CALLBACK"}
    return subprocess.run(command, env={**settings, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}, capture_output=True, text=True, check=False,
                          timeout=600)
