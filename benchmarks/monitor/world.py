"""The year as the monitor sees it: the frozen champion's rows with scores, and the same with planted faults.

Training rows are scored out of fold, as the monitor's own baseline is; rows with a planted fault by the same
models, fitted on the same other days. Kept in monitor/, which git does not.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.monitor.faults import Fault, columns, faults
from loop.base import files
from loop.data import raw
from loop.data.features import DECIDED_AT
from loop.monitor.inputs import answers, baseline, champion_model, feed, importance
from loop.monitor.inputs import rows as of_rows
from loop.monitor.inputs.champion_model import Champion
from loop.settings import monitor_settings, params
from loop.settings import serve_settings as settings
from loop.settings.monitor_settings import Settings
from loop.settings.paths import LINEAGE
from problem import source

UNTIL = pd.Timestamp("2014-01-01", tz="UTC")
NOW = pd.Timestamp("2014-01-02", tz="UTC")  # the latest label is known


@dataclass(frozen=True)
class World:
    """`rows` of January to December, a row per request; `use` of each feature that the model looks at.

    `trained` and `baseline` are the days before which the model was trained and limits are learnt;
    `scores` are those of the training rows under each planted fault, by `key`.
    """

    rows: pd.DataFrame
    scores: pd.DataFrame
    readings: pd.DataFrame
    importance: dict[str, float]
    trained: str
    baseline: str
    settings: Settings

    def before(self, day: str) -> pd.DataFrame:
        """The rows decided before a day."""
        return self.rows[self.rows[DECIDED_AT] < pd.Timestamp(day, tz="UTC")].reset_index(drop=True)

    def faults(self) -> list[Fault]:
        """Faults in the most important number and the most important category."""
        return _faults(self.rows, self.importance, self.readings)

    def planted(self, fault: Fault, size: float) -> pd.DataFrame:
        """The training rows with a fault, as the model scores them then."""
        rows = fault.plant(self.before(self.trained), size)
        if not fault.scored:
            return rows
        changed = rows.assign(score=self.scores[_key(fault, size)].to_numpy())
        return answers.with_decision(changed, settings.params().threshold)


def world() -> World:
    """Made by the champion of this checkout, or read where it was kept for that champion."""
    setup, own = monitor_settings.read(), params.section("windows", params.Windows)
    made = json.loads(LINEAGE.read_text(encoding="utf-8"))["model"]["sha256"]
    home = Path("monitor") / f"judged-{made[:12]}-{setup.window_days}"
    if not (home / "use.json").is_file():
        with champion_model.of(*champion_model.which(), Path.cwd()) as model:
            _make(model, setup, home)
    return World(
        *(files.read_table(home / f"{name}.parquet") for name in ("rows", "scores", "readings")),
        json.loads((home / "use.json").read_text()),
        f"{own.train.until:%Y-%m-%d}",
        f"{own.holdout.until:%Y-%m-%d}",
        setup,
    )


def _make(model: Champion, setup: Settings, home: Path) -> None:
    own = model.windows
    rows = of_rows.scored(model, feed.read(own.since, UNTIL, NOW, setup.window_days), [], NOW, setup)[0]
    past = rows[rows[DECIDED_AT] < own.holdout.until]
    used = importance.permutation(model, past, of_rows.model_columns(rows), setup.seed)
    used = {name: share for name, share in used.items() if share > 0}
    readings = raw.repair("weather", source.tables(own.since, UNTIL, NOW)["weather"])[0]
    train = rows[rows[DECIDED_AT] < own.train.until].reset_index(drop=True)
    scores = _out_of_fold(model, train, _faults(rows, used, readings), setup)
    for name, table in {"rows": rows, "scores": scores, "readings": readings}.items():
        files.write_table(home / f"{name}.parquet", table)
    files.write_json(home / "use.json", used)


def _out_of_fold(model: Champion, train: pd.DataFrame, planned: list[Fault], setup: Settings) -> pd.DataFrame:
    """A column of scores per fault and size, by models that were fitted on other days without the fault."""
    rows = {
        _key(fault, size): fault.plant(train, size)
        for fault in planned
        if fault.scored
        for size in fault.sizes
    }
    found = pd.DataFrame(index=train.index, columns=list(rows), dtype="float64")
    block = baseline.blocks(train, setup.window_days)
    fitted = train.drop(columns=["score", "decision"], errors="ignore")
    for number in sorted(block.unique()):
        asked = pd.concat([one[fitted.columns][block == number] for one in rows.values()], ignore_index=True)
        scores = model.refit(fitted[block != number], asked)
        found.loc[block == number] = scores.reshape(len(rows), -1).T
    return found


def _faults(rows: pd.DataFrame, used: dict[str, float], readings: pd.DataFrame) -> list[Fault]:
    numbers, categories = (max(names, key=lambda name: used.get(name, 0)) for names in columns(rows))
    return faults(numbers, categories, readings)


def _key(fault: Fault, size: float) -> str:
    return f"{fault.name} {size:g}"
