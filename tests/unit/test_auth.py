"""What the server's authentication app is told. That it does as it is told is proved on hosts (tests/host/test_auth.py)."""

from __future__ import annotations

import configparser
import importlib.util
import os
import stat

import pytest

ADMIN = {"MLFLOW_AUTH_ADMIN_USERNAME": "admin", "MLFLOW_AUTH_ADMIN_PASSWORD": "100%(sure)s = #hush %d"}


@pytest.fixture
def auth(tree, monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "MLOPS_"))]:
        monkeypatch.delenv(name)
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
