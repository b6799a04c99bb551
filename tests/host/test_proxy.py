"""TLS and the public name: what a client on another machine meets, and what a change does to those who are in the middle of something."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import subprocess
import sys

import pytest
from conftest import wait_for
from doors import open_ports
from proxying import LARGE_MEGABYTES, MEGABYTES, Transfer, site_run


def test_the_ca_and_nothing_else_verifies_it(proxy):
    assert proxy.get("/health").status == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        proxy.get("/health", context=ssl.create_default_context())
    assert proxy.host.file("/etc/mlflow-proxy/ca.crt").mode == 0o644


def test_plain_http_is_redirected(proxy):
    answer = proxy.plain("/x?y=1")
    assert (answer.status, answer.getheader("Location")) == (308, f"https://{proxy.name}/x?y=1")


def test_hsts_is_off_for_an_internal_ca(proxy):
    assert proxy.get("/health").getheader("Strict-Transport-Security") is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_protocols_are_refused(proxy, version):
    context = proxy.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with pytest.raises(ssl.SSLError):
        proxy.get("/health", context=context)


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256", "AES256-SHA"])
def test_weak_ciphers_are_refused(proxy, cipher):
    context = proxy.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher + ":@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        proxy.get("/health", context=context)


def test_another_name_is_not_served(proxy):
    assert proxy.get("/health", headers={"Host": "evil.example.com"}).status == 421


@pytest.mark.parametrize("given", [None, ("admin", "not-the-password")])
def test_nobody_comes_in_without_the_password(proxy, given):
    assert proxy.get("/api/2.0/mlflow/experiments/get?experiment_id=0", user=given).status == 401


def test_nothing_else_is_reachable(proxy):
    """From here, which is another host: every port, tried in turn."""
    assert {443, 80} <= open_ports(proxy.address, range(1, 65536)) <= {443, 80, 22}


CLIENT = """
import mlflow, sys
mlflow.set_experiment("through-the-proxy")
with mlflow.start_run() as run:
    mlflow.log_metric("m", 1.0)
    mlflow.log_text("hello", "a.txt")
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/a.txt") == "hello"
assert mlflow.get_run(run.info.run_id).data.metrics == {"m": 1.0}
print(run.info.run_id)
"""


def test_a_real_client_with_the_ca_file(proxy, tmp_path):
    """The name is told to the client's resolver alone."""
    program = tmp_path / "client.py"
    program.write_text(proxy.resolver() + CLIENT, encoding="utf-8")
    user, password = proxy.admin
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"https://{proxy.name}", "MLFLOW_TRACKING_SERVER_CERT_PATH": str(proxy.ca),
                   "MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": password}
    subprocess.run([sys.executable, str(program)], env=environment, check=True, timeout=300)


def test_large_artifacts_with_bounded_memory(proxy, record_property):
    before = proxy.server_peaks()
    with Transfer(proxy, LARGE_MEGABYTES) as transfer:
        transfer.up()
        assert transfer.down() == transfer.digest
    peak, after = proxy.peak_kilobytes(), proxy.server_peaks()
    assert set(before) <= set(after), "the server has begun anew"
    grown = sum(after[process] - before.get(process, 0) for process in after)
    record_property("transferred", f"{LARGE_MEGABYTES} MB up and down: Caddy's peak {peak >> 10} MB, the server's processes grew by {grown >> 10} MB")
    assert max(peak, grown) < 150 << 10


def test_a_replaced_configuration_is_taken_while_a_client_goes_on(proxy):
    """The CA's leaf is thrown away, so that the reload makes a new certificate; a download that began before ends whole."""
    before, started = proxy.fingerprint(), proxy.main_process()
    with Transfer(proxy, MEGABYTES) as transfer:
        transfer.up()
        answer = transfer.begin_down()
        digest = hashlib.sha256(answer.read(1 << 20))
        proxy.host.check_output("rm -rf /var/lib/mlflow-proxy/certificates && systemctl reload mlflow-proxy")
        wait_for(lambda: proxy.fingerprint() != before, "another certificate is served")
        while chunk := answer.read(1 << 20):
            digest.update(chunk)
        assert digest.hexdigest() == transfer.digest
    assert proxy.main_process() == started


def test_a_bad_caddyfile_leaves_the_old_serving(proxy):
    before = proxy.host.file("/etc/mlflow-proxy/Caddyfile").content_string
    done = site_run(proxy, {"mlflow_proxy_extra_directives": "heder X-Site one"})
    # Where a failure is told is a setting of the operator's Ansible.
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "unrecognized directive: heder" in said and "mlflow_proxy_extra_directives" in said
    assert proxy.host.file("/etc/mlflow-proxy/Caddyfile").content_string == before
    assert proxy.get("/health").status == 200


def test_the_log_has_no_credentials(proxy):
    proxy.get("/health", user=("somebody", "hush-hush-hush"))
    log = proxy.host.check_output("journalctl -u mlflow-proxy -o cat --no-pager")
    entries = [json.loads(line) for line in log.splitlines() if "http.log.access" in line]
    assert entries and not [entry for entry in entries if "Authorization" in entry["request"]["headers"]]


def test_the_admin_socket_is_for_caddy_alone(proxy):
    assert proxy.host.file("/run/mlflow-proxy").mode == 0o700
    assert proxy.host.run("setpriv --reuid=nobody --clear-groups ls /run/mlflow-proxy").rc != 0


def test_a_second_run_changes_nothing(proxy):
    done = site_run(proxy, {})
    assert done.returncode == 0 and " changed=0 " in done.stdout, done.stdout
