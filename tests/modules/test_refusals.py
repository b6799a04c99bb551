"""What a module says when the server refuses, fails, is slow, is another or is away; and that no password is in it."""

from __future__ import annotations

import contextlib
import socket
import sqlite3

import tracking


def test_a_wrong_password_is_told_and_not_shown(asking, play, call):
    wrong = "not the password of admin"
    connection = {"tracking_uri": asking.uri, "username": "admin", "password": wrong}
    done = play([("mlflow_experiment", {"name": "x"}), ("mlflow_user", {"name": "eve", "user_password": "a password of eve"})],
                "-vvv", connection=connection, callback="ansible.builtin.default")
    assert done.output.count("was answered with 401 You are not authenticated") >= 2, done.output
    assert wrong not in done.output and "a password of eve" not in done.output
    assert call("mlflow_info", asking, kind="experiments", username=None, password=None)["status"] == 401


def test_the_connection_comes_from_mlflow_s_own_environment(asking, play):
    environment = {"MLFLOW_TRACKING_URI": asking.uri + "/", "MLFLOW_TRACKING_USERNAME": tracking.ADMIN, "MLFLOW_TRACKING_PASSWORD": tracking.PASSWORD}
    done = play([("mlflow_info", {"kind": "users"})], environment=environment)
    assert {"username": "admin", "admin": True} in done.results[0]["resources"]


def test_who_is_no_administrator_is_refused_and_changes_his_own_password(asking, call):
    assert "no user_password" in call("mlflow_user", asking, name="eve")["msg"]
    assert "at least 12 characters" in call("mlflow_user", asking, name="eve", user_password="short")["msg"]
    assert call("mlflow_user", asking, name="eve", user_password="a password of eve")["changed"]
    own = {"username": "eve", "password": "a password of eve"}
    told = call("mlflow_user", asking, name="mallory", user_password="a password of mallory", **own)
    assert told["failed"] and told["status"] == 403
    assert call("mlflow_user", asking, name="eve", user_password="another one of eve", update_password="always", **own)["changed"]
    own["password"] = "another one of eve"
    assert not call("mlflow_user", asking, name="eve", user_password="another one of eve", update_password="always", **own)["changed"]
    assert not call("mlflow_user", asking, name="eve", user_password="a password of eve", **own)["changed"]
    assert call("mlflow_user", asking, name="eve", admin=True)["user"] == {"username": "eve", "admin": True}
    assert "cannot delete their own account" in call("mlflow_user", asking, name="eve", state="absent", **own)["msg"]
    for user, experiment in (("nobody", "Default"), ("eve", "none")):
        fields = {"user": user, "experiment": experiment, "permission": "READ"}
        assert "there is no " in call("mlflow_permission", asking, **fields)["msg"]
        assert call("mlflow_permission", asking, True, **fields)["changed"]
        assert not call("mlflow_permission", asking, user=user, experiment=experiment, state="absent")["changed"]
    assert call("mlflow_permission", asking, user="eve", experiment="*", permission="DENY")["permission"]["resource"] == "*"
    listed = call("mlflow_info", asking, kind="permissions", users=["eve"])["resources"]
    assert [(one["resource_type"], one["resource"], one["permission"], one["role"]) for one in listed] == [("experiment", "*", "DENY", "")]
    assert "there is no user nobody" in call("mlflow_info", asking, kind="permissions", users=["nobody"])["msg"]
    assert call("mlflow_user", asking, name="eve", state="absent")["changed"]


def test_what_a_server_has_not_is_one_clear_message(asking, open_server, call):
    for told in (call("mlflow_user", open_server, name="x", user_password="y"), call("mlflow_info", open_server, kind="permissions"),
                 call("mlflow_permission", open_server, user="x", experiment="Default", permission="READ")):
        assert told["msg"].startswith("this server has no users to manage: it needs --app-name basic-auth")
    for told in (call("mlflow_workspace", asking, name="x"), call("mlflow_info", asking, kind="workspaces")):
        assert told["msg"].startswith("this server has no workspaces: it has to be started with --enable-workspaces")
    assert "FEATURE_DISABLED" in call("mlflow_experiment", asking, name="x", workspace="y")["msg"]


def test_a_server_s_own_error_is_told_with_its_code(open_server, call):
    # a server that opened its registry before answers another error than one that does so now
    open_server.ask("GET", "registered-models/search")
    with contextlib.closing(sqlite3.connect(open_server.database, timeout=60)) as database:
        database.execute("alter table registered_models rename to away")
        try:
            told = call("mlflow_registered_model", open_server, name="x")
        finally:
            database.execute("alter table away rename to registered_models")
    assert told["failed"] and (told["status"], told["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert "asking for model x was answered with 503 TEMPORARILY_UNAVAILABLE: " in told["msg"] and "no such table" in told["msg"]
    assert call("mlflow_registered_model", open_server, True, name="x")["changed"]


def test_a_server_that_is_away_or_silent_is_told_soon(play):
    gone = f"http://127.0.0.1:{tracking.free_port()}"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silence = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = play([
            ("mlflow_experiment", {"name": "x", "tracking_uri": gone}),
            ("mlflow_experiment", {"name": "x", "tracking_uri": silence, "timeout": 1}),
            ("mlflow_experiment", {"name": "x", "tracking_uri": "http://admin:hush-hush@127.0.0.1:1"}),
            ("mlflow_experiment", {"name": "x", "tracking_uri": "sqlite:///mlflow.db"}),
        ], "--check")
    told = [result["msg"] for result in done.results]
    assert told[0].startswith(f"asking for experiment x: no answer from {gone} (") and "refused" in told[0]
    assert told[1].startswith(f"asking for experiment x: no answer from {silence} (") and "timed out" in told[1]
    assert told[2] == "tracking_uri must not hold a user or a password: give username and password"
    assert "is no address of a server" in told[3]
