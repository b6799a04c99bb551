"""What test_diagnose plants on a server, by group, how it is mended, and what diagnose has to say of it."""

from __future__ import annotations

WRITE = 'import sqlite3; c = sqlite3.connect("/mlflow/mlflow.db"); c.execute("UPDATE alembic_version SET version_num = ?", ["{}"]); c.commit()'
SCHEMA = f"python3 -c '{WRITE}'"
STOP_ALL = "kill -{} $(docker top mlflow -o pid | tail -n +2)"
# A tree of 8 MB with the database in it, without room and without inodes.
SMALL_TREE = f"""
mkdir /srv/keep && cp /mlflow/mlflow.db /srv/keep/
mount -t tmpfs -o size=8m,nr_inodes=9,mode=0755,uid=50000,gid=50000 none /mlflow
install -d -o 50000 -g 50000 /mlflow/mlruns && install -d -o 50000 -g 50000 -m 0777 /mlflow/artifacts && install -d -o 50000 -g 50000 -m 0700 /mlflow/tmp
cp /srv/keep/mlflow.db /mlflow/ && chown 50000:50000 /mlflow/mlflow.db
{SCHEMA.format("ffffffffffff")}
dd if=/dev/zero of=/mlflow/fill bs=64k 2>/dev/null; for i in 1 2 3 4 5 6 7 8 9; do touch /mlflow/$i 2>/dev/null; done; true
"""

