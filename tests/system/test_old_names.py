"""An update that renames keys: one command follows it, and the old main still judges it."""

import json

import pytest

from conftest import Repo
from support.small_problem import small

OLD = {"  minimum_requirements:\n": "  minima:\n", "hysteresis: {runs:": "hysteresis: {looks:"}


@pytest.fixture(scope="module")
def repo(tmp_path_factory) -> Repo:
    """A repository whose main has old names in params.yaml, with a branch for the update checked out."""
    made = small(tmp_path_factory.mktemp("old") / "repo")
    for new, old in OLD.items():
        made.edit("params.yaml", new, old)
    made.commit()
    made.git("switch", "--quiet", "--create", "update")
    return made


def review(repo: Repo) -> dict:
    repo.run("loop", "review", check=False)
    return json.loads(repo.text("review/verdict.json"))


def test_an_update_from_old_names_is_refused_fixed_and_judged(repo):
    refused = repo.run("loop", "run", check=False)
    assert refused.returncode == 1
    for names in ("`review.minima` is `review.minimum_requirements` now", "`loop doctor --fix`"):
        assert names in refused.stderr
    assert (review(repo)["verdict"], "old names" in review(repo)["sentence"]) == ("inconclusive", True)

    found = repo.run("loop", "doctor", "--fix", check=False).stdout
    assert "params.yaml: review.minima -> review.minimum_requirements\n" in found
    assert "params.yaml: monitor.hysteresis.looks -> monitor.hysteresis.runs\n" in found
    assert len(repo.git("diff", "--unified=0").split("\n@@")) == 3, "two places, and nothing else"
    repo.commit()
    renamed = review(repo)
    assert (renamed["verdict"], renamed["changes"]["policy"]) == ("no model change", [])

    repo.edit("params.yaml", "alpha: 10.0", "alpha: 11.0")
    repo.run("loop", "run")
    repo.commit()
    judged = review(repo)
    assert judged["verdict"] in ("better", "equivalent"), judged["sentence"]
    assert "minimum_requirements.mae" in {check["name"] for check in judged["checks"]}
    assert [row["name"] for row in judged["changes"]["params"]] == ["train.model.alpha"]
    assert judged["changes"]["policy"] == []
    assert any("names of an older version" in note for note in judged["notes"])
