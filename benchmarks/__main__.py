"""`python -m benchmarks [NAME...] [--runs N] [--date DAY]`: measures, prints, writes results.md."""

import argparse
import os
import platform
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from benchmarks.timing import Row

NAMES = [
    "pipeline",
    "features",
    "spark",
    "intervals",
    "review",
    "workflows",
    "jobs",
    "serving",
    "attacks",
    "batch",
    "rollout",
    "updates",
    "proxy",
    "drift",
    "adopted",
    "search",
    "status",
    "forget",
    "scale",
]
PACKAGES = ["dvc", "mlflow", "scikit-learn", "pandas", "numpy", "duckdb", "ibis-framework", "pandera"]
RESULTS = Path(__file__).with_name("results.md")
HEAD = ["what", "median", "least to most", "goal", "note"]


def main() -> None:
    """Run the benchmarks named, all by default; only a run of all is written down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--date", default="", help="what the results say of when they were measured")
    asked = parser.parse_args()
    names = asked.names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    sections = []
    for name in names:
        module = import_module(f"benchmarks.{name}")
        section = f"## {name}\n\n{module.__doc__.strip()}\n\n{_table(module.measure(asked.runs))}"
        print(section, flush=True)
        sections.append(section)
    if not asked.names:
        RESULTS.write_text("\n\n".join([_machine(asked.runs, asked.date), *sections]) + "\n")


def _table(rows: list[Row]) -> str:
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    head, *body = [
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    ]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in (head, rule, *body))


def _machine(runs: int, date: str) -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    processor = names[0].split(":")[1].strip() if names else platform.processor()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    when = f", {date}" if date else ""
    return (
        "# Figures\n\nMade by `make bench`. "
        f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}{when}. "
        f"Wall time, median of {runs} runs. {packages}."
    )


if __name__ == "__main__":
    main()
