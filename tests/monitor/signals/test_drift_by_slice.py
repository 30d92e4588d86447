"""What moved in one slice alone is found, what moved everywhere is left to the whole, luck is not named."""

import numpy as np
import pandas as pd
import pytest

from loop.kit import groups
from loop.monitor.inputs.windows import Days
from loop.monitor.signals import drift, drift_by_slice
from problem import metrics
from support.monitor_case import settings

RUNS = ["2024-05-22", "2024-05-29"]
WHEN = Days("2024-01-01", "2024-05-01", "2024-05-29", RUNS, RUNS)
SETTINGS = settings(window_days=28)
LATE = pd.Timestamp("2024-05-01", tz="UTC")


@pytest.fixture(autouse=True)
def _cuts(monkeypatch):
    monkeypatch.setattr(
        metrics, "SLICES", {"by shop": groups.column("shop"), "by class": groups.classes(["a"])}
    )
    monkeypatch.setattr(metrics, "SUBGROUPS", {"by town": groups.column("town")})


def rows(seed: int = 0, per_day: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = pd.date_range(WHEN.since, WHEN.until, freq="D", tz="UTC", inclusive="left")
    count = len(days) * per_day
    luck = np.repeat(rng.normal(0, 0.3, len(days)), per_day)  # a day has its own, for all shops
    return pd.DataFrame(
        {
            "decided_at": np.repeat(days, per_day) + pd.Timedelta(hours=12),
            "shop": rng.choice(["a", "b", "c", "d"], count, p=[0.6, 0.3, 0.09, 0.01]),
            "size": rng.normal(size=count) + luck,
            "score": 1 / (1 + np.exp(1 - rng.normal(size=count) - luck)),
            "label": np.nan,
        }
    )


def found(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    profile = drift.profiled(frame, WHEN.baseline, ["size"])
    whole = drift.drift(profile, WHEN.baseline, RUNS, {"size": 1.0}, SETTINGS)
    told = drift_by_slice.moved(frame, whole, WHEN, SETTINGS)
    assert all(one.p < SETTINGS.alpha for one in told)
    return [(one.cut, one.value, one.column) for one in told]


def test_what_moved_in_one_shop_alone_is_named_with_its_shop():
    frame = rows()
    where = (frame["shop"] == "c") & (frame["decided_at"] >= LATE)
    assert found(frame.assign(score=frame["score"].mask(where, frame["score"] ** 0.5))) == [
        ("by shop", "c", "score")
    ]
    assert found(frame.assign(size=frame["size"].mask(where, frame["size"] + 1))) == [
        ("by shop", "c", "size")
    ]


def test_what_moved_everywhere_is_not_repeated_shop_by_shop():
    frame = rows()
    frame["size"] = frame["size"].mask(frame["decided_at"] >= LATE, frame["size"] + 1)
    assert found(frame) == []


def test_slices_of_few_rows_are_not_asked():
    frame = rows()
    where = (frame["shop"] == "d") & (frame["decided_at"] >= LATE)
    assert found(frame.assign(score=frame["score"].mask(where, 1 - frame["score"]))) == []


def test_luck_alone_is_seldom_named():
    assert sum(bool(found(rows(seed, 60))) for seed in range(20)) <= 4  # 5 % each: more has a chance of 0.3 %
