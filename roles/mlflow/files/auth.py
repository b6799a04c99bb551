#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users and stored secrets of the tracking server, set right at each start of it. Used by server.py and launch.py.

MLflow's variables only bootstrap: the administrator's password is taken from them once, and a passphrase that changes leaves unreadable
what was encrypted before. Here both are what the inventory says, at each start, whoever was interrupted in between.
"""

from __future__ import annotations

import configparser
import importlib
import os

import sign_on

# In memory, and of this container alone.
CONFIG = "/dev/shm/auth.ini"
# What the server's unit made once for this host, and what stands in for it in the inventory.
GENERATED = {"MLOPS_GENERATED_SECRET_KEY": "MLFLOW_FLASK_SERVER_SECRET_KEY", "MLOPS_GENERATED_PASSPHRASE": "MLFLOW_CRYPTO_KEK_PASSPHRASE"}


def is_on():
    return bool(os.environ.get("MLOPS_AUTH_DATABASE_URI"))


def kind():
    """mlflow_auth: basic, ldap or oidc."""
    return os.environ.get("MLOPS_AUTH", "basic")


def log_in():
    """Let a client in this process be the administrator."""
    for what in ("USERNAME", "PASSWORD"):
        if os.environ.get(f"MLFLOW_AUTH_ADMIN_{what}"):
            os.environ.setdefault(f"MLFLOW_TRACKING_{what}", os.environ[f"MLFLOW_AUTH_ADMIN_{what}"])


def prepare():
    """Complete the environment of a server, and write the configuration of the authentication app from it. Returns the app's SQLite file or ''."""
    for generated, name in GENERATED.items():
        if generated in os.environ:
            os.environ.setdefault(name, os.environ[generated])
    if not is_on():
        return ""
    uri = os.environ["MLOPS_AUTH_DATABASE_URI"]
    file = uri.removeprefix("sqlite:///").partition("?")[0] if uri.startswith("sqlite:///") else ""
    if file:
        # Upstream would create it for everybody to read.
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    if kind() == "oidc":
        sign_on.prepare(uri)
    else:
        configure(uri)
    return file


def configure(uri):
    """Write the configuration of MLflow's own app, whose database is uri."""
    function = "mlflow.server.auth:authenticate_request_basic_auth"
    if kind() == "ldap":
        function = "directory_users:authenticate"
        # Found by processes that this one does not fork, too.
        os.environ["PYTHONPATH"] = os.path.dirname(os.path.abspath(__file__))
    config = configparser.ConfigParser(interpolation=None)
    values = {
        "default_permission": os.environ["MLOPS_AUTH_DEFAULT_PERMISSION"],
        "database_uri": uri,
        "admin_username": os.environ["MLFLOW_AUTH_ADMIN_USERNAME"],
        "admin_password": os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"],
        "authorization_function": function,
        "auth_cache_ttl_seconds": os.environ["MLOPS_AUTH_CACHE_SECONDS"],
    }
    # The reader of this file takes '%' for the beginning of a reference.
    config["mlflow"] = {name: value.replace("%", "%%") for name, value in values.items()}
    with os.fdopen(os.open(CONFIG, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as handle:
        config.write(handle)
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = CONFIG


def begin():
    """What must be there before the server's code is loaded."""
    if is_on() and kind() == "oidc":
        sign_on.make_room()


def settle():
    """Make the stores agree with the environment, before there are workers. Raises what MLflow's stores raise."""
    if is_on():
        sign_on.settle() if kind() == "oidc" else settle_administrator()
    if os.environ.get("MLFLOW_CRYPTO_KEK_PASSPHRASE"):
        settle_secrets(os.environ["MLFLOW_CRYPTO_KEK_PASSPHRASE"], os.environ.get("MLOPS_GENERATED_PASSPHRASE", ""))


def settle_administrator():
    """Give the administrator the password and the rights that he should have. Other users are not touched."""
    app = importlib.import_module("mlflow.server.auth")
    name, password = os.environ["MLFLOW_AUTH_ADMIN_USERNAME"], os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"]
    if getattr(app.store, "engine", None) is None:
        app.store.init_db(app.auth_config.database_uri)
    if not app.store.has_user(name):
        app.store.create_user(name, password, is_admin=True)
        print(f"auth.py: made the administrator {name}", flush=True)
    elif not app.store.authenticate_user(name, password) or not app.store.get_user(name).is_admin:
        app.store.update_user(name, password=password, is_admin=True)
        print(f"auth.py: gave the administrator {name} the password of the inventory", flush=True)


def settle_secrets(passphrase, generated):
    """Wrap again, with passphrase, the keys of stored secrets (gateway, webhooks) that are wrapped with MLflow's public default or with the
    passphrase that this host generated. In one transaction; the secrets themselves are not touched (see `mlflow crypto rotate-kek`)."""
    models = importlib.import_module("mlflow.store.tracking.dbmodels.models")
    kind = getattr(models, "SqlGatewaySecret", None)
    if kind is None:
        return
    sqlalchemy = importlib.import_module("sqlalchemy")
    # A connection of its own: MLflow's store would make the tables that are not there.
    engine = importlib.import_module("mlflow.store.db.utils").create_sqlalchemy_engine_with_retry(os.environ["MLFLOW_BACKEND_STORE_URI"])
    if sqlalchemy.inspect(engine).has_table(kind.__tablename__):
        with engine.begin() as connection:
            wanted = sqlalchemy.select(kind.secret_id, kind.secret_name, kind.encrypted_value, kind.wrapped_dek, kind.kek_version)
            for secret in connection.execute(wanted).all():
                wrapped = wrap_again(secret, passphrase, generated)
                if wrapped:
                    connection.execute(sqlalchemy.update(kind).where(kind.secret_id == secret.secret_id).values(wrapped_dek=wrapped))
    engine.dispose()


def wrap_again(secret, passphrase, generated):
    """The key of a secret as passphrase wraps it, where generated or the public default wrapped it; nothing where it is right or unknown."""
    crypto = importlib.import_module("mlflow.utils.crypto")
    ours = crypto.KEKManager(passphrase=passphrase, kek_version=secret.kek_version)
    if unwraps(crypto, secret, ours):
        return None
    for name in filter(None, (generated, crypto.DEFAULT_KEK_PASSPHRASE)):
        theirs = crypto.KEKManager(passphrase=name, kek_version=secret.kek_version)
        if unwraps(crypto, secret, theirs):
            print(f"auth.py: secret {secret.secret_name} is encrypted with the passphrase of this server now", flush=True)
            return crypto.rotate_secret_encryption(secret.encrypted_value, secret.wrapped_dek, theirs, ours).wrapped_dek
    print(f"auth.py: secret {secret.secret_name} cannot be read: it was stored with another mlflow_crypto_kek_passphrase", flush=True)
    return None


def unwraps(crypto, secret, manager):
    try:
        crypto.unwrap_dek(secret.wrapped_dek, manager.get_kek())
    except Exception:
        return False
    return True
