"""What a calibration needs before it measures, and what is refused before a model is trained."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from loop.base.errors import LoopError
from loop.calibrate import measurements
from loop.data.features import DECIDED_AT

DAY = pd.Timedelta(days=1)


def rows(count: int, positives: int) -> pd.DataFrame:
    """One row a day; the first days have the label 1."""
    at = pd.Timestamp("2020-01-01", tz="UTC") + np.arange(count) * DAY
    label = (np.arange(count) < positives).astype(int)
    return pd.DataFrame({DECIDED_AT: at, "label_known_at": at + DAY, "label": label})


def court(days: int):
    holdout = SimpleNamespace(since=pd.Timestamp(0), until=pd.Timestamp(0) + days * DAY)
    return SimpleNamespace(champion=SimpleNamespace(windows=SimpleNamespace(holdout=holdout)))


@pytest.mark.parametrize(("count", "positives"), [(40, 20), (300, 0)])
def test_forty_rows_and_a_label_that_is_always_the_same_are_refused_with_what_would_do(count, positives):
    with pytest.raises(LoopError, match=f"{count} training rows") as caught:
        measurements._split(rows(count, positives), court(days=10))
    assert "50 rows to train on" in caught.value.expected
    assert "keep the cautious numbers" in caught.value.todo


def test_a_newest_part_with_too_few_rows_is_taken_longer():
    early, late = measurements._split(rows(200, 20), court(days=5))
    assert (len(early) + len(late), len(late) >= measurements.ROWS_MIN) == (200, True)


def test_past_windows_with_one_class_are_left_out():
    assert measurements._past(rows(1000, 30)) == []
    mixed = rows(1000, 0).assign(label=np.arange(1000) % 2)
    assert len(measurements._past(mixed)) == len(measurements.PAST)


def test_a_model_of_the_past_learns_from_labels_that_were_known_alone():
    late = rows(1000, 0).assign(label=np.arange(1000) % 2)
    late["label_known_at"] = late[DECIDED_AT] + 400 * DAY
    windows = measurements._past(late)
    assert [(before["label_known_at"] <= after[DECIDED_AT].min()).all() for _, before, after in windows]
    assert len(windows) == 2, "400 days are too early to know fifty labels of"
