"""What is wanted of tags and aliases, and the calls that lead there."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.mlflow.plugins.module_utils import content


@pytest.mark.parametrize(("value", "kept"), [
    ("", ""), ("ü", "ü"), (True, "true"), (False, "false"), (7, "7"), (1.5, "1.5"), ([1, "ü"], '[1, "ü"]'), ({"b": 1, "a": None}, '{"a": null, "b": 1}'),
])
def test_mlflow_keeps_text(value, kept):
    assert content.text(value) == kept


def test_tags_are_merged_and_null_removes():
    now = {"a": "1", "b": "2", "mlflow.user": "ada"}
    assert content.merged(now, {}) == now
    assert content.merged(now, {"a": None, "c": 3, "never": None}) == {"b": "2", "c": "3", "mlflow.user": "ada"}
    assert content.merged(now, {"b": "2"}, purge=True) == {"b": "2", "mlflow.user": "ada"}
    assert content.merged(now, {"mlflow.user": None}, purge=True) == {}
    assert content.merged(now, {7: "x"}, purge=True, own="") == {"7": "x"}


def test_calls_set_what_differs_and_remove_what_is_gone():
    calls = content.tag_calls("model m", {"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": ""}, {"name": "m"}, ("set", "remove"))
    assert [call[1:] for call in calls] == [
        ("POST", "set", {"name": "m", "key": "b", "value": "3"}), ("POST", "set", {"name": "m", "key": "c", "value": ""})]
    assert content.tag_calls("model m", {"a": "1"}, {}, {"name": "m"}, ("set", "remove")) == [
        ("removing tag a of model m", "DELETE", "remove", {"name": "m", "key": "a"})]
    calls = content.alias_calls("m", {"old": "1", "moved": "1", "kept": "1"}, {"moved": "2", "kept": "1"})
    assert [(call[1], call[3]) for call in calls] == [
        ("POST", {"name": "m", "alias": "moved", "version": "2"}), ("DELETE", {"name": "m", "alias": "old"})]


@pytest.mark.parametrize(("value", "filtered"), [
    ("plain; a -- b, c = 1 ü", "name = 'plain; a -- b, c = 1 ü'"),
    ("it's", "name LIKE 'it_s'"),
    ('"a" \\ b', "name LIKE '_a_ _ b'"),
])
def test_a_filter_finds_a_name_with_quotes(value, filtered):
    assert content.same_text("name", value) == filtered


def test_semantic_versions_are_told_from_others():
    for good in ("0.0.0", "1.4.0", "10.20.30", "1.0.0-rc.1", "1.0.0-0a", "1.0.0+build.01", "1.0.0-a-b.7+c"):
        assert content.SEMANTIC.fullmatch(good), good
    for bad in ("", "1", "1.4", "01.4.0", "1.4.0-", "1.4.0-01", "1.4.0-a..b", "v1.4.0", "1.4.0 ", "1.4.0\n", "1.٤.0"):
        assert not content.SEMANTIC.fullmatch(bad), bad


def test_a_call_that_is_not_known_before_is_made_of_an_answer():
    class Ended(Exception):
        pass

    class Module:
        check_mode = False
        result = None

        def exit_json(self, **result):
            self.result = result
            raise Ended

    class Server:
        def __init__(self):
            self.asked = []

        def ask(self, *call):
            self.asked.append(call)
            return {"number": len(self.asked)}

    module, server = Module(), Server()
    calls = [("one",), lambda answer: [("after", answer["number"])], ("last",)]
    with pytest.raises(Ended):
        content.conclude(module, server, "thing", {"a": 1, "id": 1}, {"a": 2, "id": 1}, calls, shown=("a",), read=lambda: {"a": 2, "id": 1})
    assert server.asked == [("one",), ("after", 1), ("last",)]
    assert module.result == {"changed": True, "diff": {"before": {"a": 1}, "after": {"a": 2}}, "thing": {"a": 2, "id": 1}}
