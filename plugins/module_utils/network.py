# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading the network of a host: who listens on a port, whether an address answers.

Every function reads and none writes. Sources: proc(5), docker-ps(1), rtnetlink(7).
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import urllib.error
import urllib.parse

from ansible.module_utils.urls import open_url
from ansible_collections.mlops.mlflow.plugins.module_utils.engine import docker
from ansible_collections.mlops.mlflow.plugins.module_utils.host import ca_file_problem, read

# From <linux/rtnetlink.h> and <linux/netlink.h>
GET_ADDRESSES, ADDRESS, DONE, DUMP, SCOPE_LINK = 22, 20, 3, 0x301, 253


def addresses():
    """Addresses that others may reach the host at, as dictionaries with interface and address; a small host has no ip(8) to ask for them."""
    found = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.settimeout(5)
        link.send(struct.pack("=IHHIIBBBBI", 24, GET_ADDRESSES, DUMP, 1, 0, 0, 0, 0, 0, 0))
        while True:
            data = link.recv(65536)
            while data:
                size, kind = struct.unpack_from("=IH", data)
                if kind == DONE:
                    return found
                if kind == ADDRESS:
                    found += _entry(data[16:size])
                data = data[(size + 3) & ~3:]


def _entry(message):
    """One RTM_NEWADDR as a list of one dictionary, or of none where the address is for the host or its link alone."""
    family, _prefix, _flags, scope, index = struct.unpack_from("=BBBBI", message)
    attributes, rest = {}, message[8:]
    while len(rest) >= 4:
        size, kind = struct.unpack_from("=HH", rest)
        attributes[kind] = rest[4:size]
        rest = rest[(size + 3) & ~3:]
    # IFA_LOCAL is the host's own end, which IPv6 gives only where there is another end.
    packed = attributes.get(2) or attributes.get(1)
    if scope >= SCOPE_LINK or not packed:
        return []
    return [{"interface": socket.if_indextoname(index), "address": socket.inet_ntop(family, packed)}]


def _address(packed):
    """Address of a /proc/net/tcp entry: hexadecimal, each 32-bit word in host byte order."""
    raw = b"".join(bytes.fromhex(packed[i:i + 8])[::-1] for i in range(0, len(packed), 8))
    if len(raw) == 4:
        return ".".join(str(byte) for byte in raw)
    return ":".join(f"{raw[i]:02x}{raw[i + 1]:02x}" for i in range(0, 16, 2))


def _owners(inodes):
    """Command name by socket inode, for the given inodes."""
    owners = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            for inode in inodes.keys() & {_socket_inode(descriptor.path) for descriptor in os.scandir(f"/proc/{pid}/fd")}:
                owners[inode] = (read(f"/proc/{pid}/comm") or b"").decode().strip()
    return owners


def _socket_inode(path):
    """Inode of the socket that a link of /proc/PID/fd stands for; nothing for other files, and for one that was closed since it was listed."""
    target = ""
    with contextlib.suppress(OSError):
        target = os.readlink(path)
    return target[8:-1] if target[:8] == "socket:[" else ""


def listeners(module, engine_state, ports):
    """Who listens on the given ports; a port that a container publishes names that container."""
    found, inodes = [], {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (read(table) or b"").decode().splitlines()[1:]:
            fields = line.split()
            packed, port = fields[1].rsplit(":", 1)
            if fields[3] == "0A" and int(port, 16) in ports:
                found.append({"port": int(port, 16), "address": _address(packed), "process": "", "container": ""})
                inodes[fields[9]] = found[-1]
    for inode, command in _owners(inodes).items():
        inodes[inode]["process"] = command
    if found and engine_state["active"]:
        listing = docker(module, engine_state, "ps", "--format", "{{.Names}}\t{{.Ports}}")
        for name, published in (line.split("\t", 1) for line in listing.splitlines()):
            for port in re.findall(r":(\d+)->", published):
                for listener in found:
                    if listener["port"] == int(port):
                        listener["container"] = name
    return found


def url(address, timeout, ca_file):
    """Whether an address answers at all. Any HTTP status but a refusal is an answer; the reason never repeats credentials."""
    parts = urllib.parse.urlsplit(address)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    reason = ""
    # What the host trusts, then what the operator added.
    for trusted in [None] + [ca_file] * bool(ca_file and not ca_file_problem(ca_file)):
        try:
            open_url(bare, method="HEAD", timeout=timeout, ca_path=trusted, follow_redirects="all", force_basic_auth=bool(parts.username),
                     url_username=urllib.parse.unquote(parts.username or "") or None,
                     url_password=urllib.parse.unquote(parts.password or "") or None)
            return {"ok": True, "reason": ""}
        except urllib.error.HTTPError as error:
            return {"ok": error.code not in (401, 403, 407), "reason": f"it answered {error.code} {error.reason}"}
        except (OSError, ValueError) as error:
            reason = str(getattr(error, "reason", error))
    return {"ok": False, "reason": reason}
