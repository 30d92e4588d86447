"""Limits of the gate from what honest models did: in past windows, by luck, and beside a naive guess."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from loop.calibrate.knowledge import Window, loss
from loop.calibrate.proposal import Proposal
from loop.calibrate.rounding import down, up
from loop.kit import groups
from loop.kit.types import Array, Metric
from loop.review import leak
from loop.review.compare import value
from loop.settings.review_policy import Policy
from problem import metrics

SLACK = 1.25  # of a figure that is a largest one already
USUAL = 0.95  # of pairs of models that were trained alike
CLUSTERS = 20  # fewer give intervals that are too short
ROOM = 0.7  # of the first holdout, at most, is asked of later ones
UNMOVED = "it never moves between models that were trained alike: nothing says how much is too much"
UNDEFINED = "it is undefined on the rows that judge: rows with every class would do"
SIZE, LATENCIES = 3.0, (1.5, 2.0, 3.0, 5.0)


def minimum_requirements(
    policy: Policy, windows: Sequence[Window], guesses: Sequence[Window], luck: Mapping[str, float]
) -> list[Proposal]:
    """The worst of honest models in any window, and luck beyond; never worse than a guess that is worse.

    `luck` is how far each metric moves between models that were trained alike.
    """
    found = []
    for name in policy.minimum_requirements:
        metric = metrics.METRICS[name]
        key = f"review.minimum_requirements.{name}.limit"
        losses = [(loss(metric, value(name, one.rows)), one.name) for one in windows]
        losses = [(loss, where) for loss, where in losses if np.isfinite(loss)]
        if not losses or not np.isfinite(luck[name]):
            found.append(Proposal(key, None, f"{metric.title} is undefined in every past window"))
            continue
        worst, where = max(losses)
        limit = worst + luck[name]
        guesses_of = [loss(metric, value(name, one.rows)) for one in guesses]
        guessed = max((loss for loss in guesses_of if np.isfinite(loss)), default=np.inf)
        why = f"the worst window ({where}) reached {_shown(metric, worst)}; luck moves it by {luck[name]:.2g}"
        usual = float(np.mean([loss for loss, _ in losses]))
        if name == policy.primary.metric and guessed <= usual:
            why = f"past models reached {_shown(metric, usual)}, a naive guess {_shown(metric, guessed)}"
            found.append(Proposal(key, None, f"{why}: more that tells the label would do, not more rows"))
            continue
        if guessed > usual:  # a guess may be well calibrated
            if limit > guessed:
                why += f"; a naive guess reaches {_shown(metric, guessed)}"
            limit = min(limit, guessed)
        signed = down(-limit) if metric.better == "higher" else up(limit)
        found.append(Proposal(key, signed, why, explained=True))
    return found


def fairness(policy: Policy, windows: Iterable[Window]) -> list[Proposal]:
    """The largest gap between subgroups that an honest model had in any window, and a quarter more."""
    asked = policy.fairness
    if asked is None:
        return []
    gaps = []
    for window in windows:
        for values in groups.cut(metrics.SUBGROUPS, window.rows.examples).values():
            places = values.reset_index(drop=True).groupby(values.to_numpy(), sort=True).indices
            known = [
                value(asked.metric, window.rows, np.asarray(at))
                for at in places.values()
                if len(at) >= asked.rows_min
            ]
            known = [figure for figure in known if np.isfinite(figure)]
            gaps += [max(known) - min(known)] if len(known) > 1 else []
    if not gaps:
        few = f"no window has two subgroups of {asked.rows_min} rows (review.fairness.rows_min)"
        return [Proposal("review.fairness.limit", None, few)]
    if not max(gaps):
        return [
            Proposal(
                "review.fairness.limit", None, "no honest model had a gap: nothing says how much is too much"
            )
        ]
    why = f"the largest gap of honest models was {max(gaps):.2g}"
    return [Proposal("review.fairness.limit", up(SLACK * max(gaps)), why, explained=True)]


def golden(scores: Sequence[Array]) -> list[Proposal]:
    """How far golden requests move between models that were trained alike; `scores` are theirs, each."""
    if not len(scores[0]):
        return [Proposal("review.golden.limit", None, "no golden request is in the data")]
    moved = [float(np.abs(one - other).max()) for one, other in pairwise(scores)]
    usual = float(np.quantile(moved, USUAL))
    if not usual:
        return [Proposal("review.golden.limit", None, UNMOVED)]
    why = f"among models trained alike none moved by more than {usual:.2g} in {USUAL:.0%} of pairs"
    return [Proposal("review.golden.limit", up(SLACK * usual), why, explained=True)]


def leaks(
    tables: Iterable[tuple[pd.DataFrame, pd.DataFrame]], unseen: list[str], known: float, left: float
) -> list[Proposal]:
    """What an honest feature does alone, and what one change may gain at once.

    `tables` are pairs of training and judged rows, with the columns `unseen` that the model does not see;
    `known` and `left` are what the model gains over a naive guess in the metric of the jump, and what it
    still lacks.
    """
    orders = (leak.strongest(train.drop(columns=unseen), judged) for train, judged in tables)
    name, order = max(orders, key=lambda one: one[1])
    feature = min(0.995, up((1 + order) / 2, 3))
    found = [
        Proposal(
            "review.leak.feature.limit",
            feature,
            f"{name} is the best alone, with {order:.1%} of pairs in order; half of what is left to 100 %",
            explained=True,
        )
    ]
    if not np.isfinite([known, left]).all():
        return [*found, Proposal("review.leak.jump.limit", None, UNDEFINED)]
    why = f"half of what the model gains over a naive guess ({known:.2g}), or a quarter of what it lacks"
    jump = up(max(known / 2, left / 4))
    return [*found, Proposal("review.leak.jump.limit", jump, why, explained=True)]


def size(megabytes: float) -> Proposal:
    """Three times what the model takes now."""
    why = f"megabytes; the model has {megabytes:.2g}, and every server loads it"
    return Proposal("review.size.limit", up(max(1.0, SIZE * megabytes), 1), why, explained=True)


def latency(ratios: Sequence[float], old: float) -> Proposal:
    """How often the same model is slower than itself on this machine; a limit that fits stays."""
    worst = max(ratios)
    fits = [one for one in LATENCIES if one >= 1 + 2 * (worst - 1)]
    limit = old if old in fits[:2] else (fits[0] if fits else up(1 + 2 * (worst - 1)))
    why = "the median of one prediction, in times of the champion's; twice the noise of this machine"
    return Proposal("review.latency.limit", limit, why, explained=True)


def holdout(width: float, margin: float, clusters: int, rows: int) -> list[Proposal]:
    """How many clusters and rows it takes before an equal model is called equivalent more often than not.

    `width` is half of a usual interval of the primary gain on so many clusters and rows.
    """
    if not np.isfinite(width):
        return [Proposal("review.holdout.clusters_min", None, UNDEFINED)]
    need = (width / margin) ** 2 if margin > 0 else 1.0
    least = max(2, int(np.ceil(min(ROOM, max(need, CLUSTERS / clusters)) * clusters)))
    why = f"intervals of {clusters:,} clusters are {2 * width:.2g} wide, and twice the margin is the most"
    if need > 1:
        more = f"about {int(np.ceil(need * clusters)):,} clusters would do, not {clusters:,}"
        return [Proposal("review.holdout.clusters_min", None, f"{why}: {more}")]
    return [
        Proposal("review.holdout.clusters_min", least, why, explained=True),
        Proposal("review.holdout.rows_min", int(up(rows * least / clusters)), "the rows of so many clusters"),
    ]


def _shown(metric: Metric, loss: float) -> str:
    return f"{-loss if metric.better == 'higher' else loss:.3g}"
