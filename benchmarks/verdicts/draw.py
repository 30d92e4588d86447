"""Figures of verdicts.json for docs/review.md: the same file gives the same pictures."""

import io
from pathlib import Path
from typing import Any

from benchmarks.verdicts.data import POLICY
from loop.base.files import write_text
from loop.base.plotting import BAND, BLUE, GREY, INK, ORANGE, canvas, picture

FOLDER = Path(__file__).parent.parent.parent / "docs/figures"
MARKS = {"better": "o", "equivalent": "s", "worse": "X", "inconclusive": "d"}


def draw(found: dict[str, Any]) -> None:
    """Write a figure for each part that was measured."""
    drawn = {"months": _months, "coverage": _coverage, "aa": _aa, "power": _power}
    for name, figure in drawn.items():
        if name in found:
            on_white = figure(found[name]).replace("<svg", '<svg style="background: #fff"', 1)
            write_text(FOLDER / f"judge-{name}.svg", on_white)


def _months(cases: dict[str, Any]) -> str:
    svg = io.StringIO()
    margin = POLICY.primary.margin
    with canvas(10.6, 1.2 + 0.45 * len(cases), svg) as (_, axes):
        axes.axvspan(-margin, margin, color=BAND, label="within the margin")
        axes.axvline(0, color=GREY, linewidth=1)
        for place, case in enumerate(reversed(cases.values())):
            axes.plot([case["low"], case["high"]], [place, place], color=INK, marker="|", markersize=9)
            colour = ORANGE if case["verdict"] == "worse" else BLUE
            axes.plot(case["gain"], place, color=colour, marker=MARKS[case["verdict"]], markersize=7)
            axes.annotate(
                f"{case['verdict']}  ({case['expected']})",
                (max(case["high"], margin), place),
                (8, -3),
                textcoords="offset points",
                fontsize=9,
            )
        axes.set_yticks(range(len(cases)), list(cases)[::-1])
        axes.set(
            xlabel="worse  <   gain in log loss   >  better",
            ylim=(-0.6, len(cases) - 0.4),
            xlim=(None, 0.075),
        )
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1))
    return picture(svg, "gain in log loss of six retrains with intervals and verdicts")


def _coverage(found: dict[str, Any]) -> str:
    names = {
        "log_loss": "log loss, days resampled",
        "roc_auc": "ROC AUC, days resampled",
        "log_loss_by_row": "log loss, rows resampled",
    }
    cases = {"no_gain": "true gain is zero", "loss_of_the_margin": "true loss is the margin"}
    svg = io.StringIO()
    with canvas(10.6, 3.0, svg) as (_, axes):
        axes.axvspan(0.93, 0.97, color=BAND, label="93 to 97 %")
        places = []
        for place, (name, label) in enumerate(reversed(names.items())):
            for off, (case, mark) in enumerate(zip(cases, "os", strict=True)):
                one = found[case]["covered"][name]
                at = place + 0.12 - 0.24 * off
                axes.plot([one["low"], one["high"]], [at, at], color=INK, marker="|")
                colour = ORANGE if name.endswith("row") else BLUE
                text = cases[case] if place == 0 else None
                axes.plot(one["share"], at, mark, color=colour, markersize=6, label=text)
                axes.annotate(
                    f"{one['share']:.1%}", (one["low"], at), (-40, -3), textcoords="offset points", fontsize=9
                )
            places.append(label)
        axes.set_yticks(range(len(places)), places)
        axes.set(
            xlabel="share of 95 % intervals that cover the truth",
            xlim=(0.2, 1),
            ylim=(-0.5, len(places) - 0.5),
        )
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return picture(svg, "how often intervals by day and by row cover the truth")


def _aa(found: dict[str, Any]) -> str:
    goals = {"worse": 0.05, "slices": 0.01}
    shown = {
        "worse": {kind: found[kind]["verdicts"]["worse"] for kind in ("seed", "days")},
        **{
            name: {kind: found[kind]["failed"].get(name) for kind in ("seed", "days")}
            for name in ("primary", "slices", *sorted(found["both"]["failed"]))
        },
        "inconclusive": {kind: found[kind]["verdicts"]["inconclusive"] for kind in ("seed", "days")},
    }
    svg = io.StringIO()
    with canvas(10.6, 1.3 + 0.45 * len(shown), svg) as (_, axes):
        labels = []
        for place, (name, kinds) in enumerate(reversed(shown.items())):
            labels.append(
                {"worse": "verdict: worse", "inconclusive": "verdict: inconclusive"}.get(
                    name, f"check: {name}"
                )
            )
            for off, (kind, mark) in enumerate(zip(("seed", "days"), "os", strict=True)):
                of = found[kind]["verdicts"]["worse"]["of"]
                one = kinds[kind] or {"share": 0.0, "low": 0.0, "high": 3.84 / (of + 3.84)}
                at = place + 0.12 - 0.24 * off
                text = {"seed": "another seed", "days": "another draw of days"}[kind] if place == 0 else None
                axes.plot([one["low"], one["high"]], [at, at], color=INK, linewidth=1, marker="|")
                axes.plot(one["share"], at, mark, color=(BLUE, ORANGE)[off], markersize=6, label=text)
            if name in goals:
                axes.plot([goals[name]] * 2, [place - 0.4, place + 0.4], color=GREY, linestyle="--")
                axes.annotate(
                    f"goal {goals[name]:.0%}",
                    (goals[name], place + 0.26),
                    (4, 0),
                    textcoords="offset points",
                    fontsize=8,
                )
        axes.set_yticks(range(len(labels)), labels)
        axes.set(xlabel="share of comparisons between models trained alike", ylim=(-0.6, len(labels) - 0.4))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return picture(svg, "how often models trained alike are told apart")


def _power(found: dict[str, Any]) -> str:
    faults = {name: part for name, part in found.items() if isinstance(part, dict)}
    svg = io.StringIO()
    with canvas(10.6, 3.8, svg) as (_, axes):
        axes.axhline(0.9, color=GREY, linestyle="--", linewidth=1, label="nine in ten")
        for (name, part), mark, colour, line in zip(
            faults.items(), "osD", (BLUE, ORANGE, INK), ("-", "--", ":"), strict=True
        ):
            key = "loss_in_slice" if "slice" in name else "loss"
            text = f"{name} (loss within the slice)" if "slice" in name else name
            curve = sorted(part["curve"], key=lambda point: point[key])
            axes.plot(
                [point[key] for point in curve],
                [point["caught"]["share"] for point in curve],
                color=colour,
                marker=mark,
                linestyle=line,
                label=text,
            )
        axes.axvspan(0, POLICY.primary.margin, color=BAND)
        axes.set(
            xlabel="planted loss, in log loss (the band is the margin of the primary metric)",
            ylabel="share caught",
        )
        axes.set(ylim=(-0.03, 1.03))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.legend(loc="lower right")
    return picture(svg, "share of planted losses that are caught, by size")
