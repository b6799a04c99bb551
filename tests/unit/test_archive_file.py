"""The file of archived runs proves itself, and whoever is interrupted at any point loses nothing."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import pathlib
import tarfile
import zlib

import pytest
from archive_parts import load

MEMBERS = {"artifacts/a/weights.bin": bytes(range(256)) * 40, "artifacts/a/empty": b"", "artifacts/a/ä/" + "long" * 40: b"x"}


@pytest.fixture
def archive(tree, monkeypatch):
    return load(tree, monkeypatch)


@pytest.fixture
def packed(archive, tmp_path):
    path = str(tmp_path / "runs.tar.gz")
    writer = archive.file.Writer(path)
    for name, content in MEMBERS.items():
        writer.add(name, io.BytesIO(content), len(content), 1_700_000_000_123_456_789)
    writer.add_rows("rows/a.jsonl", [{"table": "runs", "columns": ["x"]}, ["ä", 0.1, None, True, 2**60]])
    writer.finish({"families": []})
    return path


def test_what_was_written_is_read_again(archive, packed):
    manifest = archive.read.verify(packed)
    assert archive.read.artifacts(manifest)["a"].keys() == {name.split("/", 2)[2] for name in MEMBERS}
    found = {name: file.read() for name, file in archive.read.members(packed)}
    assert {name: found[name] for name in MEMBERS} == MEMBERS
    assert [json.loads(line) for line in found["rows/a.jsonl"].splitlines()][1] == ["ä", 0.1, None, True, 2**60]
    assert os.stat(packed).st_mode & 0o777 == 0o640


def test_a_damaged_archive_is_refused_whichever_byte_it_is(archive, packed, tmp_path):
    whole = pathlib.Path(packed).read_bytes()
    broken = tmp_path / "broken.tar.gz"

    def refused(content):
        # The time in gzip's header, and bits that only fill a byte: what is unpacked is the same.
        with contextlib.suppress(OSError, EOFError, zlib.error):
            if gzip.decompress(content) == gzip.decompress(whole):
                return True
        broken.write_bytes(content)
        try:
            archive.read.verify(str(broken))
        except archive.file.Trouble:
            return True
        return False

    assert [place for place in range(len(whole)) if not refused(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:])] == []
    assert [length for length in range(len(whole)) if not refused(whole[:length])] == []


@pytest.mark.parametrize(("change", "say"), [
    ({"format": 2}, "no manifest of format 1"),
    ({"members": {}}, "4 of its members differ"),
    ({"checksum": "0" * 64}, "1 of its members differ from its manifest, the first artifacts/a/empty"),
    ({"members": {"artifacts/b/x": [1, 0, ""]}}, "5 of its members differ"),
])
def test_a_manifest_that_tells_of_something_else_is_refused(archive, tmp_path, change, say):
    change = dict(change)
    writer = archive.file.Writer(str(tmp_path / "x.tar.gz"))
    for name, content in MEMBERS.items():
        writer.add(name, io.BytesIO(content), len(content))
    writer.add("rows/a.jsonl", io.BytesIO(), 0)
    writer.members["artifacts/a/empty"][2] = change.pop("checksum", writer.members["artifacts/a/empty"][2])
    data = json.dumps({"format": 1, **change, **({} if "members" in change else {"members": writer.members})}).encode()
    writer.add("manifest.json", io.BytesIO(data), len(data))
    writer.tar.close()
    writer.packed.close()
    writer.raw.close()
    with pytest.raises(archive.file.Trouble, match=say):
        archive.read.verify(str(tmp_path / "x.tar.gz"))


@pytest.mark.parametrize("name", ["/etc/passwd", "artifacts/a/../../../etc/passwd", "link"])
def test_a_member_that_leads_elsewhere_is_refused(archive, tmp_path, name):
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo(name)
        if name == "link":
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(entry)
    with pytest.raises(archive.file.Trouble, match="which no archive of runs does"):
        archive.read.verify(str(tmp_path / "x.tar.gz"))


def test_only_plain_files_go_into_an_archive(archive, tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/x").write_text("x")
    assert list(archive.file.files(str(tmp_path / "a"))) == [("b/x", str(tmp_path / "a/b/x"))]
    os.symlink("/etc", tmp_path / "a/link")
    with pytest.raises(archive.file.Trouble, match="link is no plain file"):
        list(archive.file.files(str(tmp_path / "a")))
