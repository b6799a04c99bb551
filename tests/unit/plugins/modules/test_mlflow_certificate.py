"""A self-signed certificate is made by openssl itself, stays as long as it is good, and is made anew when it is not."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time

import pytest
from ansible_collections.mlops.mlflow.plugins.modules import mlflow_certificate as kept

NAMES = ["db.example.com", "192.0.2.5", "2001:db8::5"]
DAY = 86400


class Module:
    """What make() asks of an AnsibleModule, done for real."""

    def __init__(self, folder, names, days=365):
        self.params = {"certificate": str(folder / "server.crt"), "key": str(folder / "server.key"), "names": names, "days": days}

    def get_bin_path(self, name, required):
        return shutil.which(name)

    def run_command(self, words, check_rc, umask):
        subprocess.run(words, check=check_rc, capture_output=True, umask=umask)


@pytest.fixture
def made(tmp_path, monkeypatch):
    if os.geteuid():
        monkeypatch.setattr(os, "chown", lambda *_about: None)

    def make(**about):
        kept.make(Module(tmp_path, NAMES, **about), 0)
        return [(tmp_path / name).read_text() for name in ("server.crt", "server.key")]

    make.folder = tmp_path
    return make


def test_a_new_one_is_good_for_all_its_names(made):
    assert kept.why_anew(*made(), NAMES, time.time()) == ""
    assert stat.S_IMODE((made.folder / "server.key").stat().st_mode) == 0o640
    assert sorted(os.listdir(made.folder)) == ["server.crt", "server.key"]


def test_another_name_wants_a_new_one(made):
    assert kept.why_anew(*made(), [*NAMES, "db2.example.com", "192.0.2.6"], time.time()) == "it is not for db2.example.com, 192.0.2.6"


def test_its_end_wants_a_new_one(made):
    pair = made(days=30)
    assert kept.why_anew(*pair, NAMES, time.time() + 29 * DAY) == ""
    assert kept.why_anew(*pair, NAMES, time.time() + 31 * DAY).startswith("it ends at 20")


def test_a_key_of_another_certificate_wants_a_new_one(made):
    (first, _key), (_second, key) = made(), made()
    assert kept.why_anew(first, key, NAMES, time.time()) == "the key does not match the certificate"


@pytest.mark.parametrize("half", ["certificate", "key"])
def test_a_half_wants_a_new_one(made, half):
    certificate, key = made()
    assert kept.why_anew("" if half == "certificate" else certificate, "" if half == "key" else key, NAMES, time.time()) == "there is none"


def test_a_broken_one_wants_a_new_one(made):
    certificate, key = made()
    assert "certificate" in kept.why_anew(certificate[:-200], key, NAMES, time.time())
