"""`python -m benchmarks.monitor [PART...]`: judges the monitor, writes monitor.json, draws docs/figures.

Parts: alarms, power, months, peers; all by default. `draw` alone draws what monitor.json holds. Each part
replaces its own key. The champion of this checkout is scored once and kept in monitor/.
"""

import argparse
import json
import os
import platform
from importlib import import_module
from pathlib import Path
from time import perf_counter

from loop.base import files

PARTS = ["alarms", "power", "months", "peers"]
RESULTS = Path(__file__).parent.parent / "monitor.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitor", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}, draw")
    asked = parser.parse_args().parts or PARTS
    if unknown := set(asked) - {*PARTS, "draw"}:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)} and draw")
    for part in PARTS:
        if part in asked:
            from benchmarks.monitor.world import world

            began = perf_counter()
            result = import_module(f"benchmarks.monitor.{part}").measure(world())
            found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            found[part] = result | {"seconds": round(perf_counter() - began)}
            found["machine"] = f"{os.cpu_count()} cores, Python {platform.python_version()}"
            files.write_json(RESULTS, found)
            print(part, json.dumps(found[part], indent=1), flush=True)
    import_module("benchmarks.monitor.draw").draw(json.loads(RESULTS.read_text()))


if __name__ == "__main__":
    main()
