"""Every check is proven to bite: a candidate with one fault is refused by the check of that name.

And the honest candidate, which differs from the champion by its seed alone, passes them all.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loop import scorer
from loop.base import files
from loop.data import raw
from loop.model import model_file
from loop.pipeline import train
from loop.review import candidate as candidates
from loop.review import checks, compare
from loop.review.champion_comparison import Comparison
from loop.settings import params
from loop.settings.review_policy import Policy
from problem import model as problem_model

QUICK = {"trees": 40, "learning_rate": 0.2}  # as good, for a model whose fault is of another kind


class Twisted:
    """A model whose probability is changed on the way out."""

    def __init__(self, model, change):
        self.model, self.change = model, change

    def predict_proba(self, examples):
        score = self.model.predict_proba(examples)[:, 1]
        twisted = np.clip(self.change(score, examples), 0.001, 0.999)
        return np.column_stack([1 - twisted, twisted])


class Court:
    """The champion of the finished repository, and the judgement of any candidate against it."""

    def __init__(self):
        self.policy = params.section("review", Policy)
        self.settings = params.section("evaluate", params.Resampling)
        self.train_settings = params.section("train", train.Params)
        self.champion = candidates.take()
        self.golden = json.loads(Path("reports/golden.json").read_text())

    def fit(self, examples, seed=1, *columns, **model):
        """A model of the problem with another seed, with more columns or other settings."""
        settings = self.train_settings.model.model_copy(update=model)
        unfitted = problem_model.build(settings, seed)
        transformers = unfitted.named_steps["columns"].transformers
        transformers[-1] = (*transformers[-1][:2], [*transformers[-1][2], *columns])
        return unfitted.fit(examples, examples["label"])

    def candidate(self, model, train_on=None, holdout=None, megabytes=1.0, md5="another"):
        """A candidate as the pipeline would leave it."""
        train_on = self.champion.train if train_on is None else train_on
        holdout = self.champion.holdout if holdout is None else holdout
        return replace(
            self.champion,
            model=model,
            md5=md5,
            megabytes=megabytes,
            train=train_on,
            holdout=holdout,
            predictions=scorer.score(model, holdout),
        )

    def checks(self, candidate, seconds=([0.005] * 9, [0.005] * 9)):
        """Every check's result by name."""
        mine = compare.scored(candidate.holdout, candidate.predictions, "candidate")
        theirs = compare.scored(self.champion.holdout, self.champion.predictions, "champion")
        rows = compare.align(mine, theirs, self.settings)
        comparison = Comparison(
            gains=compare.gains(rows, self.settings),
            slices=compare.slices(rows, self.policy, self.settings),
            golden=self.golden,
            md5=self.champion.md5,
            seconds=seconds,
        )
        found = checks.every(self.policy, candidate, rows, comparison)
        return {one.name: one.result for one in found}

    def failed(self, candidate, **more):
        """Names of the checks that refuse the candidate."""
        return {name for name, result in self.checks(candidate, **more).items() if result == "fail"}


@pytest.fixture(scope="module")
def court(finished):
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished.path)
        yield Court()
    assert Path.cwd() == before


@pytest.fixture(scope="module")
def honest(court):
    return court.fit(court.champion.train)


def twisted(court, honest, change):
    return court.candidate(Twisted(honest, change))


def with_delay(court, noise):
    """Training and holdout with the flight's own delay on arrival, which no one knows in time."""
    flights = files.read_table(Path("data/valid/flights.parquet"))
    key = ["flight_date", "carrier", "flight", "origin"]
    report = flights[[*key, "arrival_delay_minutes"]]
    rng = np.random.default_rng(1)
    for frame in (court.champion.train, court.champion.holdout):
        delay = frame[key].merge(report, on=key, how="left")["arrival_delay_minutes"].to_numpy()
        yield frame, delay, rng.normal(0, noise, len(frame))


def test_an_honest_candidate_passes_every_check(court, honest):
    assert set(court.checks(court.candidate(honest)).values()) == {"pass"}


def test_a_leaky_feature_is_refused(court):
    train_on, holdout = (frame.assign(leaked=delay + r) for frame, delay, r in with_delay(court, 20))
    model = court.fit(train_on, 1, "leaked", **QUICK)
    assert {"leak.feature", "leak.jump"} <= court.failed(court.candidate(model, train_on, holdout))


def test_a_leak_in_the_sum_of_two_harmless_features_is_refused(court, honest):
    train_on, holdout = (
        frame.assign(one=delay / 2 + 10 * r, two=delay / 2 - 10 * r)
        for frame, delay, r in with_delay(court, 30)
    )
    assert court.failed(court.candidate(honest, train_on, holdout)) == {"leak.feature"}


def test_a_leak_in_what_is_missing_is_refused(court, honest):
    train_on, holdout = (
        frame.assign(tail=np.where(delay > 15, np.nan, r)) for frame, delay, r in with_delay(court, 1)
    )
    assert court.failed(court.candidate(honest, train_on, holdout)) == {"leak.feature"}


