#!/bin/sh
# Runs inside the image build: installs the locked packages into /opt/mlflow and nothing else.
set -eu
secrets=/run/secrets
[ -d "$secrets" ] || secrets=/build/secrets
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Index and proxies, as shell assignments. The file does not exist where none are set.
# shellcheck source=/dev/null
if [ -s "$secrets/environment" ]; then . "$secrets/environment"; fi

# Trust what the base image trusts, what the host trusts, and what the operator added.
for store in /etc/ssl/certs/ca-certificates.crt "$secrets/host-ca" "$secrets/extra-ca"; do
    if [ -s "$store" ]; then cat "$store" >>"$work/ca.pem"; echo >>"$work/ca.pem"; fi
done
if [ -s "$work/ca.pem" ]; then export SSL_CERT_FILE="$work/ca.pem" PIP_CERT="$work/ca.pem"; fi

PYTHONDONTWRITEBYTECODE=1 python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --root-user-action=ignore \
    --no-compile --require-hashes --target "$work/uv" -r /build/uv.txt
# uv would open 50 connections at once; a weak resolver, proxy or mirror drops such a burst.
export UV_CONCURRENT_DOWNLOADS=8 UV_HTTP_RETRIES=10
uv() { UV_CACHE_DIR="$work/cache" UV_LINK_MODE=hardlink PYTHONPATH="$work/uv" "$work/uv/bin/uv" "$@"; }
python3 -m venv --without-pip /opt/mlflow
python=/opt/mlflow/bin/python3

# Locked sets are complete and hashed: nothing is resolved, every byte is checked.
locked=
for set in /build/locked/*.txt; do
    if [ -e "$set" ]; then locked="$locked -r $set"; fi
done
if [ -n "$locked" ]; then
    # shellcheck disable=SC2086 # one word to each option
    uv pip install --quiet --python "$python" --no-deps --no-build --require-hashes $locked
fi
if [ -s /build/unlocked.txt ]; then
    constraint=/build/constraints.txt
    if [ -n "$locked" ]; then uv pip freeze --python "$python" >"$work/frozen.txt"; constraint=$work/frozen.txt; fi
    excludes=
    if [ -e /build/excludes.txt ]; then excludes="--excludes /build/excludes.txt"; fi
    # shellcheck disable=SC2086 # an option and its value
    uv pip install --quiet --python "$python" --constraint "$constraint" $excludes -r /build/unlocked.txt
fi

# What no server reads: the packages' own tests, and sources of compiled modules.
find /opt/mlflow -type d -name tests -prune -exec rm -rf {} +
find /opt/mlflow -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' \) -delete

# With a read-only root each start compiles anew what has no bytecode here, the base image's modules too. All of it would be
# 100 MB: so what a server reads, and of the rest what a start imports. This also proves that the set imports.
export PYTHONPYCACHEPREFIX=/opt/mlflow/pycache
cd /opt/mlflow/lib/python3*/site-packages
set --
for name in alembic anyio flask_cors graphene graphql graphql_relay gunicorn httptools opentelemetry/sdk sqlalchemy/dialects/sqlite \
    sqlalchemy/dialects/postgresql starlette uvicorn uvloop mlflow/entities mlflow/server mlflow/store mlflow/tracing; do
    if [ -d "$PWD/$name" ]; then set -- "$@" "$PWD/$name"; fi
done
"$python" -m compileall -q -j 0 "$@"
PYTHONWARNINGS=ignore "$python" -c 'import logging.config, logging.handlers, sqlite3, mlflow.cli, mlflow.server.fastapi_app'
