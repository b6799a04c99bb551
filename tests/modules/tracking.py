"""Real tracking servers for the tests of the modules, and a client of their REST API that is not the modules' own."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

VENV = pathlib.Path(os.environ["MLFLOW_TEST_SERVER_VENV"])
ADMIN, PASSWORD = "admin", "admin's pass/word ü"
# No proxy of this machine is asked for a server on it.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def clean_environment():
    """The environment without what a developer may have set for his own server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_") and name.lower() not in ("http_proxy", "https_proxy")}
    return {**kept, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Refused(Exception):
    """An answer of a server that is no success."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


class Tracking:
    """A server in a folder of its own, with SQLite. words: more of `mlflow server`'s options."""

    def __init__(self, folder, *words, login=None):
        self.folder, self.login, self.uri = folder, login, f"http://127.0.0.1:{free_port()}"
        self.database = folder / "mlflow.db"
        environment = {
            **clean_environment(), "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_MODEL_CATALOG_URI": "",
            "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD, "MLFLOW_FLASK_SERVER_SECRET_KEY": "of-a-test", "HOME": str(folder),
            # so that a webhook of a test leads to this machine, where nobody listens, and to nobody else's
            "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        }
        # each check of a password takes a sixth of a second otherwise
        settings = folder / "auth.ini"
        settings.write_text("[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///basic_auth.db\nadmin_username = admin\n"
                            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\nauth_cache_ttl_seconds = 300\n", encoding="utf-8")
        environment["MLFLOW_AUTH_CONFIG_PATH"] = str(settings)
        command = [VENV / "bin/python", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", self.uri.rpartition(":")[2], "--workers", "1",
                   "--backend-store-uri", f"sqlite:///{self.database}", "--artifacts-destination", folder / "artifacts", *words]
        self.log = folder / "server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)

    def wait(self, seconds=240):
        """Return when it answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                OPENER.open(f"{self.uri}/health", timeout=5).close()
                return
            except OSError:
                time.sleep(0.2)
        raise AssertionError(f"no server at {self.uri}\n{self.log.read_text(errors='replace')[-3000:]}")

    def stop(self):
        """End it with all that it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(timeout=20)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self.process.wait(timeout=20)

    def ask(self, method, path, fields=None, version="2.0", **headers):
        """The answer to a call as the administrator, where there is one. Raises Refused."""
        url, data = f"{self.uri}/api/{version}/mlflow/{path}", None
        if method == "GET":
            url += "?" + urllib.parse.urlencode(fields or {}, doseq=True)
        else:
            data, headers["Content-Type"] = json.dumps(fields or {}).encode(), "application/json"
        if self.login:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
        try:
            with OPENER.open(urllib.request.Request(url, data=data, headers=headers, method=method), timeout=60) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refusal:
            raise Refused(refusal.code, refusal.read().decode(errors="replace")) from None

    def everything(self):
        """What is inside, without times."""
        found = {
            "experiments": self.ask("POST", "experiments/search", {"max_results": 1000, "view_type": "ALL"}).get("experiments", []),
            "models": self.ask("GET", "registered-models/search", {"max_results": 1000}).get("registered_models", []),
            "versions": self.ask("GET", "model-versions/search", {"max_results": 1000}).get("model_versions", []),
            "webhooks": self.ask("GET", "webhooks").get("webhooks", []),
        }
        if self.login:
            found["users"] = self.ask("GET", "users/list")["users"]
        return json.loads(json.dumps(found), object_pairs_hook=lambda pairs: {name: value for name, value in pairs if "time" not in name})
