"""`loop compare` on the small problem, a regression whose key is personal: both sides, said in three ways."""

import json
import re

import pytest

from conftest import Repo, copy


@pytest.fixture(scope="module")
def compared(small_changed, tmp_path_factory) -> tuple[Repo, str]:
    """The changed branch compared with main, and what it said."""
    repo = copy(small_changed, tmp_path_factory.mktemp("compared") / "repo")
    return repo, repo.run("loop", "compare", "main").stdout


def test_it_says_what_differs_and_what_it_does_to_the_scores(compared):
    repo, said = compared
    assert "params: train.model.alpha 10.0 → 11.0" in said
    assert re.search(r"mean absolute error +\d+\.\d+ -> \d+\.\d+ +gain [+-]\d", said)
    assert "rows that changed most" in said
    assert repo.git("status", "--porcelain") == "", "its report is not for git"
    for name in ("report.md", "report.html"):
        text = repo.text(f"compare/{name}")
        assert "train.model.alpha 10.0" in text
        assert "What differs" in text
        assert "Why" in text
        assert not re.search(r"\bp\d{3}\b", text), "a key that is personal"
    assert repo.text("compare/report.html").count("<svg") == 5


def test_a_change_compared_with_main_is_a_look_and_its_review_no_further_one(compared):
    """Whoever compares fifty changes has looked fifty times."""
    repo, _ = compared

    def looks() -> set[str]:
        kept = repo.git("log", "--format=%B", "refs/loop/looks").splitlines()
        return {line for line in kept if line.startswith("Scores: ")}

    assert len(looks()) == 1
    repo.run("loop", "review", "--against", "main", check=False)
    assert len(looks()) == 1
    assert json.loads(repo.text("review/verdict.json"))["look"]["number"] == 1


def test_contributions_add_up_to_what_each_score_is(compared):
    """Of a linear model on numbers the columns shown are all that differ: five of five measures."""
    repo, _ = compared
    text = repo.text("compare/report.md")
    (row,) = re.findall(r"^\| (\d+) \|.*?\| `\d+` \| (\S+) \| (\S+) \|", text, re.MULTILINE)[:1]
    (why,) = re.findall(rf"^\| row at {row[0]} \|.*?\n\n", text, re.MULTILINE | re.DOTALL)
    for side, score in ((3, row[1]), (4, row[2])):
        added = [float(line.split("|")[side]) for line in why.strip().splitlines()[2:]]
        assert sum(added) == pytest.approx(float(score), abs=1e-3)


def test_two_commits_compare_as_the_tree_does_and_the_other_way_round(compared):
    repo, said = compared
    there = repo.run("loop", "compare", "main", "change").stdout
    gain = re.compile(r"mean absolute error .*gain (\S+)")
    assert gain.search(there)[1] == gain.search(said)[1]
    repo.git("switch", "--quiet", "main")
    back = repo.run("loop", "compare", "change", "main").stdout
    assert float(gain.search(back)[1]) == -float(gain.search(said)[1])
    assert "alpha 11.0 → 10.0" in back


def test_a_name_that_is_none_is_wrong_usage(small_home):
    done = small_home.run("loop", "compare", "mian", check=False)
    assert done.returncode == 2
    assert "did you mean `main`" in done.stderr
