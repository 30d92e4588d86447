"""Champion and candidate on the same rows: what is aligned, what is refused, which slices lost."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from loop.base.errors import LoopError
from loop.kit.groups import column
from loop.kit.metrics import BINARY
from loop.review import checks, compare
from loop.review.compare import align, scored
from loop.settings import params
from problem import metrics, schema, source

SETTINGS = params.Resampling(seed=1, cluster="day", replicates=200, confidence=0.95, slice_rows_min=10)
PREDICTION = pa.DataFrameSchema(
    {
        "id": pa.Column("str"),
        "decided_at": pa.Column("datetime64[us, UTC]"),
        "score": pa.Column("float64", pa.Check.in_range(0, 1)),
    },
    unique=["id"],
    strict=True,
)


@pytest.fixture(autouse=True)
def _a_problem_with_one_key(monkeypatch):
    monkeypatch.setattr(source, "KEY", ["id"])
    monkeypatch.setattr(schema, "PREDICTION", PREDICTION)


def examples(rows: int = 100) -> pd.DataFrame:
    """Rows of one an hour; every third has the label 1."""
    number = pd.Series(range(rows), dtype="int64")
    decided = pd.Timestamp("2020-03-01", tz="UTC") + pd.to_timedelta(number, unit="h")
    return pd.DataFrame(
        {
            "id": ("k" + number.astype("str")).astype("str"),
            "decided_at": decided.astype("datetime64[us, UTC]"),
            "day": decided.dt.strftime("%Y-%m-%d"),
            "label": (number % 3 == 0).astype("int64"),
        }
    )


def with_score(frame: pd.DataFrame, score: float = 0.4) -> pd.DataFrame:
    return frame.assign(score=score)


def predictions(frame: pd.DataFrame, score: object = 0.4) -> pd.DataFrame:
    return frame[["id", "decided_at"]].assign(score=score)


BAD = {
    "a score that is not a number": (lambda f: predictions(f, np.nan), "break their contract: not null"),
    "a score out of range": (lambda f: predictions(f, 1.5), "break their contract"),
    "a row too few": (lambda f: predictions(f.iloc[1:]), "of other rows than asked: 99 predictions"),
    "a row too many": (lambda f: predictions(pd.concat([f, examples(101).tail(1)])), "101 predictions"),
    "other rows": (lambda f: predictions(examples(200).tail(100)), "0 of them for the 100 rows"),
}


@pytest.mark.parametrize(("make", "says"), BAD.values(), ids=BAD)
def test_predictions_that_are_not_those_asked_for_are_refused(make, says):
    frame = examples()
    with pytest.raises(LoopError, match="candidate's predictions") as refused:
        scored(frame, make(frame), "candidate")
    assert says in str(refused.value)


def test_each_row_gets_its_own_score():
    frame = examples()
    shuffled = predictions(frame, np.linspace(0, 1, 100)).sample(frac=1, random_state=1)
    assert scored(frame, shuffled, "candidate")["score"].tolist() == np.linspace(0, 1, 100).tolist()


def test_rows_from_before_the_champions_judgement_are_left_out():
    candidate, champion = with_score(examples(100)), with_score(examples(100).iloc[40:])
    found = align(candidate, champion, SETTINGS)
    assert len(found.label) == 60
    assert found.share == 1


def test_rows_that_only_one_side_has_are_counted():
    candidate, champion = with_score(examples(100).iloc[:80]), with_score(examples(100))
    assert align(candidate, champion, SETTINGS).share == pytest.approx(0.8)


def test_another_label_on_the_same_row_cannot_be_compared():
    champion = with_score(examples())
    champion.loc[3, "label"] = 1 - champion.loc[3, "label"]
    with pytest.raises(LoopError, match="1 of 100 rows have another label"):
        align(with_score(examples()), champion, SETTINGS)


def test_another_time_of_the_same_row_cannot_be_compared():
    champion = with_score(examples())
    champion.loc[3, "decided_at"] += pd.Timedelta("1h")
    with pytest.raises(LoopError, match="1 of 100 rows have another decided_at"):
        align(with_score(examples()), champion, SETTINGS)


@pytest.mark.parametrize("champion", [examples(200).tail(50), examples(0)], ids=["other rows", "no row"])
def test_nothing_in_common_cannot_be_compared(champion):
    with pytest.raises(LoopError, match="no row of the holdout was scored by both"):
        align(with_score(examples()), with_score(champion), SETTINGS)


def test_a_cluster_that_the_examples_lack_is_named():
    other = SETTINGS.model_copy(update={"cluster": "shop"})
    with pytest.raises(LoopError, match="no column `shop`"):
        align(with_score(examples()), with_score(examples()), other)


def policy(margin: float) -> SimpleNamespace:
    """As much of a policy as slices ask for."""
    return SimpleNamespace(
        primary=SimpleNamespace(metric=metrics.PRIMARY), slices=SimpleNamespace(alpha=0.01, margin=margin)
    )


@pytest.fixture
def cut(monkeypatch):
    """Slices by the number of the row: one in ten, and the rest."""
    monkeypatch.setattr(
        metrics, "SLICES", {"tenth": lambda frame: pd.Series(np.where(frame.index % 10, "b", "a"))}
    )


def rows_where(worse_by: float):
    """Two thousand rows; the candidate is worse on slice a alone."""
    frame = examples(2000)
    rng = np.random.default_rng(1)
    truth = rng.random(2000)
    frame = frame.assign(label=(rng.random(2000) < truth).astype("int64"))
    off = np.where(np.arange(2000) % 10, 0.0, worse_by)
    candidate = np.clip(truth + off, 0.01, 0.99)
    return compare.rows(frame, (np.clip(truth, 0.01, 0.99), candidate), SETTINGS)


@pytest.mark.usefixtures("cut")
def test_only_the_slice_that_lost_is_worse():
    found = {part.name: part for part in compare.slices(rows_where(0.5), policy(0.03), SETTINGS)}
    assert found["a"].worse
    assert not found["b"].worse
    assert found["a"].p >= found["a"].gain.p


@pytest.mark.usefixtures("cut")
def test_a_certain_loss_within_the_margin_is_nobodys_concern():
    assert not any(part.worse for part in compare.slices(rows_where(0.5), policy(9.0), SETTINGS))


@pytest.mark.usefixtures("cut")
def test_a_slice_with_too_few_rows_is_not_compared():
    few = SETTINGS.model_copy(update={"slice_rows_min": 500})
    assert [part.name for part in compare.slices(rows_where(0.0), policy(0.03), few)] == ["b"]


def asked(rows_min: int, clusters_min: int = 2, shared_min: float = 0.9) -> SimpleNamespace:
    """As much of a policy as the holdout's checks ask for."""
    limits = {"rows_min": rows_min, "clusters_min": clusters_min, "shared_min": shared_min, "reason": "why"}
    return SimpleNamespace(holdout=SimpleNamespace(**limits))


