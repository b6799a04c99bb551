"""The examples of docs/content.md, as they are written, but for the addresses."""

from __future__ import annotations

import pathlib
import re

import pytest
import tracking
import yaml

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/content.md"
SECRETS = {"vault_mlflow_admin_password": tracking.PASSWORD, "vault_mlflow_ada_password": "a password of ada", "vault_mlflow_webhook_secret": "hush"}


@pytest.fixture(scope="module")
def examples(asking):
    """The tasks of all plays of the page, and the connection that they share."""
    text = PAGE.read_text(encoding="utf-8").replace("https://mlflow.example.com", asking.uri).replace("deploy.example.com", "127.0.0.1:9")
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, flags=re.S | re.M)]
    plays = [play for block in blocks if isinstance(block, list) for play in block]
    (connection,) = {str(play["module_defaults"]["group/mlops.mlflow.mlflow"]): play["module_defaults"]["group/mlops.mlflow.mlflow"] for play in plays}.values()
    return [task for play in plays for task in play["tasks"]], connection, [block for block in blocks if isinstance(block, dict)]


@pytest.fixture
def emptied(asking, call):
    """Other tests begin with a server that has nothing of this in it."""
    yield
    for module, options in (("mlflow_webhook", {"name": "deployment"}), ("mlflow_registered_model", {"name": "demand"}), ("mlflow_user", {"name": "ada"}),
                            ("mlflow_experiment", {"name": "forecasts"})):
        assert call(module, asking, **options, state="absent")["changed"]


@pytest.mark.usefixtures("emptied")
def test_every_example_works(play, examples, tmp_path):
    tasks, connection, _variables = examples
    secrets = tmp_path / "secrets.yml"
    secrets.write_text(yaml.safe_dump(SECRETS), encoding="utf-8")
    assert len(tasks) >= 8
    done = play(tasks, "-e", f"@{secrets}", connection=connection)
    assert done.status == 0, done.output
    assert any(result.get("msg") == "models:/demand/1" for result in done.results)
    assert [result["resources"] for result in done.results if "resources" in result] == [[]]


def test_the_example_of_the_inventory_is_one(call, asking, examples):
    """In a check run, since it names a version that training makes."""
    (variables,) = examples[2]
    done = call("mlflow_content", asking, True, **{name.removeprefix("mlflow_content_"): value for name, value in variables.items()})
    assert len(done["changes"]) == 5 and "has no version 7" in str(done["warnings"]), done
