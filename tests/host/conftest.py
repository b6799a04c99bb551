"""What the host suites share: what is deployed, how another machine reaches it, and a real MLflow client."""

from __future__ import annotations

import json
import os
import time

import pytest
import requests
from docker_role import Engine, Role
from doors import Door, administrator, fetched
from provisioning import Site, host_of
from proxying import Proxy

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")

MISSION_EXAMPLE = """
import mlflow
mlflow.set_tracking_uri("{uri}")
mlflow.set_experiment("my_experiment")
with mlflow.start_run() as run:
    mlflow.log_param("param1", "value1")
    mlflow.log_metric("metric1", 1.0)
    print(run.info.run_id)
"""


def wait_for(condition, what, seconds=60):
    """Await condition() being true; its last value comes back. Fails the test, naming what, when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds} s")
        time.sleep(0.2)


def answers(url, **options):
    """Whether url answers 200 right now."""
    try:
        return requests.get(url, timeout=5, **options).status_code == 200
    except requests.RequestException:
        return False


class Server:
    """One deployed server as its fact file tells, reached over the network as a client on another machine does."""

    def __init__(self, host, service="mlflow"):
        self.host = host
        self.fact = json.loads(host.file(f"/etc/ansible/facts.d/{service}.fact").content_string)
        self.service = service
        self.root = self.fact["root"]
        self.locate()

    def locate(self):
        """The address that other machines use; those of the host's own container networks are nobody's."""
        shown = "ip -o -4 address show scope global | grep -vE ': (docker|br-|veth)' | sed -E 's|.*inet ([0-9.]+)/.*|\\1|'"
        self.address = self.host.check_output(shown).split()[0]
        self.netloc = f"{self.address}:{self.fact['port']}"
        self.url = f"http://{self.netloc}{self.fact['static_prefix']}"

    def healthy(self):
        return answers(self.url + "/health")

    def wait(self, seconds=60):
        wait_for(self.healthy, f"{self.service} answers on {self.host.backend.get_hostname()}", seconds)

    def inspect(self, what):
        return json.loads(self.host.check_output("docker container inspect --format '{{json %s}}' %s", what, self.service))

    def journal(self, lines=40):
        return self.host.run(f"journalctl -u {self.service} -n {lines} --no-pager -o cat").stdout

    def client(self):
        from mlflow import MlflowClient

        return MlflowClient(self.url)


@pytest.fixture(scope="module")
def server(host):
    """The server named mlflow. The fixture fails where nothing is deployed, so that no test passes for want of a server."""
    return Server(host)


@pytest.fixture(scope="module")
def door(host, server, tmp_path_factory):
    """The way in of clients on other machines, as the administrator; through the proxy, where one stands on the server's host."""
    variables = host.ansible.get_variables()
    proxied = {}
    if "mlflow_proxies" in variables["group_names"]:
        proxied = {"proxy": server.address, "ca": fetched(host, "/etc/mlflow-proxy/ca.crt", tmp_path_factory.mktemp("door"))}
    return Door(server, **proxied, login=administrator(host))


@pytest.fixture(scope="module")
def proxy(host, tmp_path_factory):
    """The host as a proxy, for suites whose host is one."""
    return Proxy(host, tmp_path_factory.mktemp("proxy"))


@pytest.fixture(scope="module")
def servers(proxy):
    """The servers behind the proxy, in the order of the inventory."""
    return [Server(host_of(name)) for name in proxy.host.ansible.get_variables()["groups"]["mlflow_servers"]]


@pytest.fixture
def client(proxy, servers, monkeypatch):
    """MLflow's own client of the first of them, as the administrator."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", proxy.admin[0])
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", proxy.admin[1])
    return servers[0].client()


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    """site.yml with the scenario's inventory, run as an operator does."""
    return Site(request.config.getoption("--ansible-inventory"), tmp_path_factory.mktemp("site"))


@pytest.fixture
def engine(host):
    """The host's engine."""
    return Engine(host)


@pytest.fixture
def role(host, tmp_path):
    """role(docker_live_restore=False) runs role docker on the host once more."""
    return Role(host, tmp_path)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Show the end of the journal beside a failure: it is what an operator would look at first."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and "server" in getattr(item, "funcargs", {}):
        report.sections.append(("journal of the service", item.funcargs["server"].journal()))
