"""Programs for the server's container, about the secrets that MLflow keeps in its database."""

# Which passphrase opens the secrets in a database: words of standard input, the first line is the database.
READERS = r"""
import sqlite3, sys
from mlflow.utils.crypto import DEFAULT_KEK_PASSPHRASE, KEKManager, unwrap_dek

def readers(file, **passphrases):
    found = []
    for (wrapped,) in sqlite3.connect(file).execute("SELECT wrapped_dek FROM secrets"):
        for name, passphrase in {"public": DEFAULT_KEK_PASSPHRASE, **passphrases}.items():
            try:
                unwrap_dek(wrapped, KEKManager(passphrase=passphrase, kek_version=1).get_kek())
                found.append(name)
            except Exception:
                pass
    return found
"""
# Makes a secret with MLflow's public default, lets starts settle it, and tells who can read it after each.
SETTLE = READERS + r"""
import os
sys.path.insert(0, "/run/mlflow")
import auth
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
os.environ["MLFLOW_BACKEND_STORE_URI"] = "sqlite:////tmp/settle.db"
auth.settle_secrets("made on the host", "made on the host")
SqlAlchemyStore("sqlite:////tmp/settle.db", "mlflow-artifacts:/").create_gateway_secret("key", {"api_key": "hush"}, provider="openai")
for passphrase in (None, "made on the host", "from the vault", "a third one"):
    if passphrase:
        auth.settle_secrets(passphrase, "made on the host")
    print(readers("/tmp/settle.db", made="made on the host", given="from the vault", third="a third one"))
"""