HOLDOUTS = {
    "enough": (examples(100), asked(100), set()),
    "too few rows": (examples(99), asked(100), {"holdout.rows_min"}),
    "too few clusters": (examples(100), asked(100, clusters_min=9), {"holdout.clusters_min"}),
    "one class": (examples(100).assign(label=1), asked(100), {"holdout.labels"}),
}


@pytest.mark.parametrize(("frame", "policy", "unknown"), HOLDOUTS.values(), ids=HOLDOUTS)
def test_a_holdout_that_says_too_little_is_inconclusive(frame, policy, unknown):
    score = np.full(len(frame), 0.4)
    found = list(checks._holdout(policy, compare.rows(frame, (score, score), SETTINGS)))
    assert {one.name for one in found if one.result == "inconclusive"} == unknown
    assert {one.result for one in found} <= {"pass", "inconclusive"}


def test_an_empty_holdout_is_reported():
    with pytest.raises(LoopError, match="the holdout holds no labelled row"):
        compare.rows(examples(0), (np.array([]), np.array([])), SETTINGS)


def test_rows_of_which_one_side_has_too_few_are_inconclusive():
    found = align(with_score(examples(100).iloc[:80]), with_score(examples(100)), SETTINGS)
    results = {one.name: one.result for one in checks._holdout(asked(10), found)}
    assert results["holdout.shared_min"] == "inconclusive"


def test_rows_that_weigh_more_count_more_in_gains_and_in_slices(monkeypatch):
    monkeypatch.setattr(metrics, "METRICS", BINARY)
    monkeypatch.setattr(metrics, "SLICES", {"day": column("day")})
    weight = np.random.default_rng(1).integers(1, 4, 100)
    one = examples().assign(row_weight=weight.astype(float))
    scores = np.random.default_rng(2).random((2, 100))
    policy = SimpleNamespace(
        primary=SimpleNamespace(metric="log_loss"), slices=SimpleNamespace(alpha=1, margin=0)
    )

    def judged(frame, champion, candidate):
        found = compare.rows(frame, (champion, candidate), SETTINGS)
        gains = compare.gains(found, SETTINGS).values()
        slices = [(part.name, part.gain.gain) for part in compare.slices(found, policy, SETTINGS)]
        return [(gain.gain, gain.low, gain.high) for gain in gains], sorted(slices)

    weighed = judged(one, *scores)
    again = np.repeat(np.arange(100), weight)
    repeated = judged(one.iloc[again].drop(columns="row_weight").reset_index(drop=True), *scores[:, again])
    assert np.allclose(weighed[0], repeated[0])
    assert dict(weighed[1]) == pytest.approx(dict(repeated[1]))


def test_other_weights_than_on_the_base_are_not_compared():
    one = with_score(examples()).assign(row_weight=2.0)
    assert align(one, one, SETTINGS).row_weight.tolist() == [2.0] * 100
    for other in (one.assign(row_weight=1.0), one.drop(columns="row_weight")):
        for sides in ((one, other), (other, one)):
            with pytest.raises(LoopError, match="100 of 100 rows have another row_weight than on the base"):
                align(*sides, SETTINGS)