# By group: how it is planted and mended, and by line: its status and what value and remedy must hold.
GROUPS = {
    "while it serves": (
        f"""set -e
        docker kill mlflow && until [ "$(systemctl show -P NRestarts mlflow)" = 1 ] && systemctl -q is-active mlflow; do :; done
        systemctl disable mlflow && systemctl stop mlflow-watchdog
        echo '# changed by hand' >> /etc/mlflow/mlflow.env
        chmod 0700 /mlflow/mlruns && chown 12345 /mlflow/mlruns
        iptables -I DOCKER-USER -p tcp --dport 5000 -j DROP
        docker update --memory 1500m --memory-swap 1500m mlflow
        ! docker exec mlflow python3 -c 'b"x" * 4 * 10**9'
        echo '{{"backup": {{"failing": true, "message": "the target is full"}}}}' > /etc/ansible/facts.d/mlflow_backup.fact
        {SCHEMA.format("451aebb31d03")}
        touch /mlflow/mlflow.db-wal && chown 0 /mlflow/mlflow.db-wal && chmod 0444 /mlflow/mlflow.db""",
        f"""rm /etc/ansible/facts.d/mlflow_backup.fact
        iptables -D DOCKER-USER -p tcp --dport 5000 -j DROP
        chmod 0755 /mlflow/mlruns; chown 50000 /mlflow/mlruns; chmod 0644 /mlflow/mlflow.db*; chown 50000 /mlflow/mlflow.db*
        {SCHEMA.format("HEAD")}""",
        {
            "unit": ("warn", ["does not start with the host", "systemctl enable mlflow.service"]),
            "watchdog": ("warn", ["inactive", "systemctl start mlflow-watchdog.service"]),
            "settings": ("warn", ["/etc/mlflow/mlflow.env", "site.yml --check --diff"]),
            "tree": ("fail", ["owner 12345, not 50000", "mode 0700, not 0755", "chown 50000 /mlflow/mlruns", "chmod 0755 /mlflow/mlruns"]),
            "reachable": ("fail", ["timed out", "iptables -nL DOCKER-USER"]),
            "restarts": ("warn", ["1 in 24 hours", "journalctl -u mlflow.service"]),
            "memory": ("fail", ["killed for want of memory", "mlflow_memory_limit"]),
            "backup": ("fail", ["the target is full", "systemctl status mlflow-backup"]),
            "database": ("fail", ["mode 0444", "chmod u+rw /mlflow/mlflow.db", "mlflow.db-wal belongs to 0", "chown 50000:50000 /mlflow/mlflow.db-wal"]),
            "schema": ("fail", ["451aebb31d03 is older", "site.yml"]),
            "health": ("ok", ["answers after"]),
        },
    ),
    "hung": (
        "systemctl stop mlflow-watchdog; " + STOP_ALL.format("STOP"), STOP_ALL.format("CONT"),
        {
            "container": ("fail", ["stopped (SIGSTOP)", "kill -CONT"]),
            "health": ("fail", ["no answer within 6 s", "systemctl restart mlflow.service"]),
            "tracking URI": ("fail", ["no answer within 6 s", "journalctl"]),
            "integrity": ("ok", ["no fault"]),
        },
    ),
    "paused": (
        "docker pause mlflow", "docker unpause mlflow",
        {"container": ("fail", ["is paused", "docker unpause mlflow"]), "health": ("fail", ["no answer", "systemctl restart mlflow.service"])},
    ),
    "names and versions": (
        """set -e
        sed -i 's/^MLFLOW_SERVER_ALLOWED_HOSTS=.*/MLFLOW_SERVER_ALLOWED_HOSTS=localhost:*,127.0.0.1:*/' /etc/mlflow/mlflow.env
        sed -i 's/"version": "[^"]*"/"version": "3.16.1"/' /etc/ansible/facts.d/mlflow.fact
        systemctl restart mlflow""",
        """sed -i 's/"version": "[^"]*"/"version": "3.17.2"/' /etc/ansible/facts.d/mlflow.fact""",
        {
            "tracking URI": ("fail", ["refuses the name mlflow-diagnose-debian13:5001", "mlflow_extra_allowed_hosts"]),
            "version": ("fail", ["3.17.2, and 3.16.1 is deployed", "site.yml"]),
            "settings": ("warn", ["mlflow.env", "site.yml"]),
            "health": ("ok", ["answers after"]),
        },
    ),
    "nothing runs": (
        """systemctl stop mlflow docker.service; mkdir /srv/keep && cp -a /mlflow/mlflow.db /srv/keep/
        dd if=/dev/urandom of=/mlflow/mlflow.db bs=4096 seek=20 count=40 conv=notrunc
        truncate -s 200M /mlflow/mlflow.db-wal && chown 50000:50000 /mlflow/mlflow.db-wal
        systemd-run --quiet --unit other python3 -m http.server 5001; until ss -ltn | grep -q :5001; do :; done""",
        """systemctl stop other; rm /mlflow/mlflow.db-wal; cp -a /srv/keep/mlflow.db /mlflow/ && rm -r /srv/keep
        ! systemctl -q is-active docker.service && systemctl start docker.service""",
        {
            "engine": ("fail", ["does not answer", "systemctl start docker"]),
            "unit": ("fail", ["inactive", "systemctl start mlflow.service"]),
            "container": ("fail", ["no container", "docker ps -a"]),
            "listener": ("fail", ["taken by python3", "ss -ltnp"]),
            "version": ("fail", ["3.17.2 is deployed", "site.yml"]),
            "integrity": ("fail", ["restore the last backup"]),
            "WAL": ("warn", ["210 MB", "fuser -v /mlflow/mlflow.db"]),
        },
    ),
    "no room": (
        SMALL_TREE, "umount /mlflow; rm -r /srv/keep",
        {
            "disk": ("fail", ["/mlflow has", "df -h"]),
            "inodes": ("fail", ["/mlflow has 0% free", "df -i"]),
            "schema": ("fail", ["ffffffffffff is newer", "set mlflow_version to the newest"]),
            "engine": ("ok", ["Docker"]),
        },
    ),
    "nothing is there": (
        """mkdir /srv/keep && mv /etc/systemd/system/mlflow.service /etc/ansible/facts.d/mlflow.fact /usr/bin/docker /srv/keep/ && systemctl daemon-reload
        mount -t tmpfs none /mlflow""",
        """umount /mlflow; cd /srv/keep && mv mlflow.service /etc/systemd/system/ && mv mlflow.fact /etc/ansible/facts.d/ && mv docker /usr/bin/
        rmdir /srv/keep; systemctl daemon-reload""",
        {
            "engine": ("fail", ["no docker client", "site.yml"]),
            "unit": ("fail", ["mlflow.service is not-found", "site.yml"]),
            "settings": ("warn", ["no record of what is deployed", "site.yml"]),
            "tree": ("fail", ["mlflow", "site.yml"]),
            "database": ("fail", ["there is no /mlflow/mlflow.db", "findmnt -T"]),
        },
    ),
}
