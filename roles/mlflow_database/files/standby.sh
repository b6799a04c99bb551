#!/bin/sh
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# What role mlops.mlflow.mlflow_database does for standbys, as root. CONNINFO says how to reach the primary and holds no secret.
#
#     standby.sh secret FILE                                   make the password that standbys log in with
#     standby.sh make VERSION CLUSTER PORT SLOT CONNINFO       make a cluster that follows the primary
#     standby.sh slot SLOT CONNINFO                            have the primary keep what the standby has not got yet
set -eu
umask 077
cd /

postgres() { runuser -u postgres -- "$@"; }

say() { postgres psql -Xqw -v ON_ERROR_STOP=1 -d "$1 replication=true" -c "$2"; }

case $1 in
secret)
    head -c 24 /dev/urandom | base64 > "$2.new"
    mv "$2.new" "$2"
    ;;
make)
    version=$2 cluster=$3 port=$4 slot=$5 conninfo=$6
    data=/var/lib/postgresql/$version/$cluster
    # A run that was cut off leaves half a copy, or a whole one that pg_createcluster does not know yet.
    if [ ! -e "$data/standby.signal" ]; then
        if [ -e "$data" ]; then
            echo "$data is there and belongs to no cluster. Move it away." >&2
            exit 1
        fi
        rm -rf "$data.new"
        install -d -o postgres -g postgres -m 0755 "${data%/*}"
        say "$conninfo" "DROP_REPLICATION_SLOT $slot" 2>/dev/null || :
        postgres pg_basebackup --pgdata="$data.new" --wal-method=stream --checkpoint=fast --create-slot --slot="$slot" --no-password --dbname="$conninfo"
        postgres touch "$data.new/standby.signal"
        mv -T "$data.new" "$data"
    fi
    # Debian keeps these elsewhere, takes them from here, and has them replaced by those of the role before the cluster starts.
    postgres cp "/usr/share/postgresql/$version/postgresql.conf.sample" "$data/postgresql.conf"
    echo 'local all postgres peer' | postgres tee "$data/pg_hba.conf" > /dev/null
    postgres touch "$data/pg_ident.conf"
    pg_createcluster --port "$port" "$version" "$cluster"
    ;;
slot)
    say "$3" "CREATE_REPLICATION_SLOT $2 PHYSICAL RESERVE_WAL"
    ;;
*)
    echo "standby.sh: unknown verb $1" >&2
    exit 2
    ;;
esac
