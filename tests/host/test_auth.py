"""Users on a real server with real clients: who comes in, who does not, and whose password counts."""

from __future__ import annotations

import json
import statistics

import pytest
from conftest import wait_for
from stored_secrets import READERS, SETTLE

testinfra_hosts = ["ansible://mlflow_servers"]

SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"
PLACES = ["/", SEARCH, "/version", "/api/2.0/mlflow-artifacts/artifacts?path=x", "/graphql", "/ajax-api/2.0/mlflow/users/list", "/signup"]
NEW = "Another-password-of-7 $%'\""


def test_a_stranger_is_refused_everywhere(door):
    assert {path: door.status(path, login=None) for path in PLACES} == dict.fromkeys(PLACES, 401)


def test_a_wrong_password_is_refused(door):
    name = door.login[0]
    assert {door.status(SEARCH, login=pair) for pair in ((name, "wrong-password"), (name, ""), ("nobody", door.login[1]))} == {401}


def test_health_checks_need_no_password(door):
    assert door.call("/health", login=None).text == "OK"


def test_the_administrator_works(door, tmp_path):
    door.work("of-the-administrator", tmp_path)
    page = door.call("/")
    assert page.status_code == 200 and '<div id="root"' in page.text


@pytest.fixture(scope="module")
def ada(door):
    """Another user."""
    pair = ("ada", "password-of-ada")
    assert door.status("/api/2.0/mlflow/users/create", method="POST", json=dict(zip(("username", "password"), pair, strict=True))) == 200
    return pair


def test_a_user_may_do_what_the_default_permission_says(door, ada):
    """READ: he sees what others made, and changes none of it."""
    with door.open():
        experiment = door.client().create_experiment("not-of-ada")
    assert door.status(f"/api/2.0/mlflow/experiments/get?experiment_id={experiment}", login=ada) == 200
    assert door.status("/api/2.0/mlflow/runs/create", login=ada, method="POST", json={"experiment_id": experiment}) == 403
    assert door.status("/api/2.0/mlflow/users/create", login=ada, method="POST", json={"username": "eve", "password": "password-of-eve"}) == 403


def test_the_password_of_the_inventory_is_that_of_the_server(door, ada, server, site):
    """Changed there, it is changed here; other users keep theirs. And back, with no trace of the other one."""
    host, (name, old) = server.host.backend.get_hostname(), door.login
    turned = site.run(host, variables={"mlflow_auth_admin_password": NEW})
    assert turned.status == 0, turned.output
    assert NEW not in turned.output
    assert [door.status(SEARCH, login=pair) for pair in ((name, NEW), (name, old), ada)] == [200, 401, 200]
    back = site.run(host)
    assert back.status == 0, back.output
    assert [door.status(SEARCH, login=pair) for pair in ((name, NEW), (name, old), ada)] == [401, 200, 200]


def test_a_password_that_somebody_else_changed_is_set_right_at_the_next_start(door, server):
    name, wanted = door.login
    body = {"username": name, "password": "changed-behind-our-back", "current_password": wanted}
    assert door.status("/api/2.0/mlflow/users/update-password", method="PATCH", json=body) == 200
    server.host.check_output("systemctl restart mlflow")
    assert [door.status(SEARCH, login=pair) for pair in ((name, body["password"]), (name, wanted))] == [401, 200]


def test_the_keys_stay_and_are_root_s_alone(server):
    before = server.host.file("/var/lib/mlflow/keys.env").content_string
    assert {line.partition("=")[0] for line in before.splitlines()} == {"MLOPS_GENERATED_SECRET_KEY", "MLOPS_GENERATED_PASSPHRASE"}
    server.host.check_output("systemctl restart mlflow")
    assert server.host.file("/var/lib/mlflow/keys.env").content_string == before
    assert server.host.check_output("stat -c '%U %a' /var/lib/mlflow /var/lib/mlflow/keys.env").split() == ["root", "700", "root", "600"]


def test_the_users_database_is_the_server_s_alone(server):
    assert server.host.check_output("stat -c '%u %a' /mlflow/basic_auth.db") == "50000 600"


def test_stored_secrets_follow_the_key(server):
    """From the public default to the host's key and to that of the vault; a key that fits nothing changes nothing."""
    inside = "docker run --rm --interactive --network none --tmpfs /tmp --volume /etc/mlflow/entry:/run/mlflow:ro --entrypoint python3"
    told = server.host.check_output(f"{inside} {server.fact['image']} - <<'END'\n{SETTLE}\nEND")
    lines = [line for line in told.splitlines() if not line.startswith(("20", "INFO"))]
    assert [line for line in lines if line.startswith("[")] == ["['public']", "['made']", "['given']", "['given']"]
    assert "secret key cannot be read" in told


def test_the_server_encrypts_with_its_own_key(door, server):
    body = {"secret_name": "of-the-gateway", "secret_value": {"api_key": "hush"}, "provider": "openai"}
    assert door.status("/api/3.0/mlflow/gateway/secrets/create", method="POST", json=body) == 200
    program = READERS + "print(readers('/mlflow/mlflow.db', ours=sys.argv[1], made=sys.argv[2]))"
    ours = server.host.ansible.get_variables()["vault_mlflow_crypto_kek_passphrase"]
    made = server.host.check_output("sed -n s/^MLOPS_GENERATED_PASSPHRASE=//p /var/lib/mlflow/keys.env")
    assert server.host.check_output("docker exec mlflow python3 -c %s %s %s", program, ours, made) == "['ours']"


def test_the_smoke_test_logs_in(server, site):
    done = site.run(server.host.backend.get_hostname(), playbook="smoke_test.yml")
    assert done.status == 0, done.output


def test_diagnosis_logs_in(server, site, tmp_path):
    """The public name is known to no DNS here, so that the line about reaching it may say so."""
    name, file = server.host.backend.get_hostname(), tmp_path / "diagnosis.json"
    done = site.run(name, playbook="diagnose.yml", variables={"mlflow_diagnose_json": str(file)})
    lines = {line["name"]: line["status"] for line in json.loads(file.read_text(encoding="utf-8"))[name]}
    assert {line: lines[line] for line in ("health", "version", "tracking URI", "search")} == dict.fromkeys(
        ("health", "version", "tracking URI", "search"), "ok"), done.output


def test_a_password_is_not_checked_at_each_request(door):
    """A remembered password costs less than half of what a wrong one costs, which is hashed each time: medians of requests in turns."""
    import requests

    name, password = door.login
    url, trust = door.url + SEARCH, str(door.ca) if door.ca else True

    def cost(session, secret, status):
        answer = session.get(url, auth=(name, secret), timeout=30, verify=trust)
        assert answer.status_code == status
        return answer.elapsed.total_seconds()

    def remembered(session):
        pairs = [(cost(session, password, 200), cost(session, "wrong-password", 401)) for _number in range(15)]
        right, wrong = (statistics.median(column) for column in zip(*pairs, strict=True))
        return right < wrong / 2

    with door.open(None), requests.Session() as session:
        wait_for(lambda: remembered(session), "a password that is remembered by each worker", 120)
