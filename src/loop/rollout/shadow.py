"""A stage that mirrors: champion and challenger on the same requests, joined by request id and body."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from loop.data import score_columns
from loop.data.prediction_log import REQUEST
from loop.production.rollout_policy import Limits, Needed
from loop.production.state import Challenger, Champion
from loop.rollout import outcomes
from loop.rollout.evidence_check import Check, Status
from loop.stats import bootstrap

SETTLE = pd.Timedelta(minutes=2)  # both records of a request are collected by then, whoever wrote them
REPLICATES, SEED, CONFIDENCE = 2000, 1, 0.95
NAN = float("nan")


def compare(
    champion: Champion, challenger: Challenger, log: pd.DataFrame, limits: Limits, needs: Needed
) -> tuple[pd.DataFrame, Sequence[Check]]:
    """The requests that both answered since the stage began, and what they say.

    A figure is worse when it is beyond its limit, and not enough before `needs.rows_min` pairs. Intervals
    are by day, as rows of one day resemble each other.
    """
    ours = log[(log["commit"] == champion.commit) & (log["role"] == "champion")]
    theirs = log[(log["commit"] == challenger.commit) & (log["role"] == "shadow")]
    ours, theirs = (rows[rows["at"] >= challenger.stage.since] for rows in (ours, theirs))
    ours, theirs = _told_apart(ours.drop_duplicates(REQUEST), theirs.drop_duplicates(REQUEST))
    both = ours.merge(theirs, on=REQUEST, suffixes=("", "_theirs"))
    settled = ours[ours["at"] <= log["at"].max() - SETTLE] if len(log) else ours
    answered = settled[REQUEST].merge(theirs[REQUEST], how="left", indicator=True)["_merge"] == "both"
    unanswered = 1 - answered.to_numpy(np.float64)
    of, shift = _shift(both)

    def check(title: str, part: np.ndarray, at: pd.Series, limit: float) -> Check:
        value, low, high = _by_day(part, at)
        status: Status = "worse" if abs(value) > limit else "ok"
        return Check(title, value, low, high, limit, status if _enough(len(part), needs) else "not enough")

    checks = [
        check(f"score{of}, challenger less champion", shift, both["at"], limits.score_shift_max),
        *[
            check("requests decided otherwise", part, both["at"], limits.disagreement_max)
            for part in _decided_otherwise(both)
        ],
        check("requests it left unanswered", unanswered, settled["at"], limits.error_share_max),
    ]
    checks += _outcomes(both, limits, needs)
    enough = _enough(len(both), needs)
    checks += latency(both["latency_ms"], both["latency_ms_theirs"], limits.latency_times_max, enough)
    return both, checks


def _outcomes(both: pd.DataFrame, limits: Limits, needs: Needed) -> Iterator[Check]:
    """What became of requests whose label is known: the challenger's loss less the champion's, pairwise.

    Worse when even the lower bound is beyond the limit; without a label there is nothing to compare.
    """
    known = both[both["label"].notna()]
    theirs = known.assign(
        **{name: known[f"{name}_theirs"] for name in (*score_columns.NAMES, "decision") if name in known}
    )
    for one in outcomes.of(both, limits):
        rows = (one.known(known) & one.known(theirs)).to_numpy()
        if rows.any():
            value, low, high = _by_day(one.loss(theirs[rows]) - one.loss(known[rows]), known["at"][rows])
            status: Status = "worse" if one.limit is not None and low > one.limit else "ok"
            found = status if _enough(int(rows.sum()), needs) else "not enough"
            yield Check(f"{one.title}, worse by", value, low, high, one.limit, found)


def _told_apart(ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both, with bodies only where an id has several: models may keep different parts of one body."""
    shared = pd.concat([rows["id"][rows["id"].duplicated()] for rows in (ours, theirs)])
    ours, theirs = (
        rows.assign(body=rows["body"].where(rows["id"].isin(shared), 0)) for rows in (ours, theirs)
    )
    return ours, theirs


def latency(champion: pd.Series, challenger: pd.Series, limit: float, enough: bool) -> list[Check]:
    """The challenger's latency in times of the champion's: the median has a limit, p99 is shown."""
    checks = []
    for title, quantile, most in (("median latency", 0.5, limit), ("p99 latency", 0.99, None)):
        ours, theirs = (float(one.quantile(quantile)) if len(one) else NAN for one in (champion, challenger))
        times = theirs / ours if ours > 0 else NAN
        status: Status = "ok" if enough and np.isfinite(times) else "not enough"
        if status == "ok" and most is not None and times > most:
            status = "worse"
        of = f", {theirs:.1f} in times of {ours:.1f} ms" if np.isfinite(times) else ""
        checks.append(Check(title + of, times, NAN, NAN, most, status))
    return checks


def _enough(rows: int, needs: Needed) -> bool:
    return rows >= max(1, needs.rows_min)


def _decided_otherwise(both: pd.DataFrame) -> list[np.ndarray]:
    """1 where the decisions differ, or one takes none; nothing where neither takes any."""
    taken, theirs = both["decision"].notna(), both["decision_theirs"].notna()
    if len(both) and not (taken | theirs).any():
        return []
    differ = both["decision"] != both["decision_theirs"]
    return [np.where(taken & theirs, differ, taken != theirs).astype(np.float64)]


def _shift(both: pd.DataFrame) -> tuple[str, np.ndarray]:
    """The challenger's score less the champion's; with classes, of that one whose mean moved most."""
    names = {f"{name}_theirs": name for name in score_columns.NAMES}
    theirs, ours = both[[*names]].rename(columns=names), both[score_columns.NAMES]
    shift = score_columns.array(theirs) - score_columns.array(ours)
    if shift.ndim == 1:
        return "", shift
    most = int(np.abs(shift.mean(axis=0)).argmax()) if len(shift) else 0
    return f" of {score_columns.CLASSES[most]}", shift[:, most]


def _by_day(part: np.ndarray, at: pd.Series) -> tuple[float, float, float]:
    """The mean of `part` with its interval by day (UTC)."""
    if not len(part):
        return NAN, NAN, NAN
    codes, days = pd.factorize(at.dt.floor("D"))
    weight = bootstrap.weights(len(days), REPLICATES, SEED)
    found = bootstrap.estimate(bootstrap.means(part, codes, len(days)), codes, weight, CONFIDENCE)
    return found.value, found.low, found.high
