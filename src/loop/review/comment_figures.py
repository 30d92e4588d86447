"""Figures of the comment, as lines of Mermaid that GitHub draws: nothing is kept on another host.

Foreign names keep letters, digits and a few signs, so that none ends a line, a label or the block.
"""

import re
from math import floor, isfinite, log10
from typing import Any

from loop.base.markup import plain
from loop.base.template import fill
from loop.review.verdict import Calibration, Metric

MOST, LONGEST = 12, 24  # metrics of a figure, characters of a name
REACH = 3.0  # margins to either side of zero
_FINEST = 20  # thousandths of a margin: what can still be seen
_BAND = "within the margin"
_OTHER = re.compile(r"[^\w ().,/+…-]+")


def gains(metrics: list[Metric]) -> list[str]:
    """Each judged metric's interval as a bar beside the margins, in two colours that meet at the gain."""
    judged = [one for one in metrics if one.margin and None not in (one.gain, one.low, one.high)][:MOST]
    if not judged:
        return []
    names = [_name(one.title) for one in judged]
    if len({_BAND, *names}) <= len(names):  # rows of one name would be one row
        names = [f"{at} {name}" for at, name in enumerate(names, start=1)]
    return _lines(
        "gains.mermaid.j2",
        wide=30 + 6 * max(map(len, (*names, _BAND))),
        band=_BAND,
        rows=[(name, *_in_margins(one)) for name, one in zip(names, judged, strict=True)],
        place=lambda value: round(1000 * max(-REACH, min(REACH, value))),
        reach=REACH,
        finest=_FINEST,
    )


def calibration(found: Calibration | None) -> list[str]:
    """Outcome minus prediction of both models in each tenth of the rows, beside zero."""
    if found is None:
        return []
    gaps = [[tenth.outcome - tenth.predicted for tenth in side] for side in (found.champion, found.candidate)]
    widest = max(abs(gap) for side in gaps for gap in side)
    reach = 1.1 * widest if widest > 1e-9 else 1.0
    if not isfinite(reach):
        return []
    power = 0 if 1e-3 < reach < 1e5 else 3 * floor(log10(reach) / 3)  # so that labels of the axis are short
    zero, champion, candidate = (_points(side, power) for side in ([0.0] * len(gaps[0]), *gaps))
    low, high = _points([-reach, reach], power).split(", ")
    unit = f", in 1e{power}" if power else ""
    sides = {"zero": zero, "champion": champion, "candidate": candidate}
    return _lines("calibration.mermaid.j2", unit=unit, low=low, high=high, **sides)


def _lines(template: str, **values: Any) -> list[str]:
    return fill("loop.review", template, **values).rstrip("\n").split("\n")


def _name(title: str) -> str:
    return " ".join(_OTHER.sub(" ", plain(title, LONGEST)).split()) or "unnamed"


def _in_margins(one: Metric) -> list[float]:
    return [(value or 0.0) / abs(one.margin or 1.0) for value in (one.low, one.gain, one.high)]


def _points(values: list[float], power: int) -> str:
    """Numbers without an exponent, which a chart does not read."""
    return ", ".join(f"{value / 10.0**power:.6f}" for value in values)
