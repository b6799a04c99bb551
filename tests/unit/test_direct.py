"""What the server tells clients of the ways past it. That they then go through it is proved on hosts (tests/host/test_cluster.py)."""

from __future__ import annotations

import importlib.util
import sys
import types

import pytest

TOLD = {"store_type": "SqlStore", "multipart_uploads_enabled": True, "multipart_downloads_enabled": True, "presigned_upload_run_id_supported": True}


@pytest.fixture
def direct(tree, monkeypatch):
    spec = importlib.util.spec_from_file_location("direct", tree.root / "roles/mlflow/files/direct.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in module.MODULES:
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(build_server_info_payload=lambda: dict(TOLD)))
    return module


@pytest.mark.parametrize(("setting", "told"), [("true", True), ("false", False), (None, False)])
def test_clients_are_sent_past_the_server_only_where_the_operator_says_so(direct, monkeypatch, setting, told):
    if setting:
        monkeypatch.setenv("MLOPS_ARTIFACTS_DIRECT", setting)
    direct.heed()
    for name in direct.MODULES:
        found = sys.modules[name].build_server_info_payload()
        assert found == {**TOLD, "multipart_uploads_enabled": told, "multipart_downloads_enabled": told}


def test_an_older_mlflow_that_tells_nothing_is_left_alone(direct, monkeypatch):
    monkeypatch.setitem(sys.modules, direct.MODULES[0], types.SimpleNamespace())
    monkeypatch.delitem(sys.modules, direct.MODULES[1])
    direct.heed()
    assert not hasattr(sys.modules[direct.MODULES[0]], direct.NAME)
