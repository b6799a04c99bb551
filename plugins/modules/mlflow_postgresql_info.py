#!/usr/bin/python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_postgresql_info
short_description: Read what a PostgreSQL cluster of Debian is, in one round trip
version_added: 0.1.0
description:
  - Reads which PostgreSQL is installed, the cluster of one name, its settings, one role and one database, and whether the role can log in.
  - It asks through psql(1) as the user C(postgres) and needs no driver on the host. It changes nothing. It has to run as root.
options:
  cluster:
    description: Name of the cluster, as pg_lsclusters(1) has it.
    type: str
    required: true
  user:
    description: Role that is looked for.
    type: str
    required: true
  database:
    description: Database that is looked for.
    type: str
    required: true
  password:
    description: Password that O(user) should have. It reaches psql in its environment alone. Without it, no log-in is tried.
    type: str
  certificate:
    description: PEM file that the cluster has to show a certificate of, when O(user) logs in over TLS on loopback.
    type: path
  standby_user:
    description: Role that standbys log in as, which is looked for too. Without it, none is.
    type: str
    default: ""
  standby_password:
    description: Password that O(standby_user) should have. It is compared with what the server keeps of it; no log-in is tried.
    type: str
    default: ""
extends_documentation_fragment:
  - mlops.mlflow.reads
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Look at the cluster
  mlops.mlflow.mlflow_postgresql_info:
    cluster: mlflow
    user: mlflow
    database: mlflow
  register: found
"""

RETURN = r"""
installed:
  description: Major versions whose server is installed, oldest first.
  returned: always
  type: list
  elements: str
  sample: ["15"]
cluster:
  description: >-
    The cluster, or an empty dictionary where there is none. C(data) is its folder; C(standby) tells whether it follows another one, and C(system) is what
    the clusters of one primary and its standbys share.
  returned: always
  type: dict
  sample: {version: "15", port: 5432, online: true, data: /var/lib/postgresql/15/mlflow, standby: false, system: "7577730284545215121"}
server:
  description: >-
    What the server says of itself, or an empty dictionary where it was not asked or did not answer. C(loaded) is when it read its configuration, in seconds
    since the epoch; C(waiting) are settings that a restart would bring in; C(mistakes) are lines of its files that it cannot use; C(role) and C(database) are
    null where there is none. C(standby_role) says the same of O(standby_user), and whether it has O(standby_password). C(slots) are those for standbys, with
    C(lost) where the server has not kept what its standby lacks; C(streaming) tells whether this server, a standby, is being sent what its primary writes.
  returned: always
  type: dict
  sample:
    loaded: 1790000000.5
    max_connections: 100
    waiting: [shared_buffers]
    mistakes: []
    role: {login: true, superuser: false}
    database: {owner: mlflow, encoding: UTF8}
    standby_role: {login: true, replication: true, verified: true}
    slots: [{name: mlflow_db2, active: true, lost: false}]
    streaming: false
problem:
  description: Why the server could not be asked, or an empty string.
  returned: always
  type: str
login:
  description: Why O(user) could not log in with O(password), or an empty string where it could or was not tried.
  returned: always
  type: str
