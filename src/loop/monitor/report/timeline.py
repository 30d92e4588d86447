"""What was known when, and what came: periods and events above the curves, on one axis of days."""

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
from matplotlib.dates import date2num, num2date

from loop.base.markup import plain
from loop.base.plotting import BAND, BLUE, GREY, INK, ORANGE, canvas, picture
from loop.monitor.report.layout import settle
from loop.monitor.schema import Event, Finding, Point

EVENTS = 8  # newest events that get a row of their own; the table has all
SHADE = "#f1f3f6"
UNKNOWN = "labels not known yet"
SOLID = {"color": BLUE, "marker": "o"}
DASHED = {"color": ORANGE, "marker": "s", "linestyle": "--"}
DOTTED = {"color": INK, "marker": "^", "linestyle": ":"}
HATCHED = {"facecolor": "none", "edgecolor": "#c9873f", "hatch": "/////"}


def days(finding: Finding) -> list[float]:
    """Days of all curves; empty where there is nothing to draw."""
    texts = [point.until for point in finding.curves] + (finding.cusum.days if finding.cusum else [])
    return sorted(_day(text) for text in texts)


def draw(finding: Finding) -> str:
    """Periods and events, the loss, the bias, the scores and the sum of excess loss, below each other."""
    panels = [(draws, height) for draws, height, needs in PANELS if needs(finding)]
    strip = 0.5 + 0.2 * (len(_periods(finding)) + len(_events(finding)))
    heights = [strip, *(height for _, height in panels)]
    svg = io.StringIO()
    with canvas(10.6, sum(heights) + 0.5, svg) as (drawing, axes):
        axes.remove()
        rows = drawing.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        _known(rows[0], finding)
        for (draws, _), panel in zip(panels, rows[1:], strict=True):
            _backdrop(panel, finding)
            draws(panel, finding)
        _dates(rows[-1], finding)
        settle(drawing)
    return picture(svg, "what was known when, and what came: loss, calibration bias, scores over time")


def _day(text: str) -> float:
    return float(date2num(date.fromisoformat(text[:10])))


def _periods(finding: Finding) -> list[tuple[str, float, float]]:
    """Name, first day and day after the last of each period; those without a length are left out."""
    model, matured, inputs = finding.model, finding.matured, finding.inputs
    past = [_day(point.until) for point in finding.curves if point.baseline]
    periods = [("trained on", _day(model.train_from), _day(model.train_until))]
    if past:
        periods.append(("limits come from", min(past), max(past)))
    if matured:
        periods.append(("labels known, judged", _day(matured.since), _day(matured.until)))
    if unknown := _unknown(finding):
        periods.append((UNKNOWN, *unknown))
    if inputs:
        periods.append(("inputs monitored", _day(inputs.since), _day(inputs.until)))
    return [period for period in periods if period[2] > max(period[1], _ends(finding)[0])]


def _unknown(finding: Finding) -> tuple[float, float] | None:
    """From the day until which labels are known to the end of the inputs."""
    if not (finding.matured and finding.inputs):
        return None
    return _day(finding.matured.until), _day(finding.inputs.until)


def _events(finding: Finding) -> list[Event]:
    """The newest events of the days that are drawn."""
    first, last = _ends(finding)
    drawn = [event for event in finding.events if first <= _day(event.day) <= last]
    return sorted(drawn, key=lambda event: event.day)[-EVENTS:]


def _ends(finding: Finding) -> tuple[float, float]:
    """First and last day of the axis: those of the curves, a week more before, and what was scored since."""
    drawn = days(finding)
    until = [_day(window.until) for window in (finding.matured, finding.inputs) if window]
    return drawn[0] - 7, max([drawn[-1] + 1, *until])


def _known(axes: Any, finding: Finding) -> None:
    """A row for each period and each event: so their names never overlap."""
    periods, events, (first, _) = _periods(finding), _events(finding), _ends(finding)
    for place, (name, since, until) in enumerate(periods):
        left = max(since, first)
        style = HATCHED if name == UNKNOWN else {"color": BAND, "edgecolor": BLUE}
        axes.barh(place, until - left, left=left, height=0.6, linewidth=0.8, **style)
        if since < first:  # it began before what is drawn
            axes.plot(first, place, marker="<", color=BLUE, markersize=8, clip_on=False)
    for place, event in enumerate(events, len(periods)):
        axes.plot(_day(event.day), place, marker="v", color=INK, markersize=7)
        axes.axvline(_day(event.day), color=GREY, linewidth=0.8, linestyle=":")
    names = [name for name, *_ in periods] + [plain(event.what, 40) for event in events]
    axes.set_yticks(range(len(names)), names)
    axes.set(ylim=(len(names) - 0.4, -0.6))
    axes.tick_params(axis="both", length=0, pad=8)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_title("What was known when")


