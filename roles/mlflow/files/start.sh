#!/bin/sh
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# start.sh KEYS ENVIRONMENT COMMAND...
#
# Becomes COMMAND with the lines of both files on its standard input, which nothing else can read. Where there is no file KEYS, it is
# made: the keys of a host whose inventory gives none.
set -eu
umask 077
keys=$1 environment=$2
shift 2

random() {
    head -c 32 /dev/urandom | base64
}

if ! test -s "$keys"; then
    printf 'MLOPS_GENERATED_SECRET_KEY=%s\nMLOPS_GENERATED_PASSPHRASE=%s\n' "$(random)" "$(random)" > "$keys.new"
    sync "$keys.new"
    mv "$keys.new" "$keys"
fi
lines=$(cat "$keys" "$environment")
exec "$@" << END
$lines
END
