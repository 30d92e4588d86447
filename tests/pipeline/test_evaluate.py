"""evaluate: figures that scikit-learn agrees with, slices with their counts, bad scores refused."""

import json

import numpy as np
import pandas as pd
import pytest

from loop.base import files
from loop.base.errors import LoopError
from loop.data.contract import ContractError
from loop.model import model_file
from loop.pipeline import evaluate
from loop.review import champion_comparison
from loop.settings import params
from problem import metrics, source
from problem import model as problem_model

SETTINGS = {"seed": 1, "cluster": source.KEY[0], "replicates": 200, "confidence": 0.95, "slice_rows_min": 100}


@pytest.fixture(scope="module")
def holdout(finished):
    return files.read_table(finished.path / "data/examples/holdout.parquet").sample(frac=0.2, random_state=1)


@pytest.fixture(scope="module")
def predictions(finished, holdout):
    stored = files.read_table(finished.path / "data/predictions.parquet")
    return holdout[source.KEY].merge(stored, on=source.KEY)


def judge(holdout, predictions, **changes):
    return evaluate.evaluate(holdout, predictions, evaluate.Params(**(SETTINGS | changes)))


@pytest.fixture(scope="module")
def found(holdout, predictions):
    return judge(holdout, predictions)


def test_each_metric_has_an_interval(found):
    assert set(found.metrics) == set(metrics.METRICS)
    for name, estimate in found.metrics.items():
        assert estimate.low < estimate.high, name
    primary = found.metrics[metrics.PRIMARY]
    assert primary.low < primary.value < primary.high


def test_the_slices_of_each_cut_hold_every_row_once(found, holdout):
    counts = found.slices.drop_duplicates(["cut", "slice"]).groupby("cut")["rows"].sum()
    assert set(counts) == {len(holdout)}


def test_a_small_slice_shows_its_count_and_no_figures(found, holdout, predictions):
    smallest = found.slices["rows"].min()
    found = judge(holdout, predictions, slice_rows_min=int(smallest) + 1)
    small = found.slices[found.slices["rows"] <= smallest]
    assert len(small)
    assert small[["value", "low", "high"]].isna().all(axis=None)
    assert found.slices.loc[found.slices["rows"] > smallest, "value"].notna().any()


def test_the_bins_of_calibration_hold_equal_rows_and_rise(found, holdout):
    assert found.calibration["rows"].sum() == len(holdout)
    assert found.calibration["rows"].max() - found.calibration["rows"].min() <= 1
    assert found.calibration["mean_score"].is_monotonic_increasing


def test_the_histogram_holds_every_row_and_every_label(found, holdout):
    assert found.scores["rows"].sum() == len(holdout)
    assert found.scores["labels"].sum() == holdout["label"].sum()


def test_the_order_of_rows_does_not_matter(found, holdout, predictions):
    order = np.random.default_rng(0).permutation(len(holdout))
    again = judge(holdout.iloc[order], predictions.iloc[order])
    for name, estimate in again.metrics.items():
        assert estimate.value == pytest.approx(found.metrics[name].value, abs=1e-12)
        assert estimate.low == pytest.approx(found.metrics[name].low, abs=1e-9)


def test_predictions_are_matched_by_key_not_by_place(found, holdout, predictions):
    again = judge(holdout, predictions.iloc[::-1].reset_index(drop=True))
    assert again.metrics == found.metrics
    pd.testing.assert_frame_equal(again.slices, found.slices)
    pd.testing.assert_frame_equal(again.clusters, found.clusters)


def test_an_example_without_a_prediction_is_refused(holdout, predictions):
    with pytest.raises(ContractError, match="not null"):
        judge(holdout, predictions.iloc[1:])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_out_of_contract_is_refused(finished, holdout, monkeypatch, bad):
    monkeypatch.setattr(problem_model, "score", lambda model, rows: np.full(len(rows), bad))
    with pytest.raises(ContractError, match="predictions"):
        evaluate.predict(None, holdout)


