"""`loop replay` on a small problem whose labels move for good: real commits, pipelines, reviews, merges."""

import json

import pytest

from conftest import Repo, copy, shared
from loop.replay.replay import LIVES
from support.small_problem import small


@pytest.fixture(scope="module")
def lived(tmp_path_factory) -> tuple[Repo, str, str]:
    """The repository, its refs before, and what the command printed."""
    made = shared(tmp_path_factory, "small", small)
    repo = copy(made, tmp_path_factory.mktemp("replay") / "repo")
    repo.set_param("monitor.step_days", 14)
    repo.commit()
    refs = repo.git("for-each-ref")
    span = ("--since", "2020-11-09", "--until", "2020-12-05", "--judged-from", "2020-11-20")
    (repo.path.parent / "tmp").mkdir()
    output = repo.run("loop", "replay", *span, "--to", "out", TMPDIR=str(repo.path.parent / "tmp")).stdout
    return repo, refs, output


def test_the_lasting_change_is_met_by_a_retrain_that_a_rule_merges(lived):
    found = json.loads(lived[0].text("out/replay.json"))
    assert found["merged"] == ["2020-11-09"]
    assert [week["decision"] == "retrain" for week in found["weeks"]] == [True, False]  # then it cools down
    first, second = (week["commit"] for week in found["weeks"])
    assert first == second


def test_after_the_merge_the_loop_loses_less_than_the_champion_that_stayed(lived):
    found = json.loads(lived[0].text("out/replay.json"))
    assert set(found["means"]["all"]) == set(LIVES)
    assert found["gains"]["all"]["frozen"][0] > 0


def test_it_ends_with_a_table_and_a_figure(lived):
    repo, _, output = lived
    table = repo.text("out/replay.md")
    assert table.strip() in output
    assert "| **from 2020-11-20** |" in table
    assert repo.text("out/replay.svg").startswith("<svg")


def test_the_repository_keeps_no_trace_of_it(lived):
    repo, refs, _ = lived
    assert repo.git("for-each-ref") == refs
    assert repo.git("status", "--porcelain") == "?? out/"
    assert not list((repo.path.parent / "tmp").glob("loop-replay-*"))


def test_a_span_that_ends_before_it_begins_is_refused(lived):
    done = lived[0].run("loop", "replay", "--since", "2020-12-07", "--until", "2020-12-01", check=False)
    assert done.returncode == 1
    assert "--until 2020-12-01" in done.stderr
    assert "Traceback" not in done.stderr
