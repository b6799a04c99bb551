"""Users of a real OpenID provider, who log in with a real browser, on the server that asked a directory before: whom the provider names comes in."""

from __future__ import annotations

import json

import pytest
from conftest import wait_for
from people import People, login, password_of
from told import by_host, found_in

testinfra_hosts = ["ansible://mlflow_servers"]

API = "/api/2.0/mlflow"
SEARCH = f"{API}/experiments/search?max_results=1"
WHO = f"fetch('{API}/users/current').then(answer => answer.json())"
MAKE_TOKEN = f"""fetch('{API}/users/current/tokens', {{method: 'POST', headers: {{'Content-Type': 'application/json'}},
    body: JSON.stringify({{name: 'laptop', expiration: new Date(Date.now() + 864e5).toISOString()}})}}).then(answer => answer.json())"""


@pytest.fixture(scope="module", autouse=True)
def provided(site):
    """The same site with another mlflow_auth."""
    changed = site.run("all", variables={"mlflow_auth": "oidc"})
    assert changed.status == 0, changed.output[-3000:]
    return changed


@pytest.fixture(scope="module")
def people(door, provided):
    people = People()
    people.know(door.name, door.address, door.ca.read_text(encoding="utf-8"))
    return people


@pytest.fixture(scope="module")
def ada(door, people):
    """What ada's browser saw, and the token that she made for her programs."""
    return people.browse(door.url, "ada", WHO, MAKE_TOKEN)


@pytest.fixture(scope="module")
def token(ada):
    return "ada@example.test", ada["values"][1]["token"]


def test_a_second_run_changes_nothing(site, provided):
    again = site.run("all", variables={"mlflow_auth": "oidc"})
    assert (again.status, again.changed) == (0, {})


def test_a_stranger_is_refused_or_sent_to_the_page_for_logging_in(door):
    places = [SEARCH, "/version", f"{API}-artifacts/artifacts?path=x", "/graphql", f"{API}/users", "/v1/traces", "/get-artifact?path=x&run_uuid=x"]
    assert {path: door.status(path, login=None) for path in places} == dict.fromkeys(places, 401)
    page = door.call("/", login=None, headers={"Accept": "text/html"}, allow_redirects=False)
    assert (page.status_code, page.headers["location"].partition("?")[0]) == (302, "/oidc/ui")
    assert door.status("/health", login=None) == 200


def test_a_password_of_the_directory_is_not_taken_by_the_server_itself(door):
    assert {door.status(SEARCH, login=pair) for pair in (login("ada"), login("grace"), ("ada@example.test", password_of("ada")))} == {401}


def test_who_is_in_the_group_logs_in_with_a_browser(door, ada):
    who = ada["values"][0]
    assert ada["url"].startswith(door.url), ada["text"]
    assert (who["username"], who["is_admin"]) == ("ada@example.test", False)
    session = ada["cookies"]["session"]
    assert session["secure"] and session["httpOnly"]


def test_who_is_in_the_group_of_administrators_is_one(door, people):
    seen = people.browse(door.url, "grace", WHO)
    assert (seen["values"][0]["username"], seen["values"][0]["is_admin"]) == ("grace@example.test", True)


def test_who_is_in_no_group_is_refused_and_who_leaves_it_is_too(door, people):
    outcome = f"fetch('{SEARCH}').then(answer => answer.status)"
    assert people.browse(door.url, "eve", outcome)["values"] == [401]
    assert "eve@example.test" not in json.dumps(door.call(f"{API}/users").json())
    people.membership("add", "eve")
    try:
        assert people.browse(door.url, "eve", WHO)["values"][0]["username"] == "eve@example.test"
    finally:
        people.membership("delete", "eve")
    assert people.browse(door.url, "eve", outcome)["values"] == [401]


def test_a_program_logs_runs_and_artifacts_with_a_token(door, token, tmp_path):
    door.work("of-ada-by-token", tmp_path, token)
    assert door.status(SEARCH, login=(token[0], token[1] + "x")) == 401
    assert door.status(SEARCH, login=("grace@example.test", token[1])) == 401


def test_what_others_made_is_as_the_default_permission_says(door, token):
    """READ."""
    with door.open():
        experiment = door.client().create_experiment("not-of-ada-by-token")
    assert door.status(f"{API}/experiments/get?experiment_id={experiment}", login=token) == 200
    assert door.status(f"{API}/runs/create", login=token, method="POST", json={"experiment_id": experiment}) == 403


def test_the_administrator_of_the_inventory_logs_in_with_his_password(door):
    who = door.call(f"{API}/users/current").json()
    assert (who["username"], who["is_admin"]) == ("admin", True)
    assert door.status(SEARCH, login=(door.login[0], "wrong-password")) == 401


def test_sessions_and_tokens_outlive_the_server(door, server, ada, token):
    server.host.check_output("systemctl restart mlflow")
    wait_for(lambda: door.status("/health", login=None) == 200, "the server is back")
    cookies = {"session": ada["cookies"]["session"]["value"]}
    assert door.call(f"{API}/users/current", login=None, cookies=cookies).json()["username"] == "ada@example.test"
    assert door.status(SEARCH, login=token) == 200


def test_without_the_provider_whoever_is_in_goes_on(door, server, people, token):
    """It may be away when the server starts, too."""
    people.host.check_output("systemctl stop nginx")
    try:
        server.host.check_output("systemctl restart mlflow")
        wait_for(lambda: door.status("/health", login=None) == 200, "the server is back")
        assert (door.status(SEARCH, login=token), door.status(SEARCH)) == (200, 200)
    finally:
        people.host.check_output("systemctl start nginx")
    wait_for(lambda: people.browse(door.url, "ada", WHO)["values"][0]["username"] == "ada@example.test", "ada logs in again")


def test_tables_are_apart_from_those_of_mlflows_own_app(people):
    asked = "select schemaname from pg_tables where tablename = 'users' order by 1"
    told = people.host.check_output("cd / && runuser -u postgres -- psql -At mlflow -c %s", asked)
    assert told.split() == ["mlflow_oidc", "public"]


def test_secrets_are_told_nowhere(server, provided, token):
    secrets = ["identity-secret-9d3", "admin-secret-4e7", token[1], password_of("ada")]
    told = {
        **by_host(server),
        "the run of Ansible": provided.output,
    }
    assert {place: found_in(text, secrets) for place, text in told.items()} == {place: [] for place in told}
