"""The past that limits come from is out of sample, kept, and made again where it is not of these rows."""

import numpy as np
import pandas as pd
import pytest

from loop.base import files
from loop.base.errors import LoopError
from loop.monitor.inputs import baseline
from loop.monitor.schema import FOLDER
from problem import source
from support.monitor_case import Model, keys

DAYS = 56


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def train(days: int = DAYS, per_day: int = 3) -> pd.DataFrame:
    """Labelled rows of so many days, in no order."""
    at = pd.Timestamp("2013-01-01T06:00Z").as_unit("us") + pd.to_timedelta(
        np.arange(days * per_day) // per_day, "D"
    )
    rows = keys(days * per_day).assign(decided_at=at, x=np.arange(days * per_day) / 7, label=1)
    return rows.sample(frac=1, random_state=1, ignore_index=True)


def kept():
    return sorted(FOLDER.glob("baseline-*.parquet"))


def test_no_row_is_scored_by_a_model_that_was_fitted_on_it():
    rows, seen = train(), []

    def fitted(fit, asked):
        assert not set(fit[source.KEY[0]]) & set(asked[source.KEY[0]])
        gap = fit["decided_at"].dt.floor("D").isin(asked["decided_at"].dt.floor("D"))
        assert not gap.any(), "a day is on both sides"
        seen.extend(asked[source.KEY[0]])
        return asked["x"] + 100

    found = baseline.out_of_fold(Model(fitted=fitted), rows, 14)
    assert sorted(seen) == sorted(rows[source.KEY[0]])
    assert found.tolist() == (rows["x"] + 100).tolist(), "in the order of the rows"


def test_scores_out_of_fold_are_not_those_of_the_champion():
    rows, model = train(), Model()
    assert (baseline.scores(model, rows, 14) != model.score(rows)).all()
    assert len(model.fits) == 4


def test_a_long_past_costs_no_more_than_twelve_fits():
    model = Model()
    baseline.out_of_fold(model, train(400, 1), 7)
    assert len(model.fits) <= 12


def test_it_is_made_once_and_kept():
    rows, model = train(), Model()
    first = baseline.scores(model, rows, 14)
    other = rows.sample(frac=1, random_state=2)
    again = pd.Series(baseline.scores(model, other, 14), other.index)
    assert len(model.fits) == 4
    assert first.tolist() == again.sort_index().tolist()
    assert len(kept()) == 1


def test_one_that_is_older_than_the_model_is_made_again():
    rows = train()
    baseline.scores(Model(), rows, 14)
    newer = Model(sha256="cd" * 32, fitted=lambda fit, asked: asked["x"] + 7)
    assert baseline.scores(newer, rows, 14).tolist() == (rows["x"] + 7).tolist()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-50]),
        lambda path: path.write_bytes(b""),
        lambda path: files.write_table(path, files.read_table(path).iloc[:-1]),
        lambda path: files.write_table(path, files.read_table(path).drop(columns="score")),
        lambda path: files.write_table(path, files.read_table(path).assign(score=np.nan)),
        lambda path: files.write_table(path, pd.concat([files.read_table(path)] * 2)),
    ],
    ids=["cut short", "empty", "a row less", "no score", "null scores", "rows twice"],
)
def test_one_that_is_not_whole_is_made_again(damage):
    rows, model = train(), Model()
    first = baseline.scores(model, rows, 14)
    damage(kept()[0])
    assert baseline.scores(model, rows, 14).tolist() == first.tolist()
    assert len(model.fits) == 8


def test_one_of_other_rows_is_made_again():
    model = Model()
    baseline.scores(model, train(), 14)
    baseline.scores(model, train(DAYS - 1), 14)
    assert len(model.fits) == 4 + 3


def test_one_that_holds_the_champions_own_scores_of_its_training_rows_is_refused():
    rows, model = train(), Model()
    baseline.scores(model, rows, 14)
    (path,) = kept()
    table = files.read_table(path)
    inside = table[source.KEY].merge(rows.assign(score=model.score(rows)), on=source.KEY)["score"]
    files.write_table(path, table.assign(score=inside))
    with pytest.raises(LoopError, match=r"own training rows \(100% are the same\)") as refused:
        baseline.scores(model, rows, 14)
    assert "baseline-" in refused.value.todo


def test_coarse_scores_that_are_the_same_by_chance_are_not_refused():
    rows, model = (
        train(),
        Model(scored=lambda rows: rows["x"] * 0 + 0.3, fitted=lambda _, rows: rows["x"] * 0 + 0.3),
    )
    baseline.scores(model, rows, 14)
    assert (baseline.scores(model, rows, 14) == 0.3).all()


@pytest.mark.parametrize("days", [1, 14])
def test_a_training_window_too_short_for_two_blocks_is_refused(days):
    with pytest.raises(LoopError, match=f"trained on {days} day"):
        baseline.out_of_fold(Model(), train(days), 14)
    assert not kept()
