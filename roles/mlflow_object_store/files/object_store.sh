#!/bin/sh
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# What mlflow-object-store.service does beside SeaweedFS, as root.
#
#     object_store.sh take                  hand over configuration, keys and certificate, before SeaweedFS starts
#     object_store.sh serving               wait until it serves, then note what it serves
#     object_store.sh stop                  stop it once all data is written
#     object_store.sh keep                  keep the configuration that serves as it should
#     object_store.sh back                  put back the one that was kept last
#     object_store.sh certificate NAME...   make a certificate for these names and addresses
set -eu
umask 077

config=/etc/mlflow-object-store lib=/usr/local/lib/mlflow-object-store run=/run/mlflow-object-store user=mlflow-object-store
# What a change may break, and what is put back then.
kept='server.conf mlflow.keys tls.sources tls.crt tls.key'

setting() { sed -n "s/^$1=//p" "$config/server.conf"; }

give() { install -T --owner=root --group=$user --mode=0440 "$1" "$run/$2"; }

random() { openssl rand -hex 32; }

self_signed() {
    # FOLDER NAME WORD...: FOLDER/NAME.key and FOLDER/NAME.crt
    folder=$1 name=$2
    shift 2
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=mlflow-object-store \
        -keyout "$folder/$name.key" -out "$folder/$name.crt" "$@" 2>/dev/null
}

identities() {
    { read -r access && read -r secret && read -r bucket; } < "$config/mlflow.keys"
    { read -r admin_access && read -r admin_secret; } < "$run/admin.keys"
    policy='{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketMultipartUploads","s3:GetBucketLocation"],"Resource":"arn:aws:s3:::'$bucket'"},
        {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:DeleteObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts",
         "s3:GetObjectTagging","s3:PutObjectTagging","s3:DeleteObjectTagging"],"Resource":"arn:aws:s3:::'$bucket'/*"}]}'
    policy=$(printf %s "$policy" | tr -d '\n' | sed 's/"/\\"/g')
    cat << IDENTITIES
{"identities": [
  {"name": "host", "credentials": [{"accessKey": "$admin_access", "secretKey": "$admin_secret"}], "actions": ["Admin"]},
  {"name": "mlflow", "credentials": [{"accessKey": "$access", "secretKey": "$secret"}], "policyNames": ["mlflow"]}],
 "policies": [{"name": "mlflow", "content": "$policy"}]}
IDENTITIES
}

security() {
    # Without these, whoever can connect to loopback reads and writes every object. New ones at each start: nobody else needs them.
    for part in jwt.signing jwt.signing.read jwt.filer_signing jwt.filer_signing.read; do
        printf '[%s]\nkey = "%s"\n' "$part" "$(random)"
    done
    printf '[access]\nui = false\n[filer.expose_directory_metadata]\nenabled = false\n[grpc]\nca = "%s/inner.crt"\n' "$run"
    for part in master volume filer s3 client; do
        printf '[grpc.%s]\ncert = "%s/inner.crt"\nkey = "%s/inner.key"\n' "$part" "$run" "$run"
    done
}

listens() {
    grep -qE "$(printf ':%04X' "$1") [0-9A-F]+:0000 0A" /proc/net/tcp /proc/net/tcp6
}

writes() {
    # shellcheck disable=SC2010 # the targets of the links are asked for, not their names
    ls -l "/proc/$1/fd" 2>/dev/null | grep -q '\.dat$'
}

case $1 in
take)
    data=$(setting dir)
    # Data of an earlier host, or put back by hand.
    [ -z "$(find "$data" -maxdepth 2 ! -user $user -print -quit)" ] || chown -hR $user:$user "$data"
    random > "$run/admin.keys"
    random >> "$run/admin.keys"
    self_signed "$run" inner
    security > "$run/security.new"
    identities > "$run/s3.new"
    for file in security:security.toml s3:s3.json; do
        give "$run/${file%:*}.new" "${file#*:}"
        rm "$run/${file%:*}.new"
    done
    chown root:$user "$run/inner.key" "$run/inner.crt"
    chmod 0440 "$run/inner.key" "$run/inner.crt"
    give "$config/server.conf" server.conf
    if [ -e "$config/tls.sources" ]; then
        { read -r certificate && read -r key; } < "$config/tls.sources"
        give "$certificate" tls.crt
        give "$key" tls.key
    fi
    for file in "$run/server.conf" "$config/mlflow.keys" "$lib/weed.from" "$run/tls.crt" "$run/tls.key"; do
        if [ -e "$file" ]; then sha256sum < "$file" | cut -d ' ' -f 1; else echo none; fi
    done > "$run/taken"
    ;;
serving)
    until listens "$(setting s3.port)"; do
        kill -0 "$MAINPID"
        sleep 0.2
    done
    mv "$run/taken" "$run/served"
    ;;
keep)
    rm -rf "$config/good.new"
    mkdir "$config/good.new"
    for file in $kept; do
        [ ! -e "$config/$file" ] || cp -p "$config/$file" "$config/good.new/"
    done
    rm -rf "$config/good"
    mv "$config/good.new" "$config/good"
    ;;
stop)
    [ -n "${MAINPID:-}" ] || exit 0
    # Its metadata server waits 15 s for its own S3 server, for ever on a full disk, long after the last byte is written.
    kill -TERM "$MAINPID"
    tries=0
    while [ $tries -lt 100 ] && writes "$MAINPID"; do
        tries=$((tries + 1))
        sleep 0.2
    done
    kill -KILL "$MAINPID" 2>/dev/null || :
    ;;
back)
    for file in $kept; do
        if [ -e "$config/good/$file" ]; then cp -p "$config/good/$file" "$config/$file"; else rm -f "$config/$file"; fi
    done
    ;;
certificate)
    shift
    names=
    for name in "$@"; do
        case $name in *[!0-9.]*) kind=DNS ;; *) kind=IP ;; esac
        names="$names${names:+,}$kind:$name"
    done
    scratch=$(mktemp -d "$config/.new.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    self_signed "$scratch" ca -addext "subjectAltName=$names" -addext basicConstraints=critical,CA:FALSE \
        -addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=serverAuth
    chmod 0644 "$scratch/ca.crt"
    mv "$scratch/ca.key" "$config/ca.key"
    mv "$scratch/ca.crt" "$config/ca.crt"
    ;;
*)
    echo "object_store.sh: unknown verb $1" >&2
    exit 2
    ;;
esac
