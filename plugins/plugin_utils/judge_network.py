# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements about how the server is reached: port, controller, names."""

from __future__ import annotations

import urllib.parse

from ansible_collections.mlops.mlflow.plugins.plugin_utils.judging import FAIL, OK, WARN, journal, looked

SITE = "ansible-playbook site.yml"


def _beyond_loopback(listeners):
    return [one for one in listeners if not one["address"].startswith("127.") and one["address"] != "0000:0000:0000:0000:0000:0000:0000:0001"]


def listener(seen):
    port, name = seen["server"]["port"], seen["server"]["service"]
    found, look = looked(seen, "listeners", then="ss -ltnp"), f"ss -ltnp 'sport = :{port}'"
    others = [one for one in found if one["container"] != name and not one["process"].startswith("docker-pr")]
    if others:
        who = ", ".join(sorted({f"container {one['container']}" if one["container"] else one["process"] or "another process" for one in others}))
        return FAIL, f"port {port} is taken by {who}", f"{look}; stop that, then systemctl restart {seen['server']['unit']}"
    if not found and ((seen["looks"].get("health") or {}).get("value") or {}).get("status") == 200:
        return OK, f"port {port} by the packet filter of the Engine", ""
    if not found:
        return FAIL, f"nobody listens on port {port}", f"{look}; systemctl restart {seen['server']['unit']}"
    return OK, f"port {port} on {', '.join(sorted({one['address'].replace('0000:' * 7 + '0000', '::') for one in found}))}", ""


def reachable(seen):
    """From the controller. A name that only clients know proves nothing either way."""
    port = seen["server"]["port"]
    known = [one for one in seen["reach"] if one["known"]]
    bad = [one for one in known if not one["ok"]]
    listeners = (seen["looks"]["listeners"] or {}).get("value") or []
    if listeners and not _beyond_loopback(listeners):
        return OK, f"port {port} is for the host alone (mlflow_bind_address)", ""
    told = "; ".join(f"{one['target']}: {'answers' if one['ok'] else one['reason']}" for one in seen["reach"])
    then = f"iptables -nL DOCKER-USER; nft list ruleset; curl -v {seen['server']['public_url']}/health from the controller"
    if not known:
        return WARN, f"no address of it is known to the controller: {told}", then
    # The public URL is what people use; of the other addresses one is enough.
    if [one for one in bad if one["public"]] or len(bad) == len(known):
        return FAIL, f"not from the controller: {told}", then
    return OK, f"from the controller: {told}", ""


def tracking_uri(seen):
    """A call of the API under the public name: /health answers while every call is refused for its Host header."""
    url = seen["server"]["public_url"]
    found, name = looked(seen, "api", then=journal(seen)), urllib.parse.urlsplit(seen["server"]["public_url"]).netloc
    if found["status"] == 403:
        return FAIL, f"{url}: the server refuses the name {name} (403)", f"add {name} to mlflow_extra_allowed_hosts or set mlflow_public_url; then {SITE}"
    if found["status"] != 200:
        return FAIL, f"{url}: the API answers {found['status']} {' '.join(found['text'].split())[:120]}", journal(seen)
    return OK, f"{url}, by which the API answers", ""
