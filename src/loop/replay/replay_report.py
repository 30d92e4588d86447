"""What a replay showed: a record as JSON, a table, a figure. All three say which days judge the rule."""

import io
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.dates import DateFormatter, MonthLocator, date2num

from loop.base.counted import counted
from loop.base.markup import ready, render
from loop.base.plotting import BAND, BLUE, GREY, INK, ORANGE, canvas, picture
from loop.data.features import DECIDED_AT
from loop.replay.replay import LIVES, Story
from loop.settings.params import Resampling
from loop.stats import bootstrap
from problem import metrics

ALARMS = ("warning", "loss", "retrain", "alert")
NAMES = {"frozen": "frozen champion", "monthly": "blind monthly retrain", "loop": "this loop"}
SMOOTH = 28  # days that a point of the curves is the mean of
CAVEAT = "One year cannot tell a season from a lasting change."


def record(story: Story, judged_from: str, resampling: Resampling) -> dict[str, Any]:
    """The replay as plain values; rows decided before the day `judged_from` only set the rule."""
    rows = story.rows
    day = rows[DECIDED_AT].dt.strftime("%Y-%m-%d")
    spans = {"all": day >= "", "set": day < judged_from, "judged": day >= judged_from}
    months = rows.groupby(day.str[:7])[list(LIVES)].mean().round(4)
    weekly = story.weeks
    return {
        "metric": metrics.METRICS[metrics.PRIMARY].title,
        "from": day.min(),
        "until": day.max(),
        "judged_from": judged_from,
        "months": {
            str(month): dict(zip(LIVES, map(float, one), strict=True)) for month, *one in months.itertuples()
        },
        "means": {name: _means(rows[span]) for name, span in spans.items()},
        "gains": {name: _gains(rows[span], resampling) for name, span in spans.items()},
        "monthly": story.monthly,
        "weeks": [week.__dict__ for week in weekly],
        "merged": [week.now for week in weekly if week.retrain == "merged"],
        "refused": [week.now for week in weekly if week.retrain == "refused"],
        "certainly_worse": _certainly_worse(story, resampling),
        "curves": _curves(rows),
    }


def table(found: dict[str, Any]) -> str:
    """The record as markdown: by month, then all, then what it took."""
    from_, means, gains = found["judged_from"], found["means"], found["gains"]
    whole = [
        (f"before {from_}", means["set"], ("", from_)),
        (ready(f"**from {from_}**"), means["judged"], (from_, "9")),
        (ready("**all days**"), means["all"], ("", "9")),
    ]
    months = [(month, losses, (month, f"{month}-99")) for month, losses in found["months"].items()]
    waits = [
        (pd.Timestamp(week["now"]) - pd.Timestamp(week["since"])).days
        for week in found["weeks"]
        if week["retrain"] == "merged" and week["since"]
    ]
    values = {
        "names": NAMES,
        "metric": found["metric"],
        "spans": [(title, losses, _counts(found, *days)) for title, losses, days in months + whole if losses],
        "gains": [(f"From {from_} on", gains["judged"]), ("Over all days", gains["all"])],
        "late": [one["days"] for one in found["certainly_worse"] if one["days"] is not None],
        "merges": len(found["certainly_worse"]),
        "waits": waits,
        "caveat": CAVEAT,
    }
    return render("loop.replay", "replay.md.j2", values)


def draw(found: dict[str, Any]) -> str:
    """The gain over the frozen champion, four weeks at a time, and below it each week's decision."""
    svg = io.StringIO()
    with canvas(10.6, 5.0, svg) as (figure, axes):
        axes.remove()
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1.3])
        _gain_curves(above, found)
        _strip(below, found)
        below.xaxis.set_major_locator(MonthLocator())
        below.xaxis.set_major_formatter(DateFormatter("%b"))
        below.set_xlim(_number(found["from"]) - 3, _number(found["until"]) + 3)
    return picture(svg, "gain over the frozen champion of a blind monthly retrain and of this loop").replace(
        "<svg", '<svg style="background: #fff"', 1
    )


def _gain_curves(axes: Any, found: dict[str, Any]) -> None:
    days = [_number(day) for day in found["curves"]["days"]]
    axes.axvspan(_number(found["judged_from"]), _number(found["until"]) + 3, color=BAND, alpha=0.5)
    axes.text(_number(found["judged_from"]) + 2, 0.98, "judged here", transform=axes.get_xaxis_transform(),
              va="top", fontsize=9, color=INK)  # fmt: skip
    axes.axhline(0, color=GREY, linewidth=1)
    for name, colour, style in (("monthly", ORANGE, "--"), ("loop", BLUE, "-")):
        count = len(found["monthly"]) if name == "monthly" else len(found["merged"])
        label = f"{NAMES[name]}: {counted(count, 'retrain')}"
        axes.plot(days, found["curves"][name], color=colour, linestyle=style, linewidth=1.8, label=label)
    axes.set_ylabel(f"gain in {found['metric']} over\nthe frozen champion, {SMOOTH}-day mean")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)