def test_what_is_written_is_plain_json_with_the_primary_metric(finished):
    written = json.loads(finished.text("reports/metrics.json"))
    assert set(written[metrics.PRIMARY]) == {"value", "low", "high"}
    assert written["rows"] == len(files.read_table(finished.path / "data/predictions.parquet"))


def test_a_corrupted_model_is_refused_before_it_is_loaded(working_copy):
    model = working_copy.path / "models/model.skops"
    model.unlink()  # the cache may be linked
    model.write_bytes(b"PK\x03\x04 not a model")
    done = working_copy.run("loop", "evaluate", check=False)
    assert done.returncode == 1
    assert "models/model.skops has sha256" in done.stderr
    assert "dvc checkout --force models/model.skops" in done.stderr
    assert "Traceback" not in done.stderr
    working_copy.run("dvc", "checkout", "--force", "models/model.skops")
    assert json.loads(working_copy.text("models/lineage.json"))["model"]["sha256"] == files.digest(
        model, "sha256"
    )


def test_scores_that_are_all_equal_are_judged_without_a_crash(holdout, predictions):
    found = judge(holdout, predictions.assign(score=0.25))
    assert np.isfinite(found.metrics[metrics.PRIMARY].value)
    assert found.scores["rows"].sum() == len(holdout)


def test_the_model_scores_one_row_alone_as_in_a_batch(finished, holdout):
    made = json.loads(finished.text("models/lineage.json"))
    path = finished.path / "models/model.skops"
    model = model_file.read(path, made["model"]["sha256"], problem_model.TRUSTED)
    batch = problem_model.score(model, holdout.head(20))
    alone = [problem_model.score(model, holdout.iloc[[i]])[0] for i in range(20)]
    assert batch.tolist() == alone


def test_the_section_is_strict():
    with pytest.raises(LoopError, match="did you mean `replicates`"):
        params.parse("evaluate", SETTINGS | {"replicate": 10}, evaluate.Params)
    assert pd.notna(evaluate.Params(**SETTINGS).confidence)


def test_golden_requests_whose_key_is_an_instant_are_written_as_json_and_found_again(tmp_path, monkeypatch):
    """Of whatever form GOLDEN gives the instant in; what was written is the same request to `review`."""
    at = pd.to_datetime(
        ["2026-01-05T12:00Z", "2026-01-05T12:00:00.5Z", "2026-01-06T12:00Z"], format="ISO8601"
    )
    examples = pd.DataFrame({"at": at.as_unit("us"), "x": [1, 2, 3]})
    monkeypatch.setattr(source, "KEY", ["at", "x"])
    wanted = (("a text", ("2026-01-05T12:00Z", 1)), ("an instant", (at[1], 2)))
    monkeypatch.setattr(metrics, "GOLDEN", wanted)
    monkeypatch.setattr(problem_model, "score", lambda _, rows: np.full(len(rows), 0.25))
    monkeypatch.setattr(evaluate.features, "known", lambda rows: rows)
    found = evaluate.golden_scores(None, evaluate.golden(examples))
    files.write_json(tmp_path / "golden.json", found)
    written = json.loads((tmp_path / "golden.json").read_text())
    assert [(row["why"], row["x"], row["score"]) for row in written] == [
        ("a text", 1, 0.25),
        ("an instant", 2, 0.25),
    ]
    expected = champion_comparison._expected(written, examples)
    assert expected["x"].tolist() == [1, 2]


@pytest.mark.parametrize("key", ["no instant", None])
def test_golden_requests_of_another_kind_of_key_are_none_to_compare(key, monkeypatch):
    monkeypatch.setattr(source, "KEY", ["at"])
    known = pd.DataFrame({"at": pd.to_datetime(["2026-01-05T12:00Z"])})
    written = [{"why": "x", "at": key, "score": 0.5}]
    assert len(champion_comparison._expected(written, known)) == 0
