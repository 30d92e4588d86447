"""Error rates of the sequential test of a canary, beside a plain test looked at as often.

1,000 A/A rollouts of 30 days judged every hour; losses are those of real predictions, by real days.
`python -m benchmarks.rollout [--seed N] [--rollouts N]` does the same, keeps benchmarks/rollout.json and
draws docs/figures/rollout-error.svg; `--draw` only draws.
"""

import argparse
import io
import json
from pathlib import Path
from typing import Any

from benchmarks.canary.simulate import ALPHA, simulate
from benchmarks.timing import Row
from loop.base import files
from loop.base.plotting import BAND, BLUE, GREY, INK, ORANGE, canvas, picture

RESULTS = Path(__file__).with_name("rollout.json")
FIGURE = Path(__file__).parent.parent / "docs/figures/rollout-error.svg"
SEED, ROLLOUTS = 1, 1000
WORDS = {
    "whole": "all tests of a canary at once",
    "alike": "log loss, trained on other days",
    "normal": "normal, days differ",
    "rare": "1 row in 50 costs 1",
    "revenue": "1 row in 50 buys, heavy tail",
}


def measure(runs: int) -> list[Row]:
    """False alarms and days to see a loss; `runs` does not matter, the seed is fixed."""
    found = simulate(SEED, ROLLOUTS)
    return [*map(_alarms, found["false_alarms"]), *_days(found["power"])]


def _alarms(case: dict[str, Any]) -> Row:
    note = ", ".join(
        f"{name} {100 * value['share']:.1f}" for name, value in case.items()
        if isinstance(value, dict) and name != "worse"
    )  # fmt: skip
    equal = case["world"] != "alike"  # two models that are not the same have no right answer
    return Row(
        f"called worse: {_name(case)}",
        [100 * case["worse"]["share"]],
        goal=100 * ALPHA if equal else None,
        unit="%",
        note=note,
    )


def _days(power: list[dict[str, Any]]) -> list[Row]:
    """A row for each metric, traffic and share: the days until half see a loss of 5 %."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for one in power:
        groups.setdefault((one["metric"], one["traffic"], one["share"]), []).append(one)
    rows = []
    for (metric, traffic, share), some in groups.items():
        told = [
            f"{one['loss']:.0%}: {_text(one['half'])}, nine in ten {_text(one['nine in ten'])}"
            for one in some
        ]
        largest = some[-1]["half"]
        rows.append(
            Row(
                f"days to see {metric} 5 % worse, {share:.0%} of {traffic:,} a day",
                [float("inf") if largest is None else largest],
                unit="days",
                note="; ".join(told),
            )
        )
    return rows


def _text(days: float | None) -> str:
    return "not within 90" if days is None else f"{days:g}"


def _name(case: dict[str, Any]) -> str:
    return f"{WORDS.get(case['world'], case['world'])}, {case['traffic']:,} a day, {case['stages']}"


def draw(found: dict[str, Any]) -> str:
    """Each case with its share of false alarms by either test, and what was promised."""
    cases = found["false_alarms"][::-1]
    peers = ("plain, every hour", "rows as units", "beyond the limit")
    svg = io.StringIO()
    with canvas(10.6, 1.4 + 0.3 * len(cases), svg) as (_, axes):
        axes.axvspan(0, found["alpha"], color=BAND, label="what is promised")
        for place, case in enumerate(cases):
            peer = next((case[name] for name in peers[:2] if name in case), None)
            for one, mark, colour in ((case["worse"], "o", BLUE), (peer, "X", ORANGE)):
                if one is not None:
                    axes.plot([one["low"], one["high"]], [place, place], color=INK, linewidth=1)
                    label = {"o": "sequential", "X": "a plain test, or rows taken for entities"}[mark]
                    axes.plot(
                        one["share"],
                        place,
                        mark,
                        color=colour,
                        markersize=6,
                        label=label if not place else None,
                    )
        axes.axvline(found["alpha"], color=GREY, linewidth=1)
        axes.set_yticks(range(len(cases)), [_name(case) for case in cases])
        axes.set(
            xlabel=f"called worse within {found['days']} days, of {found['rollouts']:,} rollouts",
            xlim=(0, None),
        )
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
    text = picture(svg, "share of equal challengers called worse, by a sequential and by a plain test")
    return text.replace("<svg", '<svg style="background: #fff"', 1)


def main() -> None:
    """Simulate, keep, draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollout")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--rollouts", type=int, default=ROLLOUTS)
    parser.add_argument("--draw", action="store_true", help="only draw what rollout.json holds")
    asked = parser.parse_args()
    if not asked.draw:
        files.write_json(RESULTS, simulate(asked.seed, asked.rollouts))
    found = json.loads(RESULTS.read_text())
    files.write_text(FIGURE, draw(found))
    for row in [*map(_alarms, found["false_alarms"]), *_days(found["power"])]:
        print(" | ".join(row.cells()))


if __name__ == "__main__":
    main()
