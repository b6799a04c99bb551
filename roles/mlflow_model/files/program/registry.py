#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which versions of which models should be served, as the registry says, and which are. Standard library only; runs on the host.

Alone (`python3 -c`, also where nothing is installed yet) it reads the configuration from standard input, changes nothing and prints the plan as JSON.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

STATE = pathlib.Path("/var/lib/mlflow-model")
UNIT = "mlflow-model@{}.service"
# What a container is made of. With another of these it is another instance, which takes the place of the one that runs.
OF_INSTANCE = ("name", "workers", "memory", "cpus", "pids", "network", "timeout")


class Refused(Exception):
    """Why something cannot be done, for a person."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A password goes to the server that it is meant for and nowhere else."""

    def redirect_request(self, *_about):
        return None


class Registry:
    """The tracking server as one user sees it. about: url, username, password, token, ca_file."""

    def __init__(self, about):
        self.base, self.headers = about["url"].rstrip("/"), {}
        if about.get("username"):
            pair = f"{about['username']}:{about['password']}".encode()
            self.headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        elif about.get("token"):
            self.headers["Authorization"] = f"Bearer {about['token']}"
        trust = ssl.create_default_context(cafile=about.get("ca_file") or None)
        self.opener = urllib.request.build_opener(NoRedirect, urllib.request.HTTPSHandler(context=trust))

    def open(self, path, /, body=None, **query):
        address = f"{self.base}/api/2.0/{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        try:
            data = None if body is None else json.dumps(body).encode()
            return self.opener.open(urllib.request.Request(address, data, {**self.headers, "Content-Type": "application/json"}), timeout=60)
        except urllib.error.HTTPError as refusal:
            said = refusal.read(2000).decode(errors="replace")
            said = ": " + json.loads(said).get("message", "") if said.startswith("{") and said.endswith("}") else ""
            raise Refused(f"{self.base} answered {refusal.code} to {path}{said}") from None
        except (OSError, ValueError) as reason:
            raise Refused(f"no answer from {self.base} ({getattr(reason, 'reason', reason)})") from None

    def ask(self, call, /, body=None, **query):
        with self.open(call, body, **query) as answer:
            try:
                return json.load(answer)
            except ValueError:
                raise Refused(f"{self.base} answers, but not as MLflow does") from None

    def find(self, entry):
        """The version that an entry of the configuration means now, and where its files lie."""
        version = entry.get("version")
        if not version:
            version = self.ask("mlflow/registered-models/alias", name=entry["name"], alias=entry["alias"])["model_version"]["version"]
        place = self.ask("mlflow/model-versions/get-download-uri", name=entry["name"], version=version)
        return {"version": str(version), "source": place["artifact_uri"]}

    def download(self, source, folder):
        """Bring all files of a version into folder, through the tracking server."""
        parts = urllib.parse.urlsplit(source)
        if parts.scheme != "mlflow-artifacts":
            raise Refused(f"its files lie at {source}, which the tracking server does not hand out (experiments need artifacts served by it)")
        self._folder(parts.path.strip("/"), folder)

    def _folder(self, place, folder):
        folder.mkdir(mode=0o755, exist_ok=True)
        for file in self.ask("mlflow-artifacts/artifacts", path=place).get("files", []):
            name = file["path"].rpartition("/")[2]
            if name in ("", ".", ".."):
                raise Refused(f"the tracking server names a file {file['path']!r}")
            if file.get("is_dir"):
                self._folder(f"{place}/{name}", folder / name)
                continue
            with self.open("mlflow-artifacts/artifacts/" + urllib.parse.quote(f"{place}/{name}")) as answer, open(folder / name, "wb") as kept:
                shutil.copyfileobj(answer, kept, 1 << 20)
            os.chmod(folder / name, 0o644)


def instance_of(config, entry, found):
    """The name of what serves that version with these settings: ID-VERSION-DIGEST."""
    made_of = [config["release"], config["base"], found["source"], {key: str(entry[key]) for key in OF_INSTANCE}]
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return f"{entry['id']}-{found['version']}-{digest[:8]}"


def asked(entry):
    return f"{entry['name']}@{entry['alias']}" if entry.get("alias") else f"{entry['name']}, version {entry['version']}"


def door(model):
    """What requests for a model go through: a link to the socket of its instance. Another rename(2), another instance."""
    return STATE / "door" / f"{model}.sock"


def serving(model):
    """The instance that serves a model, or an empty string."""
    return os.readlink(door(model)).split("/")[-2] if door(model).is_symlink() else ""


def active(unit):
    return subprocess.run(["systemctl", "--quiet", "is-active", unit], check=False).returncode == 0


def plan(config, digest):
    """What a run would do: for each model the version and instance that are wanted and that serve; what would go; whether anything is to do."""
    models = {}
    registry = Registry(config["registry"])
    for entry in config["models"]:
        now = serving(entry["id"])
        about = {"asked": asked(entry), "serving": now.split("-")[1] if now else "", "problem": "", "version": "", "due": True}
        try:
            found = registry.find(entry)
            about.update(version=found["version"], due=now != instance_of(config, entry, found) or not active(UNIT.format(now)))
        except Refused as reason:
            about["problem"] = str(reason)
        models[entry["id"]] = about
    gone = sorted({link.stem for link in (STATE / "door").glob("*.sock")} - set(models))
    applied = STATE / "applied"
    due = gone or any(about["due"] for about in models.values()) or not applied.exists() or applied.read_text(encoding="utf-8").strip() != digest
    return {"models": models, "gone": gone, "due": bool(due)}


if __name__ == "__main__":
    TEXT = sys.stdin.read()
    print(json.dumps(plan(json.loads(TEXT), hashlib.sha256(TEXT.encode()).hexdigest())))
