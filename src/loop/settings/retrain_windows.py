"""The windows of a retrain, and params.yaml moved to them as a text: comments and layout stay.

The newest matured days judge, and everything before them trains. Times are UTC.
"""

import pandas as pd

from loop.base.errors import LoopError
from loop.settings import monitor_settings, params, params_text
from loop.settings.params import Windows

MOVED = (("train", "from"), ("train", "until"), ("holdout", "from"), ("holdout", "until"), ("as_of",))


def at(now: pd.Timestamp, settings: monitor_settings.Settings, champion: Windows) -> Windows:
    """The windows of a retrain at `now`: holdout is the newest `window_days` whose labels are final.

    Training ends where the holdout starts, and begins as the champion's (expanding) or `days` before its end
    (rolling), never before windows.since. Raises LoopError where that is no newer than the champion.
    """
    until = (now - pd.Timedelta(days=settings.wait_days)).floor("D")
    split = until - pd.Timedelta(days=settings.window_days)
    if split <= champion.train.until:
        raise LoopError(
            f"at {now:%Y-%m-%d} a retrain would train until {split:%Y-%m-%d}, "
            f"and the champion was trained until {champion.train.until:%Y-%m-%d}",
            "rows that are newer, and newer ones yet to judge them",
            "wait for more labels",
        )
    since = champion.train.since
    if settings.retrain.days is not None:
        since = max(champion.since, split - pd.Timedelta(days=settings.retrain.days))
    values = {
        "since": champion.since,
        "train": {"from": since, "until": split},
        "holdout": {"from": split, "until": until},
        "as_of": now,
    }
    return params.parse("windows", values, Windows)


def texts(windows: Windows) -> dict[tuple[str, ...], str]:
    """The values that move, by their keys below `windows`, as params.yaml writes instants."""
    moved = (windows.train.since, windows.train.until, windows.holdout.since, windows.holdout.until)
    return dict(zip(MOVED, map(_iso, (*moved, windows.as_of)), strict=True))


def edit(text: str, windows: Windows) -> str:
    """params.yaml with these windows, and not another sign changed.

    Raises LoopError where the file is written in a way that cannot be edited so.
    """
    values_of = texts(windows)
    values = "; ".join(f"{'.'.join(('windows', *keys))}: {value}" for keys, value in values_of.items())
    return params_text.edit(
        text,
        {("windows", *keys): value for keys, value in values_of.items()},
        f"write the windows by hand, on a branch, and open its pull request: {values}",
    )


def _iso(instant: pd.Timestamp) -> str:
    seconds = ":%S" if instant.second else ""
    return instant.tz_convert("UTC").strftime(f"%Y-%m-%dT%H:%M{seconds}Z")
