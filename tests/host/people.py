"""The host of scenario `identity` that knows people: its directory, its provider, and a browser on it."""

from __future__ import annotations

import json
import pathlib
import shlex

from provisioning import host_of

NAME = "mlflow-identity-people"
BASE = "dc=example,dc=test"
TOOLS = pathlib.Path(__file__).resolve().parents[1] / "tools"


def password_of(person):
    return f"{person}'s password"


def login(person):
    return person, password_of(person)


class People:
    """ada is of the group mlflow, grace of mlflow-admin, eve of none."""

    def __init__(self):
        self.host = host_of(NAME)

    def membership(self, action, person, group="mlflow"):
        """Change who is in a group. action: add or delete. The last member of a group cannot leave it."""
        change = f"dn: cn={group},ou=groups,{BASE}\nchangetype: modify\n{action}: member\nmember: uid={person},ou=people,{BASE}\n"
        self.host.check_output("printf %s | ldapmodify -Q -Y EXTERNAL -H ldapi:///", change)

    def know(self, name, address, ca):
        """Have the browser's host reach `name` at `address` and trust the authority in the text ca."""
        self.host.check_output("grep -q %s /etc/hosts || echo %s >> /etc/hosts", f" {name}$", f"{address} {name}")
        self.host.check_output("printf %%s %s > /tmp/mlflow-ca.crt && certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n mlflow -i /tmp/mlflow-ca.crt", ca)
        for tool in ("browser.py", "sign_on"):
            self.host.check_output("printf %%s %s > /srv/%s", (TOOLS / tool).read_text(encoding="utf-8"), tool)

    def browse(self, url, person, *steps):
        """Open url in Chromium, log in as person, take the steps (JavaScript expressions, promises too) and tell what each came to.
        Returns a dictionary: url and text of the page at the end, cookies, values. The password goes by standard input."""
        words = " ".join(shlex.quote(word) for word in (url, person, *steps))
        ended = self.host.run(f"printf %s {shlex.quote(password_of(person))} | python3 /srv/sign_on {words}")
        assert ended.rc == 0, ended.stderr + ended.stdout
        return json.loads(ended.stdout)