def _strip(axes: Any, found: dict[str, Any]) -> None:
    """A mark for each run by its decision, and the days of the monthly retrains."""
    quiet = [week["now"] for week in found["weeks"] if week["decision"] == "nothing"]
    beyond = [week["now"] for week in found["weeks"] if week["decision"] in ALARMS]
    marks = [
        (0, found["monthly"], {"marker": "s", "color": ORANGE, "markersize": 5}),
        (1, found["refused"], {"marker": "x", "color": INK, "markersize": 7}),
        (2, found["merged"], {"marker": "^", "color": BLUE, "markersize": 8}),
        (3, quiet, {"marker": ".", "color": GREY, "markersize": 3}),
        (3, beyond, {"marker": "o", "color": INK, "markersize": 5, "fillstyle": "none"}),
    ]
    for height, days, mark in marks:
        axes.plot([_number(day) for day in days], [height] * len(days), linestyle="none", **mark)
    axes.set_yticks(range(4), ["blind retrain", "refused", "merged", "beyond limits"])
    axes.set_ylim(-0.6, 3.6)
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)
    for day in found["merged"]:
        axes.axvline(_number(day), color=BLUE, linewidth=0.6, alpha=0.5)


def _means(rows: pd.DataFrame) -> dict[str, float]:
    return {name: round(float(rows[name].mean()), 4) for name in LIVES} if len(rows) else {}


def _gains(rows: pd.DataFrame, resampling: Resampling) -> dict[str, list[float]]:
    """How much less the loop lost than each other, with its interval by days: gain, low, high."""
    return (
        {name: _gain(rows[name] - rows["loop"], rows, resampling) for name in LIVES[:2]} if len(rows) else {}
    )


def _gain(less: pd.Series, rows: pd.DataFrame, resampling: Resampling) -> list[float]:
    codes, names = pd.factorize(rows[DECIDED_AT].dt.floor("D"))
    of = bootstrap.means(less.to_numpy(np.float64), codes, len(names))
    weight = bootstrap.weights(len(names), resampling.replicates, resampling.seed)
    low, high = bootstrap.interval(of(weight), len(names), resampling.confidence)
    return [round(value, 5) for value in (float(less.mean()), low, high)]


def _certainly_worse(story: Story, resampling: Resampling) -> list[dict[str, Any]]:
    """For each merge: the first run at which its champion was certainly worse than the monthly one.

    Certainly: with hindsight, over the last SMOOTH days of its own, by an interval by days.
    `days` from there to the merge; none where the merge came first.
    """
    found, since = [], story.weeks[0].now
    for merge in [week.now for week in story.weeks if week.retrain == "merged"]:
        between = [week.now for week in story.weeks if since < week.now <= merge]
        worse = next((day for day in between if _worse(story.rows, since, day, resampling)), None)
        days = (pd.Timestamp(merge) - pd.Timestamp(worse)).days if worse else None
        found.append({"merge": merge, "certainly_worse": worse, "days": days})
        since = merge
    return found


def _worse(rows: pd.DataFrame, since: str, day: str, resampling: Resampling) -> bool:
    end = pd.Timestamp(day, tz="UTC")
    start = max(pd.Timestamp(since, tz="UTC"), end - pd.Timedelta(days=SMOOTH))
    part = rows[(rows[DECIDED_AT] >= start) & (rows[DECIDED_AT] < end)]
    if part[DECIDED_AT].dt.floor("D").nunique() < 7:
        return False
    return _gain(part["loop"] - part["monthly"], part, resampling)[1] > 0


def _curves(rows: pd.DataFrame) -> dict[str, Any]:
    daily = rows.groupby(rows[DECIDED_AT].dt.floor("D"))[list(LIVES)].agg("sum")
    count = rows.groupby(rows[DECIDED_AT].dt.floor("D")).size()
    mean = daily.rolling(SMOOTH, min_periods=7).sum().div(count.rolling(SMOOTH, min_periods=7).sum(), axis=0)
    mean = mean.dropna()
    gains = {name: (mean["frozen"] - mean[name]).round(5).tolist() for name in LIVES[1:]}
    return {"days": [f"{day:%Y-%m-%d}" for day in mean.index], **gains}


def _counts(found: dict[str, Any], since: str, until: str) -> dict[str, int]:
    """How many retrains, alarms and refusals there were in [since, until)."""
    days = {name: found[name] for name in ("monthly", "merged", "refused")}
    days["beyond"] = [week["now"] for week in found["weeks"] if week["decision"] in ALARMS]
    return {name: sum(since <= day < until for day in those) for name, those in days.items()}


def _number(day: str) -> float:
    return float(date2num(np.datetime64(day)))
