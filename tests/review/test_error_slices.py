"""Where the candidate errs most: found in any column, personal ones neither looked at nor shown."""

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from loop.kit import groups
from loop.kit.metrics import BINARY, MULTICLASS, REGRESSION
from loop.review import compare, error_slices
from loop.settings import params
from problem import metrics, schema, source

SETTINGS = params.Resampling(seed=1, cluster="day", replicates=20, confidence=0.95, slice_rows_min=10)


@pytest.fixture(autouse=True)
def _a_problem(monkeypatch):
    """A regression whose key and one column are personal."""
    personal = {name: pa.Column("str", metadata={"personal": "hash"}) for name in ("patient", "ethnicity")}
    monkeypatch.setattr(schema, "REQUEST", pa.DataFrameSchema(personal))
    monkeypatch.setattr(source, "KEY", ["patient", "visit"])
    for name, value in {"PRIMARY": "mae", "METRICS": REGRESSION, "SUBGROUPS": {}}.items():
        monkeypatch.setattr(metrics, name, value)
    monkeypatch.setattr(metrics, "SLICES", {"ward": groups.column("ward")})


def examples(rows: int = 4000) -> pd.DataFrame:
    rng, at = np.random.default_rng(1), np.arange(rows)
    frame = pd.DataFrame({"patient": [f"p{one}" for one in at], "visit": at % 3, "day": at % 40})
    return frame.assign(
        ward=rng.choice(["north", "south"], rows),
        drug=pd.Series(rng.choice(["a", "b", "c"], rows)).mask(pd.Series(at % 50 == 0)),
        age=rng.uniform(20, 90, rows),
        old=rng.random(rows) < 0.3,
        ethnicity=rng.choice(["x", "y"], rows),
        decided_at=pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(at % 40, unit="D"),
        label=0.0,
        label_known_at=pd.Timestamp("2020-03-01", tz="UTC"),
    )


def found(frame: pd.DataFrame, score: np.ndarray, holdout: pd.DataFrame | None = None):
    rows = compare.rows(frame, (score, score), SETTINGS)
    return error_slices.find(rows, frame if holdout is None else holdout, SETTINGS)


WRONG = {
    "a category": (lambda rows: rows["drug"] == "b", ("drug", "b")),
    "what is missing": (lambda rows: rows["drug"].isna(), ("drug", "missing")),
    "a range of a number": (lambda rows: rows["age"] > 80, ("age", "over")),
    "a truth": (lambda rows: rows["old"], ("old", "1")),
    "a declared slice": (lambda rows: rows["ward"] == "south", ("ward", "south")),
}


@pytest.mark.parametrize(("where", "part"), WRONG.values(), ids=WRONG)
def test_it_finds_the_part_that_the_worst_rows_crowd_in(where, part):
    frame, rng = examples(), np.random.default_rng(2)
    if part[1] == "missing":
        frame["drug"] = frame["drug"].mask(pd.Series(rng.random(len(frame)) < 0.1))
    score = rng.normal(size=len(frame)) * np.where(where(frame), 3, 1)
    errors = found(frame, score)
    first = errors.slices[0]
    assert (first.cut, first.name.split(" ")[0]) == part
    assert first.low > 1
    assert errors.rows == 200
    declared_once = 2 + 3 + 5 + 2 + 3 + 5  # wards, drugs, fifths of age, old or not, visits, fifths of days
    assert errors.looked_at == declared_once + (first.name == "missing")


def test_nearly_all_rows_are_no_crowd_however_certain(monkeypatch):
    """All of the worst rows are of the nineteen in twenty: 1.05 times their share."""
    frame, rng = examples(), np.random.default_rng(2)
    frame["drug"] = np.where(rng.random(len(frame)) < 0.95, "usual", "rare")
    score = rng.normal(size=len(frame)) * np.where(frame["drug"] == "usual", 3, 0.01)
    assert found(frame, score).slices == []
    monkeypatch.setattr(error_slices, "CROWDED", 1)
    assert [(one.cut, one.name) for one in found(frame, score).slices] == [("drug", "usual")]


def test_what_only_a_personal_column_tells_is_neither_found_nor_shown():
    frame, rng = examples(), np.random.default_rng(2)
    errors = found(frame, rng.normal(size=len(frame)) * np.where(frame["ethnicity"] == "x", 3, 1))
    assert errors.found == 0
    told = errors.model_dump_json()
    assert "ethnicity" not in told
    assert "patient" not in told
    assert all(one.key == {"visit": str(frame["visit"][one.row])} for one in errors.worst)


def test_the_worst_rows_are_named_by_their_place_in_the_holdout():
    frame = examples(200)
    score = np.zeros(100)
    score[[7, 50, 99]] = 9.0, 11.0, 10.0
    errors = found(frame.tail(100).reset_index(drop=True), score, frame)
    assert [(one.row, one.loss) for one in errors.worst[:3]] == [(150, 11.0), (199, 10.0), (107, 9.0)]
    assert errors.share == 1.0
    assert errors.looked_at == 0, "no part has 100 rows"


def test_a_loss_of_a_row_is_the_first_metric_of_that_row_alone_that_tells_rows_apart(monkeypatch):
    label, score = np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.8, 0.2])
    monkeypatch.setattr(metrics, "METRICS", REGRESSION)
    monkeypatch.setattr(metrics, "PRIMARY", "rmse")
    title, loss = error_slices.losses(label, score)
    assert (title, loss.tolist()) == ("root mean squared error", pytest.approx([0.1, 0.2, 0.8]))
    monkeypatch.setattr(metrics, "METRICS", BINARY)
    monkeypatch.setattr(metrics, "PRIMARY", "roc_auc")  # of pairs of rows: of one alone it says nothing
    title, loss = error_slices.losses(label, score)
    assert (title, loss.tolist()) == ("log loss", pytest.approx(-np.log([0.9, 0.8, 0.2])))


def test_classes_have_a_loss_where_the_primary_metric_only_counts_hits(monkeypatch):
    monkeypatch.setattr(metrics, "METRICS", MULTICLASS)
    monkeypatch.setattr(metrics, "PRIMARY", "accuracy")
    score = np.random.default_rng(1).dirichlet([1, 1, 1], 50)
    title, loss = error_slices.losses(np.arange(50.0) % 3, score)
    assert title == "log loss"
    assert loss[4] == pytest.approx(-np.log(score[4, 1]))


def test_where_no_metric_tells_rows_apart_nothing_is_said(monkeypatch):
    monkeypatch.setattr(metrics, "METRICS", {"accuracy": MULTICLASS["accuracy"]})
    monkeypatch.setattr(metrics, "PRIMARY", "accuracy")
    assert error_slices.losses(np.zeros(50), np.full((50, 2), 0.5)) is None
