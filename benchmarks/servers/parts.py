"""Where our own time goes: `python -m benchmarks.servers.parts BODIES` says it in microseconds, as JSON.

The parts are functions of the server, each counted without the parts that it calls; `answer` is what is left
of the whole. One process, nothing else in it, the bodies in turn.
"""

import functools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from loop.serve import online
from loop.serve.answer import Answers
from loop.serve.compiled import Compiled, Trees
from loop.serve.loaded_model import Model
from loop.serve.request import Contract
from loop.serve.server import Server
from loop.settings import serve_settings

SECONDS = 2.0
PARTS: dict[str, list[tuple[type, str]]] = {
    "JSON and contract": [(Contract, "read")],
    "columns and checks of whole rows": [(Contract, "columns")],
    "features from the store": [(online.Features, "of")],
    "matrix": [(Compiled, "matrix")],
    "trees": [(Trees, "predict_proba")],
    "the model's rest": [(Model, "scores")],
    "answer": [(Answers, "write")],
    "record": [(Server, "_record")],
    "count": [(Server, "count")],
    "all else": [(Server, "answer")],
}


class Clock:
    """Microseconds of each part of one request, without the parts inside."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inside = [0.0]

    def watch(self, part: str, owner: Any, name: str) -> None:
        """Let calls of a method count as a part."""
        work: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(work)
        def watched(*args: Any, **kwargs: Any) -> Any:
            self._inside.append(0.0)
            started = time.perf_counter()
            try:
                return work(*args, **kwargs)
            finally:
                seconds = time.perf_counter() - started
                self.spent[part] += (seconds - self._inside.pop()) * 1e6
                self._inside[-1] += seconds

        setattr(owner, name, watched)


def main(bodies: list[bytes]) -> dict[str, float]:
    """The median of each part over the requests of a few seconds; and of the whole, unwatched."""
    server = Server.start(serve_settings.params(), serve_settings.place())
    whole = median(spent["whole"] for spent in _rounds(server, bodies, Clock()))
    clock = Clock()
    for part, methods in PARTS.items():
        for owner, name in methods:
            clock.watch(part, owner, name)
    found = _rounds(server, bodies, clock)
    server.stop()
    return {part: median(spent[part] for spent in found) for part in PARTS} | {"whole": whole}


def _rounds(server: Server, bodies: list[bytes], clock: Clock) -> list[dict[str, float]]:
    found, end, number = [], time.perf_counter() + SECONDS, 0
    while time.perf_counter() < end or number < 2 * len(bodies):
        clock.spent = defaultdict(float)
        started = time.perf_counter()
        server.answer(bodies[number % len(bodies)], f"{number:032x}", False, started)
        server.count(200, time.perf_counter() - started, instead=False)
        clock.spent = clock.spent or {"whole": (time.perf_counter() - started) * 1e6}
        found.append(clock.spent)
        number += 1
    return found[len(bodies) :]  # the first round warms up


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]).read_bytes().splitlines())))
