"""Nothing but the site's own servers within reach: installed, built or loaded, running, and no secret of the way left behind."""

from __future__ import annotations

import os
import pathlib
import shlex

import pytest
import requests
import testinfra
from told import found_in, runs

testinfra_hosts = ["ansible://mlflow_servers"]

CONNECT = "python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)' %s %s"


@pytest.fixture
def builder(server):
    if server.fact["image_source"] != "build":
        pytest.skip("Debian 13 loads its image")
    return server


@pytest.fixture(scope="module")
def site(request):
    return testinfra.get_host("ansible://mlflow-airgapped-site", ansible_inventory=request.config.option.ansible_inventory)


@pytest.fixture
def secrets(host):
    variables = host.ansible.get_variables()
    return [variables["site_index_password"]]


def test_the_host_reaches_the_site_and_nothing_else(host, site):
    """The site's own machine reaches the archive of Debian: what keeps the host from it is the air gap."""
    outside = site.check_output("apt-get indextargets --format '$(SITE)' | head -n 1").split("://")[1].split("/")[0].split(":")
    target = (outside[0], outside[1] if len(outside) > 1 else "80")
    assert site.run(CONNECT, *target).rc == 0
    address = site.check_output("getent ahostsv4 %s | head -n 1", target[0]).split()[0]
    assert host.run(CONNECT, "site.example.com", "8443").rc == 0
    assert host.run(CONNECT, *target).rc != 0
    assert host.run(CONNECT, address, target[1]).rc != 0
    assert "default" not in host.check_output("ip -4 route; ip -6 route")


def test_a_client_works(server, tmp_path):
    client = server.client()
    experiment = client.create_experiment(f"airgapped-{os.urandom(4).hex()}")
    run = client.create_run(experiment).info.run_id
    client.log_metric(run, "accuracy", 0.5)
    (tmp_path / "model.txt").write_text("weights")
    client.log_artifact(run, str(tmp_path / "model.txt"))
    assert pathlib.Path(client.download_artifacts(run, "model.txt", str(tmp_path))).read_text() == "weights"


def test_the_server_never_tries_to_get_out(server):
    """Every new connection that a container opens beyond itself passes this chain, name look-ups too."""
    rule = "PREROUTING --in-interface docker0 --jump RETURN"
    count = "iptables --table nat --list PREROUTING --verbose --exact --numeric | awk '$3 == \"RETURN\" && $6 == \"docker0\" {print $1}'"
    server.host.check_output(f"iptables --table nat --insert {rule}")
    try:
        # the rule counts: a container that does try is seen
        server.host.run("docker exec mlflow python3 -c 'import socket; socket.create_connection((\"198.51.100.1\", 443), 1)'")
        tried = int(server.host.check_output(count))
        assert tried > 0
        server.host.check_output("systemctl restart mlflow")
        client = server.client()
        name = f"model-{os.urandom(4).hex()}"
        with_model = client.create_run(client.create_experiment(name)).info.run_id
        client.log_param(with_model, "alpha", "1")
        client.create_registered_model(name)
        client.create_model_version(name, f"runs:/{with_model}/model", with_model)
        client.search_registered_models()
        assert requests.get(server.url + "/", timeout=20).status_code == 200
        assert int(server.host.check_output(count)) == tried
    finally:
        server.host.check_output(f"iptables --table nat --delete {rule}")


def test_the_start_waits_for_nobody_outside(server):
    lines = server.journal(400)
    for word in ("Temporary failure in name resolution", "Network is unreachable", "Connection timed out", "No route to host"):
        assert word not in lines


def test_the_loaded_image_is_the_archives(server):
    if server.fact["image_source"] != "load":
        pytest.skip("Debian 12 builds")
    assert server.fact["image"] == os.environ["MLFLOW_TEST_SERVER_IMAGE"]
    assert server.inspect(".Config.Image") == server.fact["image"]
    # nothing was built here, and the archive does not lie about
    assert not server.host.file("/etc/mlflow/image").exists


def test_what_was_asked_for_is_in_the_image(builder):
    modules = "psycopg, boto3, prometheus_flask_exporter, humanize, uvloop"
    builder.host.check_output("docker exec mlflow python3 -c %s", f"import {modules}")
    assert "humanize==4.12.3" in builder.host.check_output(
        "docker exec mlflow python3 -c %s", "import importlib.metadata as m; print('humanize==' + m.version('humanize'))")


def test_the_base_image_came_through_the_mirror(builder, site):
    assert builder.host.check_output("docker info -f '{{.RegistryConfig.Mirrors}}'") == "[https://site.example.com:5000/]"
    asked = site.check_output("journalctl -u docker-registry --no-pager -o cat")
    assert "/v2/library/python/" in asked


def test_every_package_came_from_the_index_with_its_login(builder, site):
    log = site.check_output("cat /var/log/nginx/access.log").splitlines()
    wheels = [line for line in log if ".whl" in line and '" 200 ' in line]
    # Flask and the installer: the locked set and what installs it
    assert any("/simple/flask/" in line for line in wheels)
    assert any("/simple/uv/" in line for line in wheels)
    assert all(" builder [" in line for line in wheels)


def test_no_layer_and_no_cache_of_the_build_holds_a_secret(builder, secrets):
    history = builder.host.check_output("docker image history --no-trunc %s; docker image inspect %s", builder.fact["image"], builder.fact["image"])
    assert [secret for secret in secrets if secret in history] == []
    authority = builder.host.check_output("sed -n 2p /etc/site/authority.pem")
    assert len(authority) == 64
    words = " ".join(f"-e {shlex.quote(word)}" for word in [*secrets, authority])
    # every layer and the builder's own store, as files; then the image as it would be handed on
    assert builder.host.run(f"grep -rlaF {words} /var/lib/docker").stdout == ""
    assert builder.host.run(f"docker image save {builder.fact['image']} | grep -caF {words}").stdout.strip() == "0"
    assert builder.host.run("grep -rlF -e mlflow /var/lib/docker/image").stdout != ""


def test_no_secret_is_left_on_the_host(host, secrets):
    words = " ".join(f"-e {secret}" for secret in secrets)
    places = "/etc /run /root /home /tmp /var/tmp /var/log /var/lib/systemd /usr/local /opt /mlflow"
    assert host.run(f"grep -rlaF {words} {places}").stdout == ""
    assert host.run(f"journalctl --no-pager -o export | grep -caF {words}").stdout.strip() == "0"


def test_the_loudest_runs_tell_no_secret(secrets):
    """Check, converge and idempotence with -vvv and --diff."""
    said = runs()
    for task in ("validate | Look at the host", "image-build | Hand over index and proxies", "image-build | Build the server image"):
        assert f"TASK [mlops.mlflow.mlflow : {task}]" in said
    assert "module_args" in said
    assert found_in(said, secrets) == []


def test_metrics_are_served(builder):
    assert "mlflow_http_request" in requests.get(builder.url + "/metrics", timeout=20).text
