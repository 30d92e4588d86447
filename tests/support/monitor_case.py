"""Settings, frames and a champion by hand: what tests of the monitor are made of."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import yaml

from conftest import ROOT
from loop.settings import monitor_settings, params
from loop.settings.params import Windows
from problem import source

NOW = pd.Timestamp("2013-07-01T00:00Z").as_unit("us")
DAY = pd.Timedelta(days=1)


def settings(**changed: object) -> monitor_settings.Settings:
    """`monitor` of params.yaml with keys changed: `labels__delay_days=21`."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["monitor"]
    for name, value in changed.items():
        *above, last = name.split("__")
        section = values
        for one in above:
            section = section[one]
        section[last] = value
    return params.parse("monitor", values, monitor_settings.Settings)


def windows() -> Windows:
    """Of params.yaml: trained on January to April, judged on May."""
    return params.section("windows", Windows, ROOT / "params.yaml")


def keys(count: int, first: int = 0) -> pd.DataFrame:
    """One key per row: its number in every column."""
    return pd.DataFrame({name: np.arange(first, first + count).astype(str) for name in source.KEY})


def decided(days_ago: list[float], first: int = 0) -> pd.DataFrame:
    """A prediction for each age in days at NOW."""
    at = pd.Series([NOW - age * DAY for age in days_ago], dtype="datetime64[us, UTC]")
    return keys(len(days_ago), first).assign(decided_at=at, score=0.5)


def labelled(of: pd.DataFrame, after_days: float, label: float = 1) -> pd.DataFrame:
    """A label for each prediction, known so many days after its decision."""
    return of[source.KEY].assign(label=label, label_known_at=of["decided_at"] + after_days * DAY)


@dataclass
class Model:
    """A champion whose scores are functions of rows; `fits` holds what was refitted."""

    scored: Callable[[pd.DataFrame], pd.Series] = lambda rows: rows["x"] * 1.0
    fitted: Callable[[pd.DataFrame, pd.DataFrame], pd.Series] = lambda fit, rows: rows["x"] + fit["x"].mean()
    sha256: str = "ab" * 32
    commit: str = "c" * 40
    name: str = "main"
    windows: Windows = field(default_factory=windows)
    fits: list[pd.DataFrame] = field(default_factory=list)

    def score(self, rows: pd.DataFrame) -> np.ndarray:
        return self.scored(rows).to_numpy(np.float64)

    def refit(self, fit: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
        self.fits.append(fit)
        return self.fitted(fit, rows).to_numpy(np.float64)
