"""What a replay showed: a record as JSON, a table, a figure. All three say which days judge the rule."""

import io
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.dates import DateFormatter, MonthLocator, date2num

from loop.base.counted import counted
from loop.base.plotting import BAND, BLUE, GREY, INK, ORANGE, canvas, picture
from loop.data.features import DECIDED_AT
from loop.replay.replay import LIVES, Story
from loop.settings.params import Resampling
from loop.stats import bootstrap
from problem import metrics

ALARMS = ("warning", "retrain", "alert")
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
    head = [
        "",
        *(NAMES[name] for name in LIVES),
        "retrains (monthly, loop)",
        "runs beyond limits",
        "refused",
    ]
    lines = [head, ["---", *["--:"] * (len(head) - 1)]]
    for month, one in found["months"].items():
        lines.append([month, *(f"{one[name]:.4f}" for name in LIVES), *_counts(found, month)])
    spans = {"set": f"before {found['judged_from']}", "judged": f"**from {found['judged_from']}**"}
    for span, title in (spans | {"all": "**all days**"}).items():
        if found["means"][span]:
            one = found["means"][span]
            lines.append(
                [title, *(f"{one[name]:.4f}" for name in LIVES), *_counts(found, _within(found, span))]
            )
    lines_of_table = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([*lines_of_table, "", *_sentences(found)]) + "\n"


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
    rows = {"blind retrain": 0, "refused": 1, "merged": 2, "beyond limits": 3}
    axes.plot(
        [_number(day) for day in found["monthly"]],
        [0] * len(found["monthly"]),
        "s",
        color=ORANGE,
        markersize=5,
    )
    axes.plot(
        [_number(day) for day in found["refused"]], [1] * len(found["refused"]), "x", color=INK, markersize=7
    )
    axes.plot(
        [_number(day) for day in found["merged"]], [2] * len(found["merged"]), "^", color=BLUE, markersize=8
    )
    alarms = [_number(week["now"]) for week in found["weeks"] if week["decision"] in ALARMS]
    quiet = [_number(week["now"]) for week in found["weeks"] if week["decision"] == "nothing"]
    axes.plot(quiet, [3] * len(quiet), ".", color=GREY, markersize=3)
    axes.plot(alarms, [3] * len(alarms), "o", color=INK, markersize=5, fillstyle="none")
    axes.set_yticks(list(rows.values()), list(rows))
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
    lines_of_table, since = [], story.weeks[0].now
    for merge in [week.now for week in story.weeks if week.retrain == "merged"]:
        between = [week.now for week in story.weeks if since < week.now <= merge]
        worse = next((day for day in between if _worse(story.rows, since, day, resampling)), None)
        days = (pd.Timestamp(merge) - pd.Timestamp(worse)).days if worse else None
        lines_of_table.append({"merge": merge, "certainly_worse": worse, "days": days})
        since = merge
    return lines_of_table


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


def _counts(found: dict[str, Any], prefix: "str | tuple[str, str]") -> list[str]:
    def within(day: str) -> bool:
        return day.startswith(prefix) if isinstance(prefix, str) else prefix[0] <= day < prefix[1]

    alarms = sum(within(week["now"]) for week in found["weeks"] if week["decision"] in ALARMS)
    retrains = (sum(map(within, found[name])) for name in ("monthly", "merged"))
    return [", ".join(map(str, retrains)), str(alarms), str(sum(map(within, found["refused"])))]


def _within(found: dict[str, Any], span: str) -> tuple[str, str]:
    return {"set": ("", found["judged_from"]), "judged": (found["judged_from"], "9")}.get(span, ("", "9"))


def _sentences(found: dict[str, Any]) -> list[str]:
    lines_of_table = []
    for span, title in (("judged", f"From {found['judged_from']} on"), ("all", "Over all days")):
        parts = [
            f"{gain:+.4f} [{low:+.4f}, {high:+.4f}] better than the {NAMES[name]}"
            for name, (gain, low, high) in found["gains"][span].items()
        ]
        if parts:
            lines_of_table.append(
                f"- {title} the loop's {found['metric']} is {', '.join(parts)} (intervals by days)."
            )
    days = [one["days"] for one in found["certainly_worse"] if one["days"] is not None]
    late = f"{', '.join(map(str, days))} days" if days else "none can be given"
    merges = len(found["certainly_worse"])
    earlier = f"{merges - len(days)} of {merges} merges came before any"
    lines_of_table.append(
        "- From the first run at which hindsight says that the champion was certainly worse than the "
        f"monthly one, to the merge: {late}; {earlier}."
    )
    waits = [
        (pd.Timestamp(week["now"]) - pd.Timestamp(week["since"])).days
        for week in found["weeks"]
        if week["retrain"] == "merged" and week["since"]
    ]
    if waits:
        lines_of_table.append(
            f"- From the first run beyond its limits to the merge: {', '.join(map(str, waits))} days."
        )
    return [*lines_of_table, f"- {CAVEAT}"]


def _number(day: str) -> float:
    return float(date2num(np.datetime64(day)))
