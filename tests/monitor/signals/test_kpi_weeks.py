"""What requests came to, week by week: what is final, with intervals by days, and what came too late."""

import numpy as np
import pandas as pd
import pytest

from loop.data import kpi
from loop.kit.types import Kpi
from loop.monitor.report import phrases
from loop.monitor.signals import kpi_weeks
from problem import metrics, source
from support.monitor_case import DAY, NOW, decided

AGES = list(np.repeat(np.arange(0, 40), 25) + 0.5)  # 25 requests a day
FINAL = 5 * DAY


@pytest.fixture
def weeks(monkeypatch):
    """Give the weeks of requests that came to `value`, known so many days later, by KEY or by id."""

    def made(value, after: float = 1.0, by: str = "KEY", *, of: pd.DataFrame | None = None, **changed):
        rows = decided(AGES).assign(**{kpi.ID: [f"r{place}" for place in range(len(AGES))]})
        named = rows[source.KEY] if by == "KEY" else rows[[kpi.ID]].set_axis([kpi.BY_REQUEST], axis="columns")
        known = named.assign(value=value, known_at=rows["decided_at"] + after * DAY, at=rows["decided_at"])

        def outcomes(since, until, as_of):
            inside = (known["at"] >= since) & (known["at"] < until) & (known["known_at"] <= as_of)
            return known[inside].drop(columns="at")

        one = Kpi("revenue a ride", "EUR", "higher", outcomes, **({"final_after": FINAL} | changed))
        monkeypatch.setattr(metrics, "KPI", one, raising=False)
        found = kpi_weeks.weeks(rows if of is None else of, NOW, 1)
        assert found is not None
        return found

    return made


def test_without_a_kpi_there_is_nothing(monkeypatch):
    monkeypatch.delattr(metrics, "KPI", raising=False)
    assert kpi_weeks.weeks(decided(AGES), NOW, 1) is None


@pytest.mark.parametrize("by", ["KEY", "id"])
def test_a_week_is_the_mean_of_its_requests_with_an_interval_by_days(weeks, by):
    day = np.asarray(AGES, int)
    found = weeks(100.0 - day, by=by)  # a unit more each day
    assert [one.until for one in found.weeks] == [
        f"{NOW - FINAL - place * 7 * DAY:%Y-%m-%d}" for place in (4, 3, 2, 1, 0)
    ]
    newest = found.weeks[-1]
    assert (newest.rows, newest.value) == (7 * 25, pytest.approx(100 - 8))
    assert 100 - 12 < newest.low < 92 < newest.high < 100 - 4, "of seven days, not of 175 requests"
    assert found.joined == "875 counting, 125 pending"
    assert "revenue a ride: 92 (" in phrases.kpi(found)
    assert "EUR a request until 2013-06-26, before it 85 (" in phrases.kpi(found)


def test_what_comes_after_it_was_final_is_counted_and_changes_no_figure(weeks):
    half = np.where(np.arange(len(AGES)) % 2, 1.0, 6.0)  # days until it is known
    found = weeks(10.0, after=half)
    assert {one.value for one in found.weeks} == {10.0}
    assert found.late == 34 * 25 / 2, "of those that are old enough to have come at all"
    sold = weeks(10.0, after=half, without=0.0)
    assert sold.weeks[-1].value == pytest.approx(10 * 88 / 175), "what had not come counts as nothing"
    assert "without an outcome" in sold.joined


def test_requests_of_no_log_have_no_id_and_the_report_says_so(weeks):
    found = weeks(1.0, by="id", of=decided(AGES))
    assert "no answer of the champion is on record" in found.fault
    assert {one.value for one in found.weeks} == {None}
    assert "unknown" in phrases.kpi(found)
