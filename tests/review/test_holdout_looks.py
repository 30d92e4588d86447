"""Looks at a holdout are counted in git: by whom, how often, and what starts anew."""

import subprocess
from dataclasses import replace

import pandas as pd
import pytest

from loop.base.errors import LoopError
from loop.repo import commit_log
from loop.repo.git import commit_of, git
from loop.review import holdout_looks
from loop.review.holdout_looks import LOG, OWN, Look
from loop.settings.params import Window


def window(since: str, days: int) -> Window:
    start = pd.Timestamp(since, tz="UTC")
    return Window.model_validate({"from": start, "until": start + pd.Timedelta(days=days)})


MAY = window("2013-05-01", 31)


def look(model: str, on: Window = MAY) -> Look:
    return Look(model * 32, on)


def test_each_other_model_is_another_look_and_the_same_one_again_is_none(clone):
    numbers = []
    for model in "abab":
        numbers.append(holdout_looks.number(look(model)))
        holdout_looks.keep(look(model))
    assert numbers == [1, 2, 1, 2]
    assert len(git("log", "--format=%s", OWN).splitlines()) == 2


def test_a_look_that_says_more_is_kept_too_and_counts_once(clone):
    holdout_looks.keep(look("a"))
    holdout_looks.keep(replace(look("a"), champion="c" * 32, shift=(0.5,)))
    holdout_looks.keep(look("a"))
    assert [one.shift for one in holdout_looks.announced()] == [(0.5,)]
    assert len(git("log", "--format=%s", OWN).splitlines()) == 2
    assert holdout_looks.number(look("b")) == 2


def test_the_same_model_with_other_scores_is_another_look(clone):
    """Code that turns what a model says into scores can be tried as often as params."""
    tried = [replace(look("a"), scores=scores * 32) for scores in "1213"]
    assert [holdout_looks.publish(one) for one in tried] == [1, 2, 1, 3]
    assert holdout_looks.number(replace(look("a"), scores="4" * 32)) == 4


@pytest.mark.parametrize(
    ("other", "number"),
    [
        (window("2013-06-01", 30), 1),
        (window("2013-05-20", 31), 1),
        (window("2013-05-10", 31), 2),
        (window("2013-05-02", 31), 2),
        (window("2013-04-01", 90), 2),
        (window("2013-05-01", 3650), 2),  # in time that has no rows: they are those of May
        (window("2013-05-10", 7), 2),
    ],
)
def test_rows_that_are_mostly_fresh_begin_anew(clone, other, number):
    holdout_looks.keep(look("a"))
    assert holdout_looks.number(look("b", other)) == number


def on_days(model: str, on: Window, since: str, days: int) -> Look:
    """A look at hourly rows of these days, in a window that may begin or end elsewhere."""
    times = pd.Series(pd.date_range(since, periods=24 * days, freq="h", tz="UTC"))
    return replace(look(model, on), rows=holdout_looks.decided(times))


def test_a_window_that_reaches_into_time_without_rows_begins_nothing_anew(clone):
    """Its rows are those that were looked at, however little of its time was."""
    assert holdout_looks.publish(on_days("a", MAY, "2013-05-01", 31)) == 1
    for number, first in enumerate(("2013-05-17", "2013-05-20", "2013-05-28"), start=2):
        days = (pd.Timestamp("2013-06-01") - pd.Timestamp(first)).days
        later = on_days(f"{number}", window(first, 3650), first, days)
        assert holdout_looks.number(later) == holdout_looks.publish(later) == number


def test_rows_that_came_since_are_new_though_an_earlier_window_reached_as_far(clone):
    holdout_looks.publish(on_days("a", window("2013-05-01", 3650), "2013-05-01", 31))
    assert holdout_looks.number(on_days("b", window("2013-08-01", 31), "2013-08-01", 31)) == 1


def test_a_row_far_from_the_others_makes_no_rows_new(clone):
    """One of a year later: between them lies time that nobody looked at, and that has no rows."""
    holdout_looks.publish(on_days("a", MAY, "2013-05-01", 31))
    few = on_days("b", window("2013-05-20", 400), "2013-05-20", 12)
    apart = replace(few, rows=(*few.rows[:-1], pd.Timestamp("2014-06-01", tz="UTC")))
    assert holdout_looks.number(apart) == 2


def test_a_holdout_cut_into_parts_gives_no_more_looks(clone):
    """A week each of a month: the weeks share no row, and luck has a try at each."""
    numbers = []
    for model, day in zip("abcd", (1, 8, 15, 22), strict=True):
        since = f"2013-05-{day:02}"
        week = replace(on_days(model, window(since, 7), since, 7), usual=MAY)
        numbers.append(holdout_looks.publish(week))
    assert numbers == [1, 2, 3, 3], "three weeks on, less than half of a month before is shared"
    june = replace(on_days("e", window("2013-06-01", 30), "2013-06-01", 30), usual=MAY)
    assert holdout_looks.number(june) == 1, "newer rows than any week's"


