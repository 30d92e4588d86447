"""Whether subgroups are treated alike once their labels came: gaps between them, by the review's own limit.

The gap of every two subgroups is asked, so bounds hold for all pairs together (Bonferroni): subgroups that
differ by luck alone are called apart at a run with a chance of `monitor.alpha` at most.
"""

from collections.abc import Mapping
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from loop.base import files
from loop.data import row_weights, score_columns
from loop.data.features import DECIDED_AT
from loop.kit import groups
from loop.monitor.schema import SubgroupGap
from loop.settings import params
from loop.settings.monitor_settings import Settings
from loop.settings.params import Resampling
from loop.settings.review_policy import Fairness, Policy
from loop.stats import bootstrap
from problem import metrics


def gaps(matured: pd.DataFrame, settings: Settings) -> tuple[list[SubgroupGap], list[str]]:
    """Of each cut the two subgroups that lie furthest apart, and cuts that the rows cannot tell.

    Rows have `label`, `score` and the features. Days are resampled. Nothing where the policy asks for no
    fairness, or no two subgroups of a cut have rows enough.
    """
    asked = params.section("review", Policy).fairness
    if asked is None or matured.empty:
        return [], []
    resampling = params.section("evaluate", Resampling)
    codes, days = pd.factorize(matured[DECIDED_AT].dt.floor("D"))
    weight = bootstrap.weights(len(days), resampling.replicates, resampling.seed)
    cuts, unknown = dict[str, dict[str, Drawn]](), []
    for cut, way in metrics.SUBGROUPS.items():
        try:
            values = groups.cut({cut: way}, matured)[cut]
        except KeyError:  # the log has dropped or hashed what it needs
            unknown.append(cut)
            continue
        cuts[cut] = _by_subgroup(matured, values, codes, weight, asked)
    pairs = sum(comb(len(one), 2) for one in cuts.values())
    if not pairs or len(days) < 2:
        return [], unknown
    wide = np.sqrt(len(days) / (len(days) - 1))  # few days give too small an error, as in stats/bootstrap.py
    reach = float(wide * stdtrit(len(days) - 1, 1 - settings.alpha / (2 * pairs)))
    found = [_widest(cut, drawn, asked, reach) for cut, drawn in cuts.items() if len(drawn) > 1]
    return sorted(found, key=lambda one: -(one.low or 0.0)), unknown


def beyond(found: list[SubgroupGap]) -> list[str]:
    """The gaps that are wider than the policy allows for certain, each as a text."""
    return [
        f"{one.metric} by {one.cut}: {one.most} less {one.least} is {one.value:.3g} [{one.low:.3g}, "
        f"{one.high:.3g}], at most {one.limit:g} is allowed (review.fairness)"
        for one in found
        if one.alarm
    ]


Drawn = tuple[float, np.ndarray, int]  # a figure, the same of each draw of days, rows


def _by_subgroup(
    rows: pd.DataFrame, values: pd.Series, codes: np.ndarray, weight: np.ndarray, asked: Fairness
) -> dict[str, Drawn]:
    """The metric of each subgroup that has rows enough."""
    metric, found = metrics.METRICS[asked.metric], {}
    label, score = rows["label"].to_numpy(np.float64), score_columns.array(rows)
    for name, at in values.reset_index(drop=True).groupby(values.to_numpy(), sort=True).indices.items():
        if len(at) < asked.rows_min:
            continue
        of = bootstrap.statistic(
            metric, label[at], score[at], codes[at], weight.shape[1], row_weight=row_weights.of(rows.iloc[at])
        )
        figure = float(of(np.ones((1, weight.shape[1])))[0])
        drawn = np.asarray(of(weight), np.float64)
        if np.isfinite(figure):
            found[str(name)] = (figure, drawn, len(at))
    return found


def _widest(cut: str, drawn: Mapping[str, Drawn], asked: Fairness, reach: float) -> SubgroupGap:
    """The pair whose gap is certain to be the widest: the one with the highest lower bound."""
    pairs = [sorted(pair, key=lambda name: drawn[name][0]) for pair in combinations(drawn, 2)]

    def gap(least: str, most: str) -> tuple[float, float, float]:
        value = drawn[most][0] - drawn[least][0]
        error = reach * float(np.nanstd(drawn[most][1] - drawn[least][1], ddof=1))
        return value - error, value, value + error

    least, most = max(pairs, key=lambda pair: gap(*pair)[0])
    low, value, high = gap(least, most)
    return SubgroupGap(
        cut=cut,
        metric=metrics.METRICS[asked.metric].title,
        least=least,
        most=most,
        rows=min(drawn[least][2], drawn[most][2]),
        value=files.rounded(value) or 0.0,
        low=files.rounded(low) or 0.0,
        high=files.rounded(high) or 0.0,
        limit=asked.limit,
        alarm=low > asked.limit,
    )
