"""Users of a real LDAP directory on a real server: whom the directory knows comes in, with the password and the rights that it says."""

from __future__ import annotations

import time

import pytest
from conftest import wait_for
from people import BASE, NAME, People, login, password_of
from provisioning import host_of
from told import by_host, found_in, runs

testinfra_hosts = ["ansible://mlflow_servers"]

SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"
USERS = "/api/2.0/mlflow/users/list"
REMEMBERED = 2
READABLE = "find /etc /var/lib/mlflow /mlflow -xdev -type f -perm -o+r -exec cat {} + 2> /dev/null"

ASK = """
import sys
sys.path.insert(0, "/run/mlflow")
import directory
try:
    directory.Directory({"uris": sys.argv[1:], "ca_file": "/run/mlflow/auth-ca.crt", "start_tls": True}).connected("", "").unbind()
    print("bound")
except Exception as error:
    print(error)
"""


@pytest.fixture(scope="module")
def people():
    return People()


def test_the_directory_takes_no_password_that_is_not_encrypted(people):
    """What follows is done through StartTLS, or not at all."""
    asked = people.host.run("ldapwhoami -x -H ldap://localhost -D %s -w %s", f"uid=ada,ou=people,{BASE}", password_of("ada"))
    assert "onfidentiality required" in asked.stderr


def test_a_directory_that_shows_a_certificate_of_another_name_is_not_asked(server, people):
    address = people.host.check_output("hostname -I").split()[0]
    names = ["ldap://login.example.test", "ldaps://login.example.test", f"ldap://{address}", f"ldaps://{address}"]
    told = [server.host.check_output("docker exec mlflow python3 -c %s %s", ASK, name) for name in names]
    assert told[:2] == ["bound", "bound"]
    assert ["match" in text for text in told[2:]] == [True, True], told


def test_whom_the_directory_knows_comes_in(door):
    assert {name: door.status(SEARCH, login=login(name)) for name in ("ada", "grace")} == {"ada": 200, "grace": 200}


@pytest.mark.parametrize(
    "pair",
    [("ada", "wrong"), ("ada", ""), ("", ""), ("nobody", "x"), ("*", password_of("ada")), ("ada)(uid=*", password_of("ada")), ("a*", password_of("ada")),
     ("mlflow", "identity-secret-9d3"), login("eve"), login("admin"), ("ADMIN", password_of("admin"))],
    ids=["wrong", "empty", "nothing", "unknown", "star", "filter", "beginning", "service", "of-no-group", "namesake", "namesake-in-capitals"],
)
def test_nobody_else_does(door, pair):
    assert door.status(SEARCH, login=pair) == 401


def test_a_stranger_is_refused_everywhere(door):
    places = ["/", SEARCH, "/version", "/api/2.0/mlflow-artifacts/artifacts?path=x", "/graphql", USERS, "/signup"]
    assert {path: door.status(path, login=None) for path in places} == dict.fromkeys(places, 401)
    assert door.call("/health", login=None).text == "OK"


def test_a_name_has_one_user_however_it_is_written(door):
    assert door.status(SEARCH, login=("ADA", password_of("ada"))) == 200
    names = [user["username"] for user in door.call(USERS).json()["users"]]
    assert sorted(names) == ["ada", "admin", "grace"]


def test_groups_say_who_is_an_administrator(door):
    told = {user["username"]: user["is_admin"] for user in door.call(USERS).json()["users"]}
    assert told == {"ada": False, "admin": True, "grace": True}
    made = {"username": "made-by-hand", "password": "password-by-hand"}
    assert door.status("/api/2.0/mlflow/users/create", login=login("ada"), method="POST", json=made) == 403
    assert door.status("/api/2.0/mlflow/users/create", login=login("grace"), method="POST", json=made) == 200
    assert door.status(SEARCH, login=tuple(made.values())) == 401, "a password of MLflow's own lets somebody in whom the directory does not know"


def test_a_user_logs_runs_and_artifacts_with_mlflows_client(door, tmp_path):
    door.work("of-ada", tmp_path, login("ada"))


def test_who_leaves_the_group_is_out_and_who_joins_it_is_in(door, people):
    people.membership("add", "eve")
    wait_for(lambda: door.status(SEARCH, login=login("eve")) == 200, "eve comes in", REMEMBERED + 5)
    people.membership("delete", "eve")
    wait_for(lambda: door.status(SEARCH, login=login("eve")) == 401, "eve is out", REMEMBERED + 5)
    people.membership("add", "ada", "mlflow-admin")
    wait_for(lambda: door.status("/api/2.0/mlflow/users/list", login=login("ada")) and admins(door) == {"ada", "admin", "grace"}, "ada is one", REMEMBERED + 5)
    people.membership("delete", "ada", "mlflow-admin")
    wait_for(lambda: door.status("/api/2.0/mlflow/users/list", login=login("ada")) and admins(door) == {"admin", "grace"}, "ada is none", REMEMBERED + 5)


def admins(door):
    return {user["username"] for user in door.call(USERS).json()["users"] if user["is_admin"]}


def test_without_the_directory_the_administrator_comes_in_and_others_learn_why_not(door, people):
    people.host.check_output("systemctl stop slapd")
    try:
        wait_for(lambda: door.status(SEARCH, login=login("ada")) == 503, "ada is told so", REMEMBERED + 10)
        assert "does not answer" in door.call(SEARCH, login=login("grace")).text
        assert door.status(SEARCH) == 200
        assert door.status("/health", login=None) == 200
    finally:
        people.host.check_output("systemctl start slapd")
    wait_for(lambda: door.status(SEARCH, login=login("ada")) == 200, "ada comes in again")


def test_a_password_that_was_right_is_not_asked_again_at_once(door, people):
    """A bind with TLS for each request would be too slow for programs. Each of the server's workers remembers for itself."""
    workers, rounds = 2, 3
    begin = people.host.check_output("date +%s")
    end, asked = time.monotonic() + rounds * REMEMBERED, 0
    while time.monotonic() < end:
        assert door.status(SEARCH, login=login("ada")) == 200
        asked += 1
    binds = int(people.host.run(f"journalctl -u slapd -o cat --since @{begin} | grep -c 'BIND dn=\"uid=ada.*method=128'").stdout)
    assert 0 < binds <= workers * (rounds + 1) < asked, f"{binds} binds for {asked} requests"


def test_secrets_are_told_nowhere(server, people):
    secrets = ["identity-secret-9d3", "admin-secret-4e7", password_of("ada")]
    told = {
        **by_host(server),
        "world-readable files": server.host.check_output(f"{READABLE} | tr -cd '[:print:]\\n'"),
        "runs of Ansible": runs(),
    }
    assert {place: found_in(text, secrets) for place, text in told.items()} == {place: [] for place in told}
    assert host_of(NAME).file("/etc/identity/people.ldif").exists
