"""What a rehearsal says, held to the limits of deploy/policy.yaml: availability, latency, announced shift.

The figures are the file's, the limits main's as they are now: no status is taken from a file.
"""

import math

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.production import environments, rehearsal, rollout_policy
from loop.production.environments import Rehearsal as Rules
from loop.production.rehearsal import REHEARSE, Rehearsal, Shift
from loop.production.rollout_policy import Limits
from loop.production.state import Production
from loop.rollout.evidence_check import Check, Status, number

NAN = float("nan")


def checks(found: Rehearsal, limits: Limits, rules: Rules) -> list[Check]:
    """Every figure beside its limit; before `rows_min` answers of both none of them says anything."""
    enough = found.both >= rules.rows_min
    left = [1 - side.answered / max(1, found.comparable) for side in (found.champion, found.challenger)]
    lost = left[1] - left[0]
    return [
        # answers that fail are what makes rows few: they are counted among all that were asked
        _check("left unanswered, less the champion", lost, limits.error_share_max, found.comparable > 0),
        *_latency(found, limits.latency_times_max, enough),
        *[_shift(one, limits.score_shift_max, enough) for one in found.shifts],
    ]


def text(found: Rehearsal, limits: Limits, rules: Rules) -> str:
    """One screen, for the terminal, the commit message and the release notes."""
    champion, mine = found.champion, found.challenger
    lines = [
        f"version {mine.version} in {found.environment} beside version {champion.version}: "
        f"{found.asked:,} of {counted(found.rows, 'request')} of {found.day}, at {found.at:%Y-%m-%d %H:%MZ}",
        f"  answered by both {found.both:,}, by the champion {champion.answered:,}, by it {mine.answered:,}",
    ]
    if found.refused:
        parts = ", ".join(f"{name} ({count:,})" for name, count in found.refused.items())
        lines.append(f"  could not be replayed, by the field at fault: {parts}")
    if found.as_logged is not None:
        lines.append(f"  the champion's score here, less the logged one: {number(found.as_logged)}")
    lines += [f"  {one.text()}" for one in checks(found, limits, rules) if math.isfinite(one.value)]
    ends = [("missing", missing(found, rules)), ("worse", worse(found, limits, rules))]
    return "\n".join([*lines, *(f"  {name}: {'; '.join(what)}" for name, what in ends if what)])


def shown(there: Production, number: int) -> str:
    """What a version showed, by the limits in force; empty where it was not rehearsed."""
    found = rehearsal.find(there, number)
    return text(found, rollout_policy.in_force().limits, environments.in_force().rehearsal) if found else ""


def missing(found: Rehearsal, rules: Rules) -> list[str]:
    """What is too little to say anything."""
    few = f"{found.both:,} of {rules.rows_min:,} requests that both answered"
    return [few] if found.both < rules.rows_min else []


def worse(found: Rehearsal, limits: Limits, rules: Rules) -> list[str]:
    """What is beyond its limit."""
    return [
        f"{one.title}: {number(one.value)}, limit {one.limit:g}"
        for one in checks(found, limits, rules)
        if one.status == "worse" and one.limit is not None
    ]


def sufficient(found: Rehearsal, limits: Limits, rules: Rules) -> None:
    """Raise LoopError for evidence that lets no version go on."""
    where = f"version {found.challenger.version} may not leave {found.environment}"
    if bad := worse(found, limits, rules):
        raise LoopError(
            f"{where}: {'; '.join(bad)}",
            "availability, latency and scores within the limits of deploy/policy.yaml",
            "fix it by another pull request: the version that it makes takes this one's place",
        )
    if few := missing(found, rules):
        raise LoopError(
            f"{where} yet: {few[0]}",
            "rows_min of deploy/environments.yaml",
            f"{REHEARSE.format(found.environment)} with --day of a busier day; requests that cannot be "
            "replayed do not count",
        )


def _latency(found: Rehearsal, limit: float, enough: bool) -> list[Check]:
    made = []
    for title, name, most in (("median latency", "median_ms", limit), ("p99 latency", "p99_ms", None)):
        ours, theirs = getattr(found.champion, name), getattr(found.challenger, name)
        known = bool(ours) and theirs is not None
        times = theirs / ours if known else NAN
        of = f", {theirs:.1f} in times of {ours:.1f} ms" if known else ""
        made.append(_check(title + of, times, most, enough and known))
    return made


def _shift(one: Shift, limit: float, enough: bool) -> Check:
    """The shift less the announced one; none announced is held to none."""
    said = one.announced or 0.0
    what = f"announced {number(said)}" if one.announced is not None else "no shift was announced"
    of = f" of {one.of}" if one.of else ""
    low, high = (NAN if end is None else end - said for end in (one.low, one.high))
    away = one.value - said
    status: Status = "not enough" if not enough else "worse" if abs(away) > limit else "ok"
    return Check(f"score{of} {number(one.value)}, {what}", away, low, high, limit, status)


def _check(title: str, value: float, limit: float | None, enough: bool) -> Check:
    status: Status = "not enough" if not enough else "ok"
    if enough and limit is not None and value > limit:
        status = "worse"
    return Check(title, value, NAN, NAN, limit, status)