def _backdrop(axes: Any, finding: Finding) -> None:
    """The past in grey, the days without labels hatched, a line at each event, one at the first day."""
    past = [_day(point.until) for point in finding.curves if point.baseline]
    if past:
        axes.axvspan(min(past), max(past), color=SHADE, linewidth=0)
    unknown = _unknown(finding)
    if unknown and unknown[1] > unknown[0]:
        axes.axvspan(*unknown, linewidth=0, **HATCHED)
    for event in _events(finding):
        axes.axvline(_day(event.day), color=GREY, linewidth=0.8, linestyle=":")
    if finding.since:
        axes.axvline(_day(finding.since), color=INK, linewidth=1.4, linestyle="--")
    axes.grid(axis="y", color="#e6e9ee")
    axes.set_axisbelow(True)


def _loss(axes: Any, finding: Finding) -> None:
    _curve(
        axes,
        finding.curves,
        "estimate",
        color=ORANGE,
        linestyle="--",
        marker="s",
        label="estimated without labels",
    )
    _curve(axes, finding.curves, "loss", color=BLUE, marker="o", label="came true")
    _limit(axes, finding, "loss")
    _title(axes, plain(finding.primary, 40).capitalize())


def _bias(axes: Any, finding: Finding) -> None:
    axes.axhline(0, color=GREY, linewidth=1)
    _curve(axes, finding.curves, "bias", **SOLID, label="mean score less mean label")
    _limit(axes, finding, "bias", both=True)
    _title(axes, "Calibration bias")


def _scores(axes: Any, finding: Finding) -> None:
    curves = finding.curves
    _curve(axes, curves, "score_mean", **DASHED, label="mean score")
    _curve(axes, curves, "label_mean", **SOLID, label="mean label")
    _curve(axes, curves, "decision_share", **DOTTED, label="share decided yes")
    _title(axes, "Scores, labels and decisions")


def _cusum(axes: Any, finding: Finding) -> None:
    found = finding.cusum
    if found is None:
        return
    x = [_day(text) for text in found.days]
    path = np.array(found.path, dtype=float)
    axes.plot(x, path, color=BLUE, marker="." if len(x) == 1 else None, label="sum")
    if found.limit is not None:
        axes.axhline(found.limit, color=INK, linewidth=1.2, linestyle="-.", label="limit")
    _title(axes, "Sum of daily excess loss (CUSUM)")


def _curve(axes: Any, curves: list[Point], name: str, **style: Any) -> None:
    """A column of the points with its band, where it has one; it breaks where a value is missing."""
    x = [_day(point.until) for point in curves]
    middle, low, high = (
        np.array([getattr(point, f"{name}{end}", None) for point in curves], dtype=float)
        for end in ("", "_low", "_high")
    )
    if np.isnan(middle).all():
        return
    if not np.isnan(low).all():
        axes.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)
    axes.plot(x, middle, markersize=4, linewidth=1.4, **style)


def _limit(axes: Any, finding: Finding, name: str, both: bool = False) -> None:
    """The limit of the concept signal of that name, as a line; below zero as well where it has two sides."""
    limit = next((one.limit for one in finding.signals if one.kind == "concept" and one.name == name), None)
    if limit is not None:
        axes.axhline(limit, color=INK, linewidth=1.2, linestyle="-.", label="limit")
        if both:
            axes.axhline(-limit, color=INK, linewidth=1.2, linestyle="-.")


def _title(axes: Any, text: str) -> None:
    """A title to the left and the legend beside it, above the curves and never over them."""
    axes.set_title(text, pad=8)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0, fontsize=9)


def _dates(axes: Any, finding: Finding) -> None:
    """Days on the shared axis, seven at most."""
    first, last = _ends(finding)
    axes.set_xlim(first, last + (last - first) * 0.01)
    ticks = np.unique(np.linspace(first + 7, last, 7).round())
    axes.set_xticks(ticks, [f"{num2date(tick):%Y-%m-%d}" for tick in ticks])


def _has(*names: str) -> Callable[[Finding], bool]:
    """Whether any point has one of these values."""
    return lambda finding: any(getattr(one, name) is not None for one in finding.curves for name in names)


PANELS = (  # what draws it, its height in inches, and what it needs
    (_loss, 2.2, _has("loss", "estimate")),
    (_bias, 1.6, _has("bias")),
    (_scores, 1.6, _has("score_mean", "label_mean", "decision_share")),
    (_cusum, 1.5, lambda finding: finding.cusum and any(one is not None for one in finding.cusum.path)),
)
