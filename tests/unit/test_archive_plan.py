"""Which runs an archive takes, and which old ones stay for which reason."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from archive_parts import load

NOW = time.time() * 1000
OLD, YOUNG = NOW - 100 * 86400e3, NOW - 86400e3


class History:
    """A backend store as the plan reads it: runs by one letter, models by m-letter."""

    def __init__(self):
        self.rows = {name: [] for name in ("experiments", "runs", "models", "versions", "traces", "signs", "parents", "links", "measures")}
        for key, name in ((1, "one"), (2, "two")):
            self.add("experiments", id=key, name=name, lifecycle_stage="active", since=None, uri=f"mlflow-artifacts:/{key}")

    def add(self, kind, **row):
        self.rows[kind].append(SimpleNamespace(**row))
        return self

    def run(self, key, end=OLD, start=OLD, experiment=1, stage="active", parent=None, uri="mlflow-artifacts:/{}/{}/artifacts"):
        if parent:
            self.add("parents", run=key, other=parent)
        return self.add("runs", id=key, experiment_id=experiment, lifecycle_stage=stage, name=key, start_time=start, end_time=end,
                        uri=uri.format(experiment, key))

    def model(self, key, source, link=None):
        if link:
            self.add("links", run=link, other=key)
        return self.add("models", id=key, experiment_id=1, lifecycle_stage="active", since=OLD, source_run_id=source,
                        uri=f"mlflow-artifacts:/1/models/{key}/artifacts")

    def version(self, run_id="", source="", storage_location=""):
        return self.add("versions", name="precious", version=3, run_id=run_id, source=source, storage_location=storage_location)


@pytest.fixture
def plan(tree, monkeypatch, tmp_path):
    archive = load(tree, monkeypatch)
    (tmp_path / "store").mkdir()
    store = archive.artifacts.Artifacts(str(tmp_path / "store"))
    return lambda history, **options: archive.plan.Plan(history.rows, store, 30, **options)


def families(plan):
    return [(*family["runs"], *family["models"]) for family in plan.families]


@pytest.mark.parametrize(("run", "goes"), [
    ({}, True),
    ({"end": YOUNG}, False),
    ({"end": None}, True),
    ({"end": None, "start": YOUNG}, False),
    ({"end": None, "start": None}, False),
    ({"stage": "deleted"}, False),
])
def test_age_is_that_of_the_end_or_the_begin(plan, run, goes):
    found = plan(History().run("a", **run))
    assert families(found) == [("a",)] * goes and found.kept == []


def test_who_logs_metrics_is_not_over(plan):
    history = History().run("a", end=None).add("signs", id="a", at=OLD).add("signs", id="a", at=YOUNG)
    assert families(plan(history)) == [] and families(plan(History().run("a").add("signs", id="a", at=OLD))) == [("a",)]


def test_a_parent_goes_with_its_children_and_gives_the_name(plan):
    history = History().run("a", parent="p", start=OLD - 1).run("b", parent="p").run("p").run("c", parent="b").run("z")
    found = plan(history)
    assert sorted(families(found)) == [("p", "a", "b", "c"), ("z",)]
    assert {family["name"] for family in found.families} == {"p", "z"}


DELETED_MODEL = {"id": "x", "experiment_id": 1, "lifecycle_stage": "deleted", "since": OLD, "uri": "mlflow-artifacts:/1/a/artifacts",
                 "source_run_id": None}


@pytest.mark.parametrize(("history", "reason"), [
    (History().run("a").run("b", end=YOUNG, parent="a"), "run b belongs with it and is younger"),
    (History().run("b", parent="a").run("a", end=None, start=YOUNG), "run a belongs with it and is younger"),
    (History().run("a").run("b", stage="deleted", parent="a"), "run b belongs with it and is deleted"),
    (History().run("a").version(run_id="a"), "the registered model precious 3 needs run a"),
    (History().run("a").run("b", parent="a").version(source="runs:/b/model"), "the registered model precious 3 needs run b"),
    (History().run("a").version(source="mlflow-artifacts:/1/a/artifacts/model"), "the registered model precious 3 needs run a"),
    (History().run("a").version(source="mlflow-artifacts:/1/m/x").add("models", **DELETED_MODEL), "in use elsewhere"),
    (History().run("a").model("m-a", "a").version(source="models:/m-a"), "the registered model precious 3 needs run a"),
    (History().run("a").model("m-a", "a").run("b", end=YOUNG).add("links", run="b", other="m-a"), "run b belongs with it and is younger"),
    (History().run("a").model("m-a", "a").run("b", end=YOUNG).add("measures", run="b", other="m-a"), "run b belongs with it and is younger"),
    (History().run("a").model("m-x", None, link="a"), "logged model m-x is not of these runs"),
    (History().run("a").model("m-x", "gone", link="a"), "logged model m-x is not of these runs"),
    (History().run("a", uri="s3://bucket/a"), "outside the artifact store, at s3://bucket/a"),
    (History().run("a", uri="/elsewhere/a"), "outside the artifact store, at /elsewhere/a"),
])
def test_what_stays_is_told_with_the_reason(plan, history, reason):
    found = plan(history)
    assert families(found) == [] and [kept["id"] for kept in found.kept] == ["a" if history.rows["runs"][0].id == "a" else "b"]
    assert reason in found.kept[0]["reason"]


def test_a_model_goes_with_the_run_that_made_it(plan):
    assert families(plan(History().run("a").model("m-a", "a", link="a").run("b").add("links", run="b", other="m-a"))) == [("a", "b", "m-a")]


def test_what_no_archive_holds_keeps_its_run(plan):
    found = plan(History().run("a").run("b").model("m-b", "b").run("c"), bound={"a": "traces", "m-b": "rows in issues"})
    assert families(found) == [("c",)]
    assert sorted(kept["reason"] for kept in found.kept) == ["rows in issues of logged model m-b are in no archive", "traces of run a are in no archive"]


def test_only_chosen_experiments_give_runs(plan):
    history = History().run("a").run("b", experiment=2).run("c", experiment=2).run("d", parent="c")
    assert families(plan(history, experiments=["two"])) == [("b",)]
    assert plan(history, experiments=["two"]).kept[0]["reason"] == "run d belongs with it, and its experiment was not chosen"
    assert plan(history, experiments=["two", "three"]).unknown == ["three"] and plan(history).unknown == []


def test_runs_of_a_deleted_experiment_are_left_to_the_clean_up(plan):
    history = History().run("a")
    history.rows["experiments"][0].lifecycle_stage = "deleted"
    assert families(plan(history)) == []


def test_a_run_that_came_back_is_as_young_as_its_return(plan):
    history = History().run("a").run("b")
    assert families(plan(history, restored={"a": YOUNG})) == [("b",)] and len(families(plan(history, restored={"a": OLD}))) == 2
