"""The curves of a report: a point for each past window and each run."""

import pandas as pd

from loop.data import score_columns
from loop.monitor.inputs.windows import Days, inside, past_ends, window
from loop.monitor.schema import Point
from loop.monitor.signals import performance
from loop.monitor.signals.performance import Daily, Windowed
from loop.monitor.signals.series import number
from loop.settings.monitor_settings import Settings


def curves(
    rows: pd.DataFrame, daily: Daily, when: Days, setup: Settings, expected: tuple[Windowed, ...] | None
) -> list[Point]:
    """A point per past window of the baseline, then one per run."""
    found = []
    decides = "decision" in rows and not score_columns.CLASSES  # of classes no share is the one
    past = past_ends(when, setup)
    for is_past, ends, runs in ((True, past, past), (False, when.ends, when.runs)):
        within = inside(daily.days, ends, setup.window_days)
        loss, bias = (
            performance.windowed(total, daily, within, setup.seed) for total in (daily.loss, daily.bias)
        )
        guess = None if expected is None else expected[0 if is_past else 1]
        for place, (end, upto) in enumerate(zip(ends, runs, strict=True)):
            newest, judged = window(rows, upto, setup), window(rows, end, setup)
            scores = score_columns.array(judged)
            labels = pd.Series(score_columns.event(judged["label"].to_numpy(), scores)[0])
            found.append(
                Point(
                    until=upto,
                    baseline=is_past,
                    rows=int((within[place] * daily.rows).sum()),
                    **_three("loss", loss, place),
                    **_three("bias", bias, place),
                    **_three("estimate", guess, place),
                    score_mean=_mean(newest["score"]),
                    decision_share=_mean(newest["decision"] == "yes") if decides else None,
                    label_mean=_mean(labels[labels.notna()]),
                )
            )
    return found


def _three(name: str, found: Windowed | None, place: int) -> dict[str, float | None]:
    if found is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    values = zip((name, f"{name}_low", f"{name}_high"), (found.value, found.low, found.high), strict=True)
    return {key: number(float(value[place])) for key, value in values}


def _mean(values: pd.Series) -> float | None:
    return number(float(values.mean())) if len(values) else None
