"""The past that limits come from: how the champion's kind of model did on days that it was not trained on.

The days of training are scored out of fold: in blocks of a window each, by a model fitted on the other days.
Made once for each champion, and kept in monitor/.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from loop.base import files
from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.data import score_columns
from loop.data.features import DECIDED_AT
from loop.kit.types import Array
from loop.monitor.inputs.champion_model import Champion
from loop.monitor.schema import FOLDER
from problem import source

BLOCKS_MAX = 12  # fits that a baseline costs at most
SAME_MAX = 0.5  # share of scores that a model fitted on other rows may have in common with the champion


def scores(champion: Champion, train: pd.DataFrame, window_days: int) -> Array:
    """The scores of each training row (labelled examples), by models that were not trained on it.

    Raises LoopError when what was kept are the champion's scores of its own training rows.
    """
    path = FOLDER / f"baseline-{champion.sha256[:12]}-{window_days}.parquet"
    folds = _kept(path, train)
    if folds is None:
        folds = out_of_fold(champion, train, window_days)
        made = score_columns.columns(folds, train.index)
        files.write_table(path, train[[*source.KEY, DECIDED_AT]].join(made))
    else:
        refuse_in_sample(train, folds, champion)
    return folds


def out_of_fold(champion: Champion, train: pd.DataFrame, window_days: int) -> Array:
    """Scores of training rows, each block of days by a model that was fitted on the other blocks."""
    block = blocks(train, window_days)
    order, parts = [], []
    for number in sorted(block.unique()):
        inside = (block == number).to_numpy()
        order.append(np.flatnonzero(inside))
        parts.append(champion.refit(train[~inside], train[inside]))
    return np.concatenate(parts)[np.argsort(np.concatenate(order))]


def blocks(train: pd.DataFrame, window_days: int) -> pd.Series:
    """The block of days that each training row lies in, 0 the newest; a block is a window at least."""
    since, until = train[DECIDED_AT].min().floor("D"), train[DECIDED_AT].max()
    whole = (until - since).days + 1
    days = max(window_days, -(-whole // BLOCKS_MAX))
    block: pd.Series = (until.floor("D") - train[DECIDED_AT].dt.floor("D")).dt.days // days
    block = block.clip(upper=max(whole // days - 1, 0))  # the oldest is not a mere rest
    if block.nunique() < 2:
        raise LoopError(
            f"the champion was trained on {counted(whole, 'day')}",
            f"twice monitor.window_days ({window_days}) or more, to see how windows differ",
            "choose shorter windows in params.yaml",
        )
    return block


def refuse_in_sample(train: pd.DataFrame, folds: Array, champion: Champion) -> None:
    """Raise LoopError when a baseline's scores are those of a model that saw these rows."""
    step = max(1, len(train) // 2000)
    own, kept = (score_columns.top(one) for one in (champion.score(train.iloc[::step]), folds[::step]))
    same, by_chance = float((own == kept).mean()), float((own == kept[::-1]).mean())  # of coarse scores many
    if same > by_chance + SAME_MAX:
        raise LoopError(
            f"the baseline holds the champion's scores of its own training rows ({same:.0%} are the same)",
            "a baseline out of sample: training makes any model look better than it is",
            f"delete {FOLDER}/baseline-*.parquet; it is made again",
        )


def _kept(path: Path, train: pd.DataFrame) -> Array | None:
    """The baseline as it was kept, where it is of these very rows."""
    if not path.is_file():
        return None
    try:
        kept = files.read_table(path)[[*source.KEY, *score_columns.NAMES]]
        rows = train[[*source.KEY]].merge(kept, on=source.KEY, how="left", validate="1:1")
    except (LoopError, KeyError, ValueError, pd.errors.MergeError):
        return None  # half a file, or another's: made again
    if len(kept) != len(train) or rows["score"].isna().any():
        return None
    return score_columns.array(rows)
