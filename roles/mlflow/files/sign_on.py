#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users of an OpenID provider: what mlflow-oidc-auth, the app that asks it, takes beside the inventory. Used by auth.py.

The administrator of the inventory is a service account of that app, whom no token of a provider can name: he logs in with the password of the inventory,
and is there when the provider is not.
"""

from __future__ import annotations

import datetime
import importlib
import os
import ssl

# In memory, and of this container alone.
TRUSTED = "/dev/shm/trusted.pem"
SCHEMA = "mlflow_oidc"
# The app's tokens have an end; this one is renewed at each start.
DAYS = 3650
TOKEN = "inventory"


def trust(file):
    """Have this process trust the authorities in file, beside those that the image trusts."""
    known = ssl.get_default_verify_paths()
    with open(TRUSTED, "w") as bundle:
        for name in filter(None, (known.cafile, file)):
            with open(name) as part:
                bundle.write(part.read() + "\n")
    # The first is for the app's own client, the second for requests.
    os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = TRUSTED


def apart(uri):
    """The same PostgreSQL database, in a schema of its own: the tables have names that those of MLflow's own app have (PostgreSQL, 20.11.1)."""
    return f"{uri}{'&' if '?' in uri else '?'}options=-csearch_path%3D{SCHEMA}"


def make_room():
    """Make that schema, where it is wanted and not there."""
    uri = os.environ["OIDC_USERS_DB_URI"]
    if f"search_path%3D{SCHEMA}" in uri:
        sqlalchemy = importlib.import_module("sqlalchemy")
        with importlib.import_module("database").engine(uri).connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))


def prepare(uri):
    """Complete the environment of the app, whose database is uri."""
    if os.environ.get("MLOPS_AUTH_CA"):
        trust(os.environ["MLOPS_AUTH_CA"])
    os.environ["OIDC_USERS_DB_URI"] = apart(uri) if uri == os.environ["MLFLOW_BACKEND_STORE_URI"] and uri.startswith("postgresql") else uri
    os.environ["SECRET_KEY"] = os.environ["MLFLOW_FLASK_SERVER_SECRET_KEY"]
    os.environ["DEFAULT_MLFLOW_PERMISSION"] = os.environ["MLOPS_AUTH_DEFAULT_PERMISSION"]


def settle():
    """Give the administrator the password and the rights that he should have. Other users are not touched."""
    make_room()
    store = importlib.import_module("mlflow_oidc_auth.store").store
    name, password = os.environ["MLFLOW_AUTH_ADMIN_USERNAME"].lower(), os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"]
    if not store.has_user(name):
        store.create_user(name, "Administrator", is_admin=True, is_service_account=True)
        print(f"sign_on.py: made the administrator {name}", flush=True)
    if store.authenticate_user(name, password) and store.get_user_profile(name).is_admin:
        return
    store.update_user(name, is_admin=True, is_service_account=True, active=True)
    importlib.import_module("mlflow_oidc_auth.utils.service_accounts").apply_source(name, "internal")
    models = importlib.import_module("mlflow_oidc_auth.db.models")
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    with store.ManagedSessionMaker() as session:
        user = session.query(models.SqlUser).filter(models.SqlUser.username == name).one()
        # One token without a prefix is what the app looks up by the user alone.
        session.query(models.SqlUserToken).filter(models.SqlUserToken.user_id == user.id, models.SqlUserToken.token_prefix.is_(None)).delete()
        digest = importlib.import_module("werkzeug.security").generate_password_hash(password)
        session.add(models.SqlUserToken(user_id=user.id, name=TOKEN, token_prefix=None, token_hash=digest, created_at=now, created_by=name,
                                        expires_at=now + datetime.timedelta(days=DAYS)))  # fmt: skip
    print(f"sign_on.py: gave the administrator {name} the password of the inventory", flush=True)
