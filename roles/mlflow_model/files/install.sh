#!/bin/sh
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# Runs in the container that becomes the image of an environment: installs what a model needs into /opt/model and nothing else.
set -eu
secrets=/run/secrets
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Index and proxies, as shell assignments.
# shellcheck source=/dev/null
. "$secrets/environment"

# Trust what the base image trusts, what the host trusts, and what the operator added.
for store in /etc/ssl/certs/ca-certificates.crt "$secrets/host-ca" "$secrets/extra-ca"; do
    if [ -s "$store" ]; then cat "$store" >>"$work/ca.pem"; echo >>"$work/ca.pem"; fi
done
if [ -s "$work/ca.pem" ]; then export SSL_CERT_FILE="$work/ca.pem" PIP_CERT="$work/ca.pem"; fi

python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --root-user-action=ignore --no-compile --require-hashes \
    --target "$work/uv" -r /build/uv.txt
export UV_CONCURRENT_DOWNLOADS=8 UV_HTTP_RETRIES=10
uv() { UV_CACHE_DIR="$work/cache" UV_LINK_MODE=hardlink PYTHONPATH="$work/uv" "$work/uv/bin/uv" "$@"; }
python3 -m venv --without-pip /opt/model
python=/opt/model/bin/python3

# With a read-only root each start compiles anew what has no bytecode here.
uv pip install --quiet --compile-bytecode --python "$python" -r /wanted/requirements.txt
uv pip freeze --python "$python" >/opt/model/locked.txt
find /opt/model -type d -name tests -prune -exec rm -rf {} +
# This also proves that the set imports.
PYTHONWARNINGS=ignore "$python" -c 'import mlflow.pyfunc.scoring_server, fastapi, uvicorn'