"""

import base64
import glob
import hashlib
import hmac
import json
import os
import re

from ansible.module_utils.basic import AnsibleModule

# pg_settings(5), pg_file_settings and pg_hba_file_rules of PostgreSQL's own manual. What only a restart would bring in is no mistake.
QUESTION = """
SELECT json_build_object(
  'loaded', extract(epoch FROM pg_conf_load_time()),
  'max_connections', current_setting('max_connections')::int,
  'waiting', (SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM pg_settings WHERE pending_restart),
  'mistakes', (SELECT coalesce(json_agg(told), '[]') FROM (
     SELECT concat_ws(': ', coalesce(name, concat(sourcefile, ', line ', sourceline)), error) AS told FROM pg_file_settings
       WHERE error <> 'setting could not be applied' AND error NOT LIKE '%without restarting the server'
     UNION ALL SELECT format('pg_hba.conf, line %s: %s', line_number, error) FROM pg_hba_file_rules WHERE error IS NOT NULL) AS all_mistakes),
  'role', (SELECT json_build_object('login', rolcanlogin, 'superuser', rolsuper) FROM pg_roles WHERE rolname = :'user'),
  'database', (SELECT json_build_object('owner', pg_get_userbyid(datdba), 'encoding', pg_encoding_to_char(encoding))
     FROM pg_database WHERE datname = :'database'),
  'standby_role', (SELECT json_build_object('login', rolcanlogin, 'replication', rolreplication, 'kept', coalesce(rolpassword, ''))
     FROM pg_authid WHERE rolname = :'standby_user'),
  'slots', (SELECT coalesce(json_agg(json_build_object('name', slot_name, 'active', active, 'lost', coalesce(wal_status = 'lost', false))), '[]')
     FROM pg_replication_slots WHERE slot_type = 'physical'),
  'streaming', EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'));
"""
SECONDS = "10"


def clusters(text):
    """Clusters of each name, from the lines of `pg_lsclusters --no-header`: version, name, port, status, owner, folder, log file."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 6:
            found[words[1]] = {"version": words[0], "port": int(words[2]), "online": words[3].startswith("online"), "data": words[5]}
    return found


def about_data(module, cluster):
    """Whether the cluster follows another, and what both share. Read from its files, so that it can be asked of one that does not run."""
    program = f"/usr/lib/postgresql/{cluster['version']}/bin/pg_controldata"
    out = module.run_command([program, "-D", cluster["data"]], environ_update={"LC_ALL": "C"})[1] if os.path.exists(program) else ""
    found = re.search(r"system identifier: +(\d+)", out)
    return {"standby": os.path.exists(os.path.join(cluster["data"], "standby.signal")), "system": found[1] if found else ""}


def verified(kept, password):
    """Whether what the server keeps of a password (RFC 5802) was made of this one."""
    parts = re.fullmatch(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):.*", kept)
    if not parts:
        return False
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts[2]), int(parts[1]))
    return hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest() == base64.b64decode(parts[3])


def installed(folder="/usr/lib/postgresql"):
    found = [name.split(os.sep)[-3] for name in glob.glob(os.path.join(folder, "*", "bin", "postgres"))]
    return sorted(found, key=lambda version: [int(part) for part in re.findall(r"\d+", version)])


def last(text):
    """The last line of what a tool said, without its own name."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"^psql: (error: )?", "", lines[-1]) if lines else "it said nothing"


def ask(module, cluster):
    """What the server says of itself, and why it does not."""
    words = ["runuser", "-u", "postgres", "--", "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-v", "user=" + module.params["user"],
             "-v", "database=" + module.params["database"],
             "-v", "standby_user=" + module.params["standby_user"], "-h", "/var/run/postgresql", "-p", str(cluster["port"]), "-d", "postgres"]
    code, out, err = module.run_command(words, data=QUESTION, cwd="/", environ_update={"PGCONNECT_TIMEOUT": SECONDS})
    if code:
        return {}, last(err or out)
    found = json.loads(out)
    if found["standby_role"]:
        found["standby_role"]["verified"] = verified(found["standby_role"].pop("kept"), module.params["standby_password"])
    return found, ""


def log_in(module, cluster):
    """Why the role cannot log in over TLS, or nothing."""
    how = {"host": "127.0.0.1", "port": str(cluster["port"]), "user": module.params["user"], "dbname": module.params["database"], "connect_timeout": SECONDS,
           "sslmode": "verify-full", "sslrootcert": module.params["certificate"] or "system"}
    words = ["psql", "-XAtqw", "-c", "SELECT 1", "-d", " ".join(f"{name}={value}" for name, value in how.items())]
    code, out, err = module.run_command(words, cwd="/", environ_update={"PGPASSWORD": module.params["password"]})
    return last(err or out) if code else ""


def main():
    module = AnsibleModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "user": {"type": "str", "required": True},
            "database": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True},
            "certificate": {"type": "path"},
            "standby_user": {"type": "str", "default": ""},
            "standby_password": {"type": "str", "no_log": True, "default": ""},
        },
        supports_check_mode=True,
    )
    found = {"installed": installed(), "cluster": {}, "server": {}, "problem": "", "login": ""}
    program = module.get_bin_path("pg_lsclusters")
    if program:
        code, out, err = module.run_command([program, "--no-header"])
        if code:
            module.fail_json(msg=f"pg_lsclusters: {last(err or out)}")
        found["cluster"] = clusters(out).get(module.params["cluster"], {})
        if found["cluster"]:
            found["cluster"].update(about_data(module, found["cluster"]))
    if found["cluster"].get("online"):
        found["server"], found["problem"] = ask(module, found["cluster"])
    if found["server"] and module.params["password"] is not None:
        found["login"] = log_in(module, found["cluster"])
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
