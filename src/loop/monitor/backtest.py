"""What a retrain would have gained: fitted on what was known then, judged on the newest matured rows."""

import numpy as np
import pandas as pd

from loop.base import files
from loop.base.counted import counted
from loop.data import row_weights
from loop.data.features import DECIDED_AT
from loop.monitor.inputs.champion_model import Champion
from loop.monitor.schema import Gain
from loop.settings.monitor_settings import Settings
from loop.settings.params import Resampling, Windows
from loop.stats import bootstrap, paired
from problem import metrics


def gain(
    champion: Champion, rows: pd.DataFrame, windows: Windows, settings: Settings, resampling: Resampling
) -> Gain | str:
    """The gain in the primary metric on the retrain's holdout, with an interval by days.

    `rows` are labelled examples with `label_known_at`; `windows` those that a
    retrain would have. Where it cannot be told, why.
    """
    decided, until = rows[DECIDED_AT], windows.train.until
    since = max(windows.holdout.since, champion.windows.train.until)
    judged = rows[(decided >= since) & (decided < windows.holdout.until)]
    trains = (decided >= windows.train.since) & (decided < until) & (rows["label_known_at"] <= until)
    days = judged[DECIDED_AT].dt.floor("D")
    if len(judged) < settings.rows_min or days.nunique() < 2:
        few = f"{counted(len(judged), 'matured row')} of {counted(days.nunique(), 'day')}"
        few += " that the champion was not trained on"
        return f"a retrain has too few to be judged by: {few}, not {settings.rows_min:,} of 2"
    scores = champion.score(judged), champion.refit(rows[trains], judged)
    codes, names = pd.factorize(days)
    found = paired.gain(
        metrics.METRICS[metrics.PRIMARY],
        judged["label"].to_numpy(np.float64),
        scores,
        codes,
        bootstrap.weights(len(names), resampling.replicates, resampling.seed),
        settings.retrain.confidence,
        row_weight=row_weights.of(judged),
    )
    if not np.isfinite([found.gain, found.low, found.high]).all():
        return "what a retrain would gain is no finite number on the newest rows"
    return Gain(
        value=_rounded(found.gain),
        low=_rounded(found.low),
        high=_rounded(found.high),
        confidence=settings.retrain.confidence,
        rows=found.rows,
        train_from=f"{windows.train.since:%Y-%m-%d}",
        train_until=f"{windows.train.until:%Y-%m-%d}",
        champion=_rounded(found.champion),
        challenger=_rounded(found.candidate),
    )


def _rounded(value: float) -> float:
    return files.rounded(value) or 0.0
