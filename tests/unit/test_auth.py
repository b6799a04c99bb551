"""What the server's authentication app is told. That it does as it is told is proved on hosts (tests/host/test_auth.py)."""

from __future__ import annotations

import configparser
import importlib
import importlib.util
import os
import pathlib
import stat

import pytest

ADMIN = {"MLFLOW_AUTH_ADMIN_USERNAME": "admin", "MLFLOW_AUTH_ADMIN_PASSWORD": "100%(sure)s = #hush %d"}


@pytest.fixture
def auth(tree, monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "MLOPS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.syspath_prepend(str(tree.root / "roles/mlflow/files"))
    spec = importlib.util.spec_from_file_location("auth", tree.root / "roles/mlflow/files/auth.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "CONFIG", str(tmp_path / "auth.ini"))
    yield module
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "MLOPS_"))]:
        os.environ.pop(name)


@pytest.fixture
def users(tmp_path, monkeypatch):
    settings = {**ADMIN, "MLOPS_AUTH_DATABASE_URI": f"sqlite:///{tmp_path}/users.db", "MLOPS_AUTH_DEFAULT_PERMISSION": "READ", "MLOPS_AUTH_CACHE_SECONDS": "60"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "users.db"


def mode(path):
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


def test_the_app_reads_what_was_meant(auth, users, tmp_path):
    """Read as MLflow reads it, which takes a per cent sign for a reference."""
    assert auth.prepare() == str(users)
    assert os.environ["MLFLOW_AUTH_CONFIG_PATH"] == str(tmp_path / "auth.ini")
    read = configparser.ConfigParser()
    read.read(tmp_path / "auth.ini")
    assert read["mlflow"]["admin_password"] == ADMIN["MLFLOW_AUTH_ADMIN_PASSWORD"]
    assert read["mlflow"]["database_uri"] == f"sqlite:///{users}"
    assert read.getint("mlflow", "auth_cache_ttl_seconds") == 60
    assert mode(users) == mode(tmp_path / "auth.ini") == "600"


def test_users_in_a_database_server_have_no_file(auth, users, monkeypatch):
    monkeypatch.setenv("MLOPS_AUTH_DATABASE_URI", "postgresql+psycopg://me:p%40ss@db/mlflow")
    assert auth.prepare() == ""
    assert not users.exists()


def test_a_server_without_users_has_no_configuration(auth, tmp_path):
    assert auth.prepare() == ""
    assert list(tmp_path.iterdir()) == []
    assert not auth.is_on()


@pytest.mark.parametrize("given", [{}, {"MLFLOW_CRYPTO_KEK_PASSPHRASE": "ours"}])
def test_a_generated_key_stands_in_for_one_that_is_not_given(auth, monkeypatch, given):
    for name, value in {"MLOPS_GENERATED_SECRET_KEY": "made", "MLOPS_GENERATED_PASSPHRASE": "made too", **given}.items():
        monkeypatch.setenv(name, value)
    auth.prepare()
    assert os.environ["MLFLOW_FLASK_SERVER_SECRET_KEY"] == "made"
    assert os.environ["MLFLOW_CRYPTO_KEK_PASSPHRASE"] == given.get("MLFLOW_CRYPTO_KEK_PASSPHRASE", "made too")


def test_a_client_logs_in_as_the_administrator(auth, users):
    auth.log_in()
    assert (os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"]) == tuple(ADMIN.values())


def test_no_client_logs_in_where_there_are_no_users(auth):
    auth.log_in()
    assert "MLFLOW_TRACKING_USERNAME" not in os.environ


def test_users_of_a_directory_are_asked_for_there(auth, users, monkeypatch, tmp_path):
    monkeypatch.setenv("MLOPS_AUTH", "ldap")
    monkeypatch.setenv("PYTHONPATH", "")
    assert auth.prepare() == str(users)
    read = configparser.ConfigParser()
    read.read(tmp_path / "auth.ini")
    module, _colon, function = read["mlflow"]["authorization_function"].partition(":")
    assert hasattr(importlib.import_module(module), function)
    # a process that is started anew finds it too
    assert (pathlib.Path(os.environ["PYTHONPATH"]) / f"{module}.py").is_file()


def test_tables_of_the_provider_have_a_schema_of_their_own_beside_mlflows(auth, users, monkeypatch):
    shared = "postgresql+psycopg://me:p%40ss@db/mlflow?sslmode=require"
    for name, value in {"MLOPS_AUTH": "oidc", "MLOPS_AUTH_DATABASE_URI": shared, "MLFLOW_BACKEND_STORE_URI": shared, "MLOPS_GENERATED_SECRET_KEY": "k"}.items():
        monkeypatch.setenv(name, value)
    for name in ("OIDC_USERS_DB_URI", "SECRET_KEY", "DEFAULT_MLFLOW_PERMISSION"):
        monkeypatch.delenv(name, raising=False)
    assert auth.prepare() == ""
    assert os.environ["OIDC_USERS_DB_URI"] == f"{shared}&options=-csearch_path%3Dmlflow_oidc"
    assert os.environ["SECRET_KEY"] == "k"
    monkeypatch.setenv("MLOPS_AUTH_DATABASE_URI", "postgresql+psycopg://me@db/users")
    auth.prepare()
    assert os.environ["OIDC_USERS_DB_URI"] == "postgresql+psycopg://me@db/users"
    for name in ("OIDC_USERS_DB_URI", "SECRET_KEY", "DEFAULT_MLFLOW_PERMISSION"):
        del os.environ[name]


def test_what_was_right_is_remembered_for_so_long_and_no_password_is(auth, monkeypatch):
    module = importlib.import_module("directory_users")
    kept = module.Remembered(60)
    kept.put("ada", "lovelace", "Ada")
    assert kept.get("ada", "lovelace") == "Ada"
    assert kept.get("ada", "byron") is None and kept.get("eve", "lovelace") is None
    assert "lovelace" not in repr(kept.known)
    later = module.time.monotonic() + 61
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    assert kept.get("ada", "lovelace") is None
    off = module.Remembered(0)
    off.put("ada", "lovelace", "Ada")
    assert off.get("ada", "lovelace") is None
