"""Figures of the comment, as lines of Mermaid that GitHub draws: nothing is kept on another host.

Foreign names keep letters, digits and a few signs, so that none ends a line, a label or the block.
"""

import re
from json import dumps
from math import floor, isfinite, log10

from loop.base.markup import plain
from loop.review.verdict import Calibration, Metric

MOST, LONGEST = 12, 24  # metrics of a figure, characters of a name
REACH = 3.0  # margins to either side of zero
_FINEST = 20  # thousandths of a margin: what can still be seen
_BAND = "within the margin"
_BLANK = "#8203;"  # of no width: a task needs a name, and a section none that JavaScript knows
_OTHER = re.compile(r"[^\w ().,/+…-]+")
_GANTT = {"displayMode": "compact", "rightPadding": 20, "barHeight": 18, "barGap": 6, "sectionFontSize": 12}
_BARS = {  # seen on white and on black; the rest is GitHub's
    "sectionBkgColor": "#80808020", "sectionBkgColor2": "#80808020", "altSectionBkgColor": "#80808000",
    "activeTaskBkgColor": "#54aeff", "activeTaskBorderColor": "#54aeff", "taskBkgColor": "#0969da",
    "taskBorderColor": "#0969da", "doneTaskBkgColor": "#80808040", "doneTaskBorderColor": "#808080",
    "gridColor": "#808080",
}  # fmt: skip
_FONT = {"labelFontSize": 12, "titleFontSize": 13}
_CHART = {"width": 320, "height": 240, "showLegend": False, "xAxis": _FONT, "yAxis": _FONT}  # fits a phone
_LINES = {"backgroundColor": "transparent", "plotColorPalette": "#808080, #d4742a, #2f81f7"}


def gains(metrics: list[Metric]) -> list[str]:
    """Each judged metric's interval as a bar beside the margins, in two colours that meet at the gain.

    No chart of Mermaid has intervals but that of tasks in time: here a second is a margin.
    """
    judged = [one for one in metrics if one.margin and None not in (one.gain, one.low, one.high)][:MOST]
    if not judged:
        return []
    names = [_name(one.title) for one in judged]
    if len({_BAND, *names}) <= len(names):  # rows of one name would be one row
        names = [f"{at} {name}" for at, name in enumerate(names, start=1)]
    wide = 30 + 6 * max(map(len, (*names, _BAND)))
    return [
        _init(gantt=_GANTT | {"leftPadding": wide}, themeVariables=_BARS),
        "gantt",
        "  accTitle: gains with their intervals, in margins",
        "  title worse ← margins → better",
        "  dateFormat x",
        "  axisFormat %s",
        "  tickInterval 1second",
        "  todayMarker off",
        f"  section {_BAND}",
        f"    {_BLANK} :done, -1000, 1000",
        *(line for name, metric in zip(names, judged, strict=True) for line in _row(name, metric)),
    ]


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
    unit = f", in 1e{power}" if power else ""
    zero, *both = (_points(side, power) for side in ([0.0] * len(gaps[0]), *gaps))
    low, high = _points([-reach, reach], power).split(", ")
    return [
        _init(xyChart=_CHART, themeVariables={"xyChart": _LINES}),
        "xychart-beta",
        "  accTitle: calibration of champion and candidate",
        f'  x-axis "tenths of the rows, by prediction" {list(range(1, len(gaps[0]) + 1))}',
        f'  y-axis "outcome minus prediction{unit}" {low} --> {high}',
        f'  line "none" [{zero}]',
        f'  line "champion" [{both[0]}]',
        f'  line "candidate" [{both[1]}]',
    ]


def _init(**settings: object) -> str:
    return f"%%{{init: {dumps(settings)}}}%%"


def _name(title: str) -> str:
    return " ".join(_OTHER.sub(" ", plain(title, LONGEST)).split()) or "unnamed"


def _row(name: str, metric: Metric) -> list[str]:
    """A name, with arrows where the interval goes on, and bars from low to gain and from gain to high."""
    margin = abs(metric.margin or 1.0)
    low, gain, high = ((value or 0.0) / margin for value in (metric.low, metric.gain, metric.high))
    start, middle, end = (round(1000 * max(-REACH, min(REACH, value))) for value in (low, gain, high))
    return [
        f"  section {'◄ ' * (low < -REACH)}{name}{' ►' * (high > REACH)}{_BLANK}",
        f"    {_BLANK} :active, {min(start, middle - _FINEST)}, {middle}",
        f"    {_BLANK} :{middle}, {max(end, middle + _FINEST)}",
    ]


def _points(values: list[float], power: int) -> str:
    """Numbers without an exponent, which a chart does not read."""
    return ", ".join(f"{value / 10.0**power:.6f}" for value in values)
