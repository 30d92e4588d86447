"""Many candidates on one holdout: how often any of them passes by luck, with looks counted and without.

`python -m benchmarks.looks [PROBLEM...]` trains models alike (another seed, or another draw of the training
clusters) on the example, the second problem and an adopted one, and draws the holdout's clusters anew. In
each draw every model is a candidate, one look after the other; then somebody climbs by the figures of each
look. Gains are shifted so that in truth none is better (or each is worse by the margin), whatever the models
are worth. It writes benchmarks/looks.json, the table of docs/review.md and docs/figures/looks.svg.
"""

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks import adopted, by_problem
from benchmarks.looks.draws import AT
from loop.base import files
from loop.base.plotting import BLUE, GREY, ORANGE, canvas, picture

HERE, ROOT = Path(__file__).parent, Path(__file__).parent.parent.parent
RESULTS, PAGE, FIGURE = HERE.with_suffix(".json"), ROOT / "docs/review.md", ROOT / "docs/figures/looks.svg"
MODELS = {"the second problem": 402, "wage.csv": 202, "the example": 60, "wine.parquet": 202}
DRAWN = {"the second problem": "-", "wage.csv": "--", "the example": ":"}  # by line
TOLD = (1, 5, 20, 50)
COLUMNS = (
    *("problem", "looks", "any better, none is: uncounted", "counted", "counted, by who climbs (50 looks)"),
    *("any let through, all are worse by the margin: uncounted", "counted", "by who climbs"),
    *(f"told at look {at}" for at in TOLD),
)
HEAD = f"| {' | '.join(COLUMNS)} |"


def main(asked: list[str]) -> None:
    """Measure, and write the table and the figure."""
    found = by_problem.measured(asked or MODELS, RESULTS, _measured)
    by_problem.show(PAGE, HEAD, _table(found))
    files.write_text(FIGURE, _drawn(found).replace("<svg", '<svg style="background: #fff"', 1))


def _measured(folder: Path, name: str, shipped: adopted.Files) -> dict[str, Any]:
    from benchmarks.calibrated import problem

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    repo = problem(folder, name, shipped)
    adopted._said(repo, "run")
    for script in ("score.py", "draws.py"):
        shutil.copy(HERE / script, repo.path)
    told = repo.run("python", "score.py", str(MODELS[name])).stdout.splitlines()[-1]
    return dict(json.loads(told))


def _table(found: dict[str, Any]) -> str:
    lines = [HEAD, "|---" * len(COLUMNS) + "|"]
    for name, one in found.items():
        last = {kind: [shares[-1] for shares in one[kind]] for kind in ("better", "let_through", "climbed")}
        of = (*last["better"], last["climbed"][0], *last["let_through"], last["climbed"][1])
        told = (f"{one['told'][AT.index(at)]:.2g}" for at in TOLD)
        lines.append(f"| {' | '.join((name, str(one['looks']), *(f'{share:.1%}' for share in of), *told))} |")
    return "\n".join(lines) + "\n"


def _drawn(found: dict[str, Any]) -> str:
    svg = io.StringIO()
    with canvas(10.6, 3.6, svg) as (_, axes):
        axes.axhline(0.05, color=GREY, linewidth=1)
        for name, line in DRAWN.items():
            one = found[name]
            looks = [at for at in AT if at <= one["looks"]]
            climbing = [at for at in looks if at <= 50]
            for shares, to, colour, word in (
                (one["better"][0], looks, GREY, "chosen before, looks uncounted"),
                (one["better"][1], looks, BLUE, "chosen before, looks counted"),
                (one["climbed"][0], climbing, ORANGE, "climbing by the figures, looks counted"),
            ):
                axes.plot(to, shares[: len(to)], line, color=colour, marker="o", label=f"{name}: {word}")
        axes.set_xscale("log")
        axes.set_xticks(AT, AT)
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set(xlabel="looks at one holdout", ylabel='any is "better", none is', ylim=(0, None))
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    return picture(svg, "share of holdouts on which any of so many looks calls a model better though none is")


if __name__ == "__main__":
    main(sys.argv[1:])
