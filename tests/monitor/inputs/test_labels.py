"""Predictions and their labels: pending is not negative, what never comes leaves, what is odd is counted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from loop.base.errors import LoopError
from loop.monitor.inputs import labels as outcomes
from support.monitor_case import DAY, NOW, decided, labelled, settings

FOREVER = NOW - 1000 * DAY
NONE = labelled(decided([]), 0)


def join(predictions, labels, now=NOW, **changed):
    return outcomes.join(predictions, labels, now, settings(**changed))


def counted(joined) -> tuple[int, int, int]:
    found = outcomes.outcomes(joined, FOREVER)
    return found.known, found.pending, found.unlabelled


def test_a_label_is_known_or_may_still_come_or_never_will():
    rows = decided([5, 1, 5])
    joined = join(rows, labelled(rows.iloc[[0]], 0.5))
    assert counted(joined) == (1, 1, 1)
    assert joined.rows["label"].isna().tolist() == [False, True, True]
    assert joined.matured().index.tolist() == [0]


def test_all_pending_is_no_row_and_no_failure():
    joined = join(decided([0.1, 0.2]), NONE)
    found = outcomes.outcomes(joined, FOREVER)
    assert (found.rows, found.pending, found.delay_hours_median) == (2, 2, None)
    assert joined.matured().empty


def test_no_predictions_at_all_is_nothing_to_count():
    assert counted(join(decided([]), NONE)) == (0, 0, 0)


def test_each_label_is_known_with_its_delay_and_the_share_known_grows_with_age():
    rows = decided([0.5, 0.6, 1.5, 1.6, 2.5, 2.6])
    found = outcomes.outcomes(join(rows, labelled(rows.iloc[[1, 2, 3, 4, 5]], 0.55)), FOREVER)
    assert [(age.days, age.rows, age.known) for age in found.ages] == [(0, 2, 1), (1, 2, 2), (2, 2, 2)]
    assert found.delay_hours_median == pytest.approx(0.55 * 24)


def test_only_the_rows_that_are_asked_for_are_counted():
    found = outcomes.outcomes(join(decided([1, 10, 40]), NONE), NOW - 28 * DAY)
    assert found.rows == 2


def test_a_delay_of_weeks_moves_when_a_label_counts_and_when_it_never_will():
    rows = decided([5, 22, 30])
    labels = labelled(rows.iloc[[0, 1]], 0.5)
    late = join(rows, labels, labels__delay_days=21)
    assert counted(late) == (1, 1, 1)
    assert late.rows["label"].notna().tolist() == [False, True, False]
    assert late.rows["label_known_at"][1] - rows["decided_at"][1] == 21.5 * DAY
    assert late.matured().empty, "a decision of 22 days is not final before its 23rd"
    assert len(join(rows, labels, NOW + DAY, labels__delay_days=21).matured()) == 1


@tried(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1.9), st.floats(0.0, 30.0))
def test_labels_that_come_early_do_not_bias_what_is_matured(seed, slow, delay):
    """Zeros are known at once and ones take their time: of final age both are there, or neither."""
    rng = np.random.default_rng(seed)
    rows = decided(rng.uniform(0, 40, 200).tolist())
    truth = rng.integers(0, 2, 200)
    labels = labelled(rows, 0.01, 0).assign(
        label=truth, label_known_at=rows["decided_at"] + np.where(truth == 1, slow, 0.01) * DAY
    )
    joined = join(rows, labels[labels["label_known_at"] <= NOW], labels__delay_days=delay)
    matured = joined.matured()
    final = NOW - rows["decided_at"] >= (2 + delay) * DAY
    assert matured.index.tolist() == np.flatnonzero(final).tolist()
    assert matured["label"].tolist() == truth[final].tolist()


@tried(deadline=None, max_examples=25)
@given(st.lists(st.floats(0, 40), min_size=1, max_size=20), st.floats(0, 5))
def test_at_an_earlier_instant_there_is_what_was_known_then(ages, after):
    rows = decided(ages)
    labels = labelled(rows, after + 0.01)
    then = NOW - 10 * DAY
    seen = join(rows, labels, then)
    known = labels[labels["label_known_at"] <= then]
    pd.testing.assert_frame_equal(seen.rows, join(rows, known, then).rows)
    assert not (seen.rows["label_known_at"] > then).any()
    assert seen.ahead == int((rows["decided_at"] > then).sum())


@tried(deadline=None, max_examples=25)
@given(st.permutations(range(6)))
def test_the_order_of_labels_does_not_matter(order):
    rows = decided([5, 5, 5, 5, 5, 5])
    labels = labelled(rows, 0.5).assign(label=[0, 1, 0, 1, 0, 1])
    assert join(rows, labels.iloc[list(order)]).rows["label"].tolist() == [0, 1, 0, 1, 0, 1]


# What is odd


def test_of_labels_that_came_twice_the_first_counts():
    rows = decided([5, 5])
    duplicate_labels = pd.concat([labelled(rows, 1.5, 0), labelled(rows.iloc[[0]], 0.5, 1)])
    joined = join(rows, duplicate_labels)
    assert joined.duplicate_labels == 1
    assert joined.rows["label"].tolist() == [1, 0]


def test_a_label_without_a_prediction_is_counted_and_not_used():
    rows = decided([5])
    joined = join(rows, pd.concat([labelled(rows, 0.5), labelled(decided([5, 5], first=7), 0.5)]))
    assert joined.orphan_labels == 2
    assert len(joined.rows) == 1


def test_a_label_before_its_prediction_is_counted_and_not_used():
    joined = join(decided([5, 5]), labelled(decided([5, 5]), -0.5))
    assert joined.before == 2
    assert counted(joined) == (0, 0, 2)


def test_a_delay_does_not_hide_a_label_that_came_before_its_prediction():
    rows = decided([40])
    assert join(rows, labelled(rows, -0.5), labels__delay_days=21).before == 1


def test_a_right_label_counts_though_a_wrong_one_came_before():
    rows = decided([5])
    joined = join(rows, pd.concat([labelled(rows, -0.5, 0), labelled(rows, 0.5, 1)]))
    assert (joined.before, joined.duplicate_labels, joined.rows["label"].tolist()) == (1, 0, [1])


def test_a_decision_ahead_of_now_is_a_clock_that_is_wrong_and_no_row():
    joined = join(decided([-0.5, 5]), NONE)
    assert joined.ahead == 1
    assert len(joined.rows) == 1


def test_a_label_from_the_future_is_not_known_yet():
    rows = decided([0.5])
    assert counted(join(rows, labelled(rows, 1))) == (0, 1, 0)


def test_a_label_that_is_null_is_none():
    rows = decided([5])
    assert counted(join(rows, labelled(rows, 0.5, np.nan))) == (0, 0, 1)


@pytest.mark.parametrize("column", ["decided_at", "label_known_at"])
def test_times_without_a_zone_are_refused_by_name(column):
    rows = decided([5])
    labels = labelled(rows, 0.5)
    frame = rows if column == "decided_at" else labels
    frame[column] = frame[column].dt.tz_localize(None)
    with pytest.raises(LoopError, match=f"`{column}` has no time zone"):
        join(rows, labels)