def test_rows_that_several_looks_saw_in_parts_are_not_new(clone):
    """Each saw less than half of them, all together most."""
    for model, since in (("a", "2013-04-14"), ("b", "2013-05-18")):
        holdout_looks.publish(on_days(model, window(since, 31), since, 31))
    assert holdout_looks.number(on_days("c", MAY, "2013-05-01", 31)) == 3
    assert holdout_looks.number(on_days("c", window("2013-06-10", 31), "2013-06-10", 31)) == 1


def test_the_branch_at_origin_counts_for_all_and_is_written_once_for_each(clone):
    assert [holdout_looks.publish(look(model)) for model in "aba"] == [1, 2, 1]
    assert git("rev-list", "--count", LOG.remote) == "2"
    assert git("ls-remote", "origin", "refs/heads/looks").split()[0] == commit_of(LOG.remote)
    assert git("ls-tree", "-r", LOG.remote) == ""
    assert holdout_looks.number(look("c")) == 3


def test_what_a_clone_reviewed_by_itself_counts_there_as_well(clone):
    holdout_looks.publish(look("a"))
    holdout_looks.keep(look("b"))
    holdout_looks.keep(look("a"))
    assert holdout_looks.number(look("c")) == 3


def test_forks_spend_no_look_of_the_repositorys_own(clone):
    def fork(model):
        return replace(look(model), fork=True)

    assert holdout_looks.publish(look("a")) == 1
    assert [holdout_looks.publish(fork(model)) for model in "bcd"] == [2, 3, 4]
    assert holdout_looks.number(look("e")) == 2
    assert holdout_looks.number(look("d")) == 4  # whoever takes the best of three over has looked at three
    assert [holdout_looks.publish(look("d")), holdout_looks.publish(fork("d"))] == [4, 4]
    assert holdout_looks.publish(fork("a")) == 1  # the repository's own, again: no new look
    assert holdout_looks.number(look("e")) == 3
    assert git("log", "--format=%B", LOG.remote).count("Fork: yes") == 3


def test_another_clone_that_came_first_is_counted_too(clone, tmp_path):
    holdout_looks.publish(look("a"))
    other = tmp_path / "other"
    subprocess.run(["git", "clone", "-q", tmp_path / "origin.git", other], check=True)
    git("fetch", "-q", "origin", "looks:refs/heads/looks", cwd=other)
    git("-c", "user.name=o", "-c", "user.email=o@o", "commit", "-q", "--allow-empty", "-m", "x", cwd=other)
    message = git("log", "-1", "--format=%B", "looks", cwd=other).replace("a" * 32, "d" * 32)
    tree, parent = commit_log.EMPTY, git("rev-parse", "looks", cwd=other)
    who = ("-c", "user.name=o", "-c", "user.email=o@o")
    more = git(*who, "commit-tree", tree, "-p", parent, cwd=other, text=message)
    git("push", "-q", "origin", f"{more}:refs/heads/looks", cwd=other)
    assert holdout_looks.publish(look("b")) == 3


def test_commits_that_are_no_looks_change_no_count(clone):
    holdout_looks.publish(look("a"))
    tip = commit_of(LOG.remote)
    assert tip
    for text in ("hello", "Look\n\nModel: x\nSince: never\nUntil: 2013-06-01T00:00Z"):
        tip = git("commit-tree", commit_log.EMPTY, "-p", tip, text=text)
    git("push", "-q", "origin", f"{tip}:refs/heads/looks")
    assert holdout_looks.publish(look("b")) == 2


@pytest.mark.parametrize("by", ["rewritten", "deleted"])
@pytest.mark.parametrize("fetched", [True, False], ids=["brought by git itself", "not brought yet"])
def test_looks_that_the_branch_lost_are_counted_and_come_back_with_the_next(clone, by, fetched, capsys):
    for model in "abc":
        holdout_looks.publish(look(model))
    capsys.readouterr()
    keep = {"rewritten": f"{commit_of(LOG.remote)}~2", "deleted": ""}[by]
    git("push", "-q", "--force", "origin", f"{keep}:refs/heads/looks")
    if fetched:
        git("fetch", "-q", "--prune", "origin")
    assert holdout_looks.number(look("d")) == 4
    LOG.fetch()
    assert holdout_looks.number(look("d")) == 4
    lost = {"rewritten": "2 entries", "deleted": "3 entries"}[by]
    assert f"the branch looks at origin lost {lost}" in capsys.readouterr().out
    assert holdout_looks.publish(look("d")) == 4
    capsys.readouterr()
    LOG.fetch()
    assert "lost" not in capsys.readouterr().out
    assert git("rev-list", "--count", LOG.remote) == "4", "they are in the branch again"


def test_a_clone_that_is_behind_counts_by_what_origin_has(clone, tmp_path):
    holdout_looks.publish(look("a"))
    behind = commit_of(LOG.remote)
    for model in "bc":
        holdout_looks.publish(look(model))
    git("update-ref", LOG.remote, str(behind))
    assert holdout_looks.publish(look("d")) == 4


def test_an_origin_that_takes_none_is_an_error(clone, tmp_path):
    hook = tmp_path / "origin.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho protected >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(LoopError, match="could not be counted"):
        holdout_looks.publish(look("a"))
    assert holdout_looks.number(look("a")) == 1
