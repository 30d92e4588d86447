"""Each stage on the example's year once and ten times over: seconds, and memory of its process at the peak.

The flights are repeated under other numbers, so that every day, route and origin has as many times more:
336,746 requests, and 3,367,460; `ingest` and `examples` also take 33,674,600. They come a month at a time.
The model is trained on January to November and judged on December.
"""

import io
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.pipeline import _copy, _env
from benchmarks.timing import Row, used
from loop.base import files
from loop.base.plotting import BLUE, GREY, INK, ORANGE, canvas, picture
from loop.data import raw

STAGES = ("ingest", "validate", "examples", "train", "evaluate")
TIMES = {1: STAGES, 10: STAGES, 100: ("ingest", "examples")}
ONCE = 336_746  # requests
RESULTS = Path(__file__).with_suffix(".json")
FIGURE = Path(__file__).parent.parent / "docs/figures/scale.svg"
LOOKS = (
    (GREY, "--", "o"),
    (INK, ":", "s"),
    (BLUE, "-", "o"),
    (ORANGE, "-", "^"),
    (GREY, "-.", "D"),
)  # of STAGES
WHAT = {1: "memory at the peak, GiB", 2: "seconds of the processor"}  # by its place in `Found`
Found = dict[str, dict[str, tuple[float, float, float]]]  # stage -> times -> seconds, GiB, of the processor
MEMORY = 4  # GiB, at every size but in the fit
AGAIN = """

_once = _flights


def _flights(airports: pd.DataFrame):
    whole = _once(airports)
    for _, month in whole.groupby(whole["scheduled_departure"].dt.strftime("%Y-%m")):
        parts = [month.assign(flight=month["flight"] + 10_000 * turn) for turn in range({times})]
        yield pd.concat(parts, ignore_index=True)
"""
WINDOWS = """windows:
  since: "2013-01-01T00:00Z"
  train:
    from: "2013-01-01T00:00Z"
    until: "2013-12-01T00:00Z"
  holdout:
    from: "2013-12-01T00:00Z"
    until: "2014-01-01T00:00Z"
  as_of: "2014-01-03T00:00Z"
"""


def measure(runs: int) -> list[Row]:
    """The stages one after the other, each size in a scratch repository of its own, and once."""
    found: Found = {}
    for times, stages in TIMES.items():
        with tempfile.TemporaryDirectory() as folder:
            repo = Path(folder)
            _copy(repo)
            _grow(repo, times)
            env = _env(repo)
            for name in stages:
                if name == "examples" and "validate" not in stages:
                    _repair(repo)
                one = used([sys.executable, "src/loop/stage.py", name], repo, env)
                print(
                    f"{times} times: {name}", *(f"{value:.2f}" for value in one), file=sys.stderr, flush=True
                )
                found.setdefault(name, {})[str(times)] = one
    files.write_json(RESULTS, found)
    draw()
    return [row for times in TIMES for row in _rows(found, str(times))]


def draw() -> None:
    """The figure of docs/scale.md, from what was measured last."""
    found: Found = json.loads(RESULTS.read_text())
    svg = io.StringIO()
    with canvas(9.6, 3.4, svg) as (figure, whole):
        whole.remove()
        for place, what in WHAT.items():
            axes = figure.add_subplot(1, 2, place)
            for (name, sizes), (colour, line, mark) in zip(found.items(), LOOKS, strict=True):
                at, values = [ONCE * int(times) for times in sizes], [one[place] for one in sizes.values()]
                axes.plot(at, values, line, color=colour, marker=mark, label=name)
            axes.set(xscale="log", xlabel="million requests", title=what, ylim=(0, None))
            axes.set_xticks(
                [ONCE * times for times in TIMES], [f"{ONCE * times / 1e6:.2g}" for times in TIMES]
            )
            axes.minorticks_off()
        axes.set(yscale="log", ylim=(1, 1000))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        figure.axes[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    label = "memory at the peak and seconds of the processor of each stage, by how many requests there are"
    files.write_text(FIGURE, picture(svg, label).replace("<svg", '<svg style="background: #fff"', 1))


def _rows(found: Found, times: str) -> Iterator[Row]:
    for name, sizes in found.items():
        if times in sizes:
            seconds, memory, processor = sizes[times]
            note = f"{processor:.0f} s of the processor"
            yield Row(f"{name}, {times} times the flights", [seconds], note=note)
            goal = None if name == "train" else MEMORY
            yield Row("its memory at the peak", [memory], goal=goal, unit="GiB")


def _repair(repo: Path) -> None:
    """data/valid as `validate` leaves it, which holds it whole: here flights are repaired month by month."""
    for folder in sorted((repo / "data/raw").iterdir()):
        months = sorted(folder.iterdir()) if folder.name == "flights" else [folder]
        repaired = (raw.repair(folder.name, files.read_table(month))[0] for month in months)
        files.write_slices(repo / "data/valid" / f"{folder.name}.parquet", repaired)


def _grow(repo: Path, times: int) -> None:
    """The example's sources changed to so many times the flights, of the whole year."""
    source, schema, params = (
        repo / name for name in ("src/problem/source.py", "src/problem/schema.py", "params.yaml")
    )
    source.write_text(source.read_text() + AGAIN.format(times=times))
    schema.write_text(
        schema.read_text().replace("contracts.number(1, 9999, ", f"contracts.number(1, {times}9999, ")
    )
    params.write_text(re.sub(r"(?ms)^windows:.*?\n(?=\S)", WINDOWS + "\n", params.read_text(), count=1))
