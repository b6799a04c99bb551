#!/bin/sh
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# run.sh FILE: becomes `docker run` with the lines of FILE as its words
set -eu
file=$1
set --
while IFS= read -r word; do set -- "$@" "$word"; done < "$file"
exec docker run "$@"
