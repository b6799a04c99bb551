# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small client of MLflow's REST API.

One request, one connection, no redirects followed: a password goes to the server that it is meant for and nowhere else, and is never part of an error.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import urllib.error
import urllib.parse

from ansible.module_utils import urls
from ansible.module_utils.basic import AnsibleModule, env_fallback

ARGUMENTS = {
    "tracking_uri": {"type": "str", "required": True, "fallback": (env_fallback, ["MLFLOW_TRACKING_URI"])},
    "username": {"type": "str", "fallback": (env_fallback, ["MLFLOW_TRACKING_USERNAME"])},
    "password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["MLFLOW_TRACKING_PASSWORD"])},
    "token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["MLFLOW_TRACKING_TOKEN"])},
    "ca_file": {"type": "path", "fallback": (env_fallback, ["MLFLOW_TRACKING_SERVER_CERT_PATH"])},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 60, "fallback": (env_fallback, ["MLFLOW_HTTP_REQUEST_TIMEOUT"])},
    "workspace": {"type": "str", "fallback": (env_fallback, ["MLFLOW_WORKSPACE"])},
}
NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")


class MlflowError(Exception):
    """What went wrong, with the HTTP status (0: no answer) and the server's own code ("" where it named none)."""

    def __init__(self, message, status=0, code=""):
        super().__init__(message)
        self.status, self.code = status, code

    @property
    def unknown_call(self):
        """The server does not know the call, or has it switched off; of a thing that is not there it would say so with a code."""
        nameless = self.status in (404, 405) or "without workspaces support" in str(self)
        return self.code == "FEATURE_DISABLED" or (nameless and not self.code)


def base_of(uri):
    """The address that paths are appended to. Raises MlflowError, without the address where it holds a password."""
    parts = urllib.parse.urlsplit(uri)
    if parts.username is not None or parts.password is not None:
        raise MlflowError("tracking_uri must not hold a user or a password: give username and password")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise MlflowError(f"tracking_uri {uri!r} is no address of a server: it begins with http:// or https:// and has neither query nor fragment")
    return uri.rstrip("/")


def told(status, body):
    """Code and message of a refusal (bytes), or the first words of a text that is no JSON of MLflow."""
    text = body.decode(errors="replace")
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if isinstance(answer, dict) and ("error_code" in answer or "message" in answer):
        return str(answer.get("error_code", "")), str(answer.get("message", ""))
    return "", " ".join(re.sub(r"<[^>]*>", " ", text).split())[:200]


class Server:
    """A server as one user sees it. params: the values of ARGUMENTS."""

    def __init__(self, params):
        self.base = base_of(params["tracking_uri"])
        self.timeout, self.trust, self.context = params["timeout"], {"validate_certs": params["validate_certs"], "cafile": params["ca_file"] or None}, None
        self.secrets = [secret for secret in (params["password"], params["token"]) if secret]
        self.headers = {"Accept": "application/json"}
        if params["username"] and params["password"]:
            pair = f"{params['username']}:{params['password']}".encode()
            self.headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        elif params["token"]:
            self.headers["Authorization"] = f"Bearer {params['token']}"
        if params.get("workspace"):
            self.headers["X-MLFLOW-WORKSPACE"] = params["workspace"]

    def _send(self, url, method, body):
        data, headers = None, dict(self.headers)
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        try:
            # made once: it reads all certificates, which takes longer than most answers
            self.context = self.context or urls.make_context(**self.trust)
            answer = urls.Request(timeout=self.timeout, context=self.context, follow_redirects="none", use_netrc=False).open(method, url, data, headers)
            return answer.getcode(), answer.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read() if refusal.fp else b""

    def ask(self, what, method, path, fields=None, version="2.0", api="mlflow"):
        """The answer to a call as a dictionary. fields: the query of a GET, the body of anything else. Raises MlflowError, which begins with what."""
        url, body = f"{self.base}/api/{version}/{api}/{path}", None
        if method == "GET":
            url += "?" * bool(fields) + urllib.parse.urlencode(fields or {}, doseq=True)
        else:
            body = fields or {}
        try:
            status, text = self._send(url, method, body)
            if status < 300:
                return json.loads(text) if text.strip() else {}
        except json.JSONDecodeError:
            raise MlflowError(f"{what}: {self.base} answers, but not as MLflow does; is it a page to log in?") from None
        except (OSError, ValueError, http.client.HTTPException, urls.ConnectionError) as reason:
            raise MlflowError(self._safe(f"{what}: no answer from {self.base} ({getattr(reason, 'reason', None) or reason})")) from None
        code, message = told(status, text)
        said = ": ".join(filter(None, [code, message]))
        raise MlflowError(self._safe(f"{what} was answered with {status}{' ' * bool(said)}{said}"), status, code)

    def _safe(self, message):
        for secret in self.secrets:
            message = message.replace(secret, "********")
        return message

    def find(self, *call, **more):
        """The answer to a call, or None where the server says that there is no such thing."""
        try:
            return self.ask(*call, **more)
        except MlflowError as refusal:
            if refusal.code in NOT_THERE:
                return None
            raise

    def pages(self, what, method, path, key, fields=None, version="2.0"):
        """Yield what is under key in all pages of an answer, to the last."""
        fields = dict(fields or {})
        while True:
            answer = self.ask(what, method, path, fields, version)
            yield from answer.get(key) or []
            if not answer.get("next_page_token"):
                return
            fields["page_token"] = answer["next_page_token"]


def run(module: AnsibleModule, work, lacks=""):
    """Have work(module, server) do what the module is for. lacks: what to say where the server does not know a call."""
    try:
        work(module, Server(module.params))
    except MlflowError as problem:
        message = f"{lacks} ({problem})" if lacks and problem.unknown_call else str(problem)
        module.fail_json(msg=message, status=problem.status, error_code=problem.code)
