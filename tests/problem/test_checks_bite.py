"""Leaks that only this example's data can show are refused by the check of that name.

Faults of any problem are planted by `tests/contract/test_checks_bite.py`.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loop.base import files
from loop.calibrate import calibrate

pytestmark = pytest.mark.slow  # a dozen fits


@pytest.fixture(scope="module")
def court(finished):
    """The champion of the finished repository, and the judgement of any candidate against it."""
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished.path)
        yield calibrate.court()
    assert Path.cwd() == before


@pytest.fixture(scope="module")
def honest(court):
    return court.fit(court.champion.train)


def failed(court, candidate):
    """Names of the checks that refuse the candidate."""
    return {name for name, one in court.checks(candidate).items() if one.result == "fail"}


def with_delay(court, noise):
    """Training and holdout with the flight's own delay on arrival, which no one knows in time."""
    flights = files.read_table(Path("data/valid/flights.parquet"))
    key = ["flight_date", "carrier", "flight", "origin"]
    report = flights[[*key, "arrival_delay_minutes"]]
    rng = np.random.default_rng(1)
    for frame in (court.champion.train, court.champion.holdout):
        delay = frame[key].merge(report, on=key, how="left")["arrival_delay_minutes"].to_numpy()
        yield frame, delay, rng.normal(0, noise, len(frame))


def test_a_leak_in_the_sum_of_two_harmless_features_is_refused(court, honest):
    train, holdout = (
        frame.assign(one=delay / 2 + 10 * r, two=delay / 2 - 10 * r)
        for frame, delay, r in with_delay(court, 30)
    )
    assert failed(court, court.candidate(honest, train=train, holdout=holdout)) == {"leak.feature"}


def test_a_leak_in_what_is_missing_is_refused(court, honest):
    train, holdout = (
        frame.assign(tail=np.where(delay > 15, np.nan, r)) for frame, delay, r in with_delay(court, 1)
    )
    assert failed(court, court.candidate(honest, train=train, holdout=holdout)) == {"leak.feature"}


def test_a_random_split_of_days_is_refused(court, honest):
    everything = pd.concat([court.champion.train, court.champion.holdout])
    drawn = np.random.default_rng(1).random(len(everything)) < 0.8
    assert "leak.shared_entities" in failed(court, court.candidate(honest, train=everything[drawn]))


def test_the_same_model_must_give_golden_requests_the_same_score_to_the_bit(court):
    same = court.candidate(court.champion.model, md5=court.champion.md5)
    assert failed(court, same) == set()
    moved = [{**row, "score": float(np.nextafter(row["score"], 1))} for row in court.golden]
    assert failed(replace(court, golden=moved), same) == {"golden"}
