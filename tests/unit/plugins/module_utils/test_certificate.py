"""Certificates and keys are judged by what they are."""

from __future__ import annotations

import pathlib
import sys
import time

import pytest
from ansible_collections.mlops.mlflow.plugins.module_utils import certificate

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from proxy_certificates import Authority

NAMES = ["mlflow.example.com"]


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    with Authority(tmp_path_factory.mktemp("certificate") / "pki") as made:
        yield made


def judge(pki, crt, key="good.key", names=None):
    return certificate.inspect((pki.folder / crt).read_text(), (pki.folder / key).read_text(), names or NAMES, time.time())


@pytest.mark.parametrize("crt", ["good.crt", "wildcard.crt"])
def test_good(pki, crt):
    problems, about = judge(pki, crt)
    assert set(problems.values()) == {""}
    assert not about["expired"] and not about["early"] and about["uncovered"] == [] and len(about["fingerprint"]) == 64


def test_times_and_names(pki):
    assert judge(pki, "expired.crt")[1]["expired"]
    assert judge(pki, "early.crt")[1]["early"]
    assert judge(pki, "elsewhere.crt")[1]["uncovered"] == NAMES
    assert judge(pki, "wildcard.crt", names=["a.b.example.com", "example.com", "ML.example.com"])[1]["uncovered"] == ["a.b.example.com", "example.com"]


def test_keys(pki):
    assert judge(pki, "good.crt", "other.key")[0]["match"] == "the key does not match the certificate"
    assert judge(pki, "good.crt", "encrypted.key")[0]["key"] == "is encrypted with a passphrase"
    assert judge(pki, "good.crt", "good.crt")[0]["key"] == "holds no PEM private key"


def test_what_is_no_certificate():
    for text, said in (("", "holds no PEM certificate"), ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "cannot be read")):
        problems, about = certificate.inspect(text, "", [], time.time())
        assert said in problems["certificate"] and about == {}


def test_a_chain_is_judged_by_its_first_certificate(pki):
    text = "".join((pki.folder / name).read_text() for name in ("good.crt", "expired.crt"))
    problems, about = certificate.inspect(text, (pki.folder / "good.key").read_text(), NAMES, time.time())
    assert set(problems.values()) == {""} and not about["expired"]
