#!/bin/sh
# venv.sh STATE ID LINK PYTHON: makes the virtual environment STATE/ID of the requirements that lie beside this file, has LINK point to it, and
# removes those of before but the last, in which jobs may still run. Nothing that is in use changes before the new one is whole.
set -eu
umask 022
here=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)
state=$1 id=$2 link=$3 python=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Index and proxies, as shell assignments.
extra_ca=
# shellcheck source=/dev/null
. "$here/environment"
for store in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt "$extra_ca"; do
    if [ -s "$store" ]; then cat "$store" >>"$work/ca.pem"; echo >>"$work/ca.pem"; fi
done
if [ -s "$work/ca.pem" ]; then export SSL_CERT_FILE="$work/ca.pem" PIP_CERT="$work/ca.pem"; fi

version=$("$python" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
locked=$here/python$version.txt
for file in "$here"/python3*.txt; do
    if [ -e "$file" ] && [ ! -e "$locked" ]; then echo "$python is Python $version, and MLflow has no lock for it" >&2; exit 1; fi
done
if [ -e "$link" ] && [ ! -L "$link" ]; then echo "$link is there and is no link" >&2; exit 1; fi

new=$state/$id
rm -rf "$new"
"$python" -I -m venv "$new"
"$new/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile --require-hashes --target "$work/uv" -r "$here/uv.txt"
# uv would open 50 connections at once; a weak resolver, proxy or mirror drops such a burst.
export UV_CONCURRENT_DOWNLOADS=8 UV_HTTP_RETRIES=10
# Bytecode is made now: who runs in it may not write here.
uv() { UV_CACHE_DIR="$work/cache" UV_LINK_MODE=hardlink PYTHONPATH="$work/uv" "$work/uv/bin/uv" pip install --quiet --no-config --compile-bytecode --python "$new/bin/python" "$@"; }

# A lock is complete and hashed: nothing is resolved, every byte is checked.
: > "$work/constraints.txt"
if [ -e "$locked" ]; then
    uv --no-deps --no-build --require-hashes -r "$locked"
    sed -n 's/^\([A-Za-z0-9._-]*==[^ ;]*\).*/\1/p' "$locked" > "$work/constraints.txt"
fi
if [ -s "$here/unlocked.txt" ]; then uv --constraint "$work/constraints.txt" -r "$here/unlocked.txt"; fi
"$new/bin/python" -B -W ignore -c 'import mlflow, psutil'
echo "$id" > "$new/.mlflow-client"

before=$(readlink -f "$link" || :)
mkdir -p "$(dirname "$link")"
ln -sfn "$new" "$link.new"
mv -fT "$link.new" "$link"
# It was linked somewhere else.
other=$(cat "$state/link" 2>/dev/null || :)
if [ -n "$other" ] && [ "$other" != "$link" ] && [ -L "$other" ]; then
    before=$(readlink -f "$other" || :)
    rm "$other"
fi
echo "$link" > "$state/link"
for old in "$state"/*/; do
    old=${old%/}
    if [ "$old" != "$new" ] && [ "$old" != "$before" ]; then rm -rf "$old"; fi
done
