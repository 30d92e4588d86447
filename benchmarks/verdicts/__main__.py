"""`python -m benchmarks.verdicts [PART...]`: simulates, writes verdicts.json, draws docs/figures.

Parts: coverage, aa, power, months; all by default. `draw` alone draws what verdicts.json holds.
Each part replaces its own key. All take about 25 minutes on two cores.
"""

import argparse
import json
import os
import platform
from importlib import import_module
from pathlib import Path

from loop.base import files

PARTS = ["coverage", "aa", "power", "months"]
RESULTS = Path(__file__).parent.parent / "verdicts.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}, draw")
    asked = parser.parse_args().parts or PARTS
    if unknown := set(asked) - {*PARTS, "draw"}:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)} and draw")
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for part in PARTS:
        if part in asked:
            found[part] = import_module(f"benchmarks.verdicts.{part}").measure()
            found["machine"] = f"{os.cpu_count()} cores, Python {platform.python_version()}"
            files.write_json(RESULTS, found)
            print(part, json.dumps(found[part], indent=1), flush=True)
    import_module("benchmarks.verdicts.draw").draw(found)


if __name__ == "__main__":
    main()