def test_rows_in_training_and_holdout_are_refused(court, honest):
    train_on = pd.concat([court.champion.train, court.champion.holdout.iloc[:100]])
    assert "leak.shared_rows" in court.failed(court.candidate(honest, train_on))


def test_a_random_split_of_days_is_refused(court, honest):
    everything = pd.concat([court.champion.train, court.champion.holdout])
    drawn = np.random.default_rng(1).random(len(everything)) < 0.8
    found = court.failed(court.candidate(honest, everything[drawn]))
    assert "leak.shared_entities" in found


def test_shuffled_labels_are_refused(court):
    shuffled = court.champion.train.assign(
        label=np.random.default_rng(1).permutation(court.champion.train["label"])
    )
    found = court.failed(court.candidate(court.fit(shuffled, **QUICK)))
    assert {"primary", "guards.roc_auc", "minimum_requirements.roc_auc"} <= found


def test_a_slow_model_is_refused(court, honest):
    def slowed(score, examples):
        for _ in range(5):
            honest.predict_proba(examples)
        return score

    slow = twisted(court, honest, slowed)
    taken = ([], [])
    for _ in range(10):  # in turn, as a review does: what else the machine does slows both alike
        for model, seconds in zip((honest, slow.model), taken, strict=True):
            seconds.extend(scorer.seconds(model, court.champion.holdout, 5))
    assert court.failed(slow, seconds=taken) == {"latency"}


def test_a_huge_model_is_refused(court, tmp_path):
    some = court.champion.train.iloc[::10]
    model = court.fit(some, 1, trees=70, leaves=800, learning_rate=0.001, rows_per_leaf=2)
    model_file.write(model, tmp_path / "model.skops")
    size = (tmp_path / "model.skops").stat().st_size / 1e6
    assert "size" in court.failed(court.candidate(model, megabytes=size))


def test_an_unfair_model_is_refused(court, honest):
    def unfair(score, examples):
        return score + np.where(examples["distance_miles"] > 1500, 0.08, -0.01)

    assert "fairness" in court.failed(twisted(court, honest, unfair))


def test_a_model_that_got_worse_on_one_slice_alone_is_refused(court, honest):
    def forgetful(score, examples):
        here = (examples["carrier"] == "WN").to_numpy()
        shuffled = score.copy()
        shuffled[here] = (score[here] + np.random.default_rng(1).permutation(score[here])) / 2
        return shuffled

    assert court.failed(twisted(court, honest, forgetful)) == {"slices"}


def test_an_uncalibrated_model_is_refused(court, honest):
    found = court.failed(twisted(court, honest, lambda score, _: score**0.5))
    assert {
        "minimum_requirements.calibration_error",
        "guards.calibration_error",
        "guards.calibration_bias",
    } <= found


def test_a_model_that_minds_the_flight_number_is_refused(court):
    model = court.fit(court.champion.train, 1, "flight")
    assert court.failed(court.candidate(model)) >= {"behaviour.invariance"}


def test_a_model_that_likes_storms_is_refused(court, honest):
    def likes(score, examples):
        return score - 0.3 * (examples["rain_inches"] >= 0.2)

    assert "behaviour.direction" in court.failed(twisted(court, honest, likes))


def test_a_new_model_that_thinks_the_contrary_of_a_golden_request_is_refused(court, honest):
    assert "golden" in court.failed(twisted(court, honest, lambda score, _: 1 - score))


def test_the_same_model_must_give_golden_requests_the_same_score_to_the_bit(court, monkeypatch):
    same = court.candidate(court.champion.model, md5=court.champion.md5)
    assert court.failed(same) == set()
    moved = [{**row, "score": float(np.nextafter(row["score"], 1))} for row in court.golden]
    monkeypatch.setattr(court, "golden", moved)
    assert court.failed(same) == {"golden"}


def broken_tables():
    tables = {path.name: files.read_table(path) for path in sorted(Path("data/raw").iterdir())}
    windows = params.section("windows", params.Windows)
    limits = params.section("validate", raw.Params).limits
    return tables, windows, limits


def contract_check(tables, windows, limits):
    span = {"since": windows.since, "until": windows.holdout.until, "as_of": windows.as_of}
    breaches = raw.validate(tables, limits, **span)[2]
    return checks.contract([breach.as_json() for breach in breaches])


def test_sound_data_pass_the_contract(court):
    assert contract_check(*broken_tables()).result == "pass"


def test_a_break_of_the_schema_is_refused(court):
    tables, windows, limits = broken_tables()
    tables["flights"] = tables["flights"].rename(columns={"dest": "destination"})
    found = contract_check(tables, windows, limits)
    assert (found.name, found.result) == ("contract", "fail")
    assert "dest" in found.finding


def test_a_burst_of_nulls_is_refused(court):
    tables, windows, limits = broken_tables()
    weather = tables["weather"]
    burst = weather["observed_at"] >= weather["observed_at"].quantile(0.8)
    tables["weather"] = weather.assign(wind_mph=weather["wind_mph"].mask(burst))
    found = contract_check(tables, windows, limits)
    assert (found.name, found.result) == ("contract", "fail")
    assert "null" in found.finding
