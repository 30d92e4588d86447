"""What a training costs while it runs: the processor time and memory of this process, once a second."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import psutil

MOST = 1000
CPU, MEMORY = "process_cpu_percent", "process_memory_megabytes"
Series = dict[str, list[tuple[float, float]]]


@contextmanager
def watched(seconds: float = 1.0, clock: Callable[[], float] = perf_counter) -> Iterator[Series]:
    """Series of (seconds since the start, value), complete when the block ends: its last point is of the end.

    100 % is one core. Of more than MOST points every other one is dropped.
    """
    process, found, over = psutil.Process(), Series({CPU: [], MEMORY: []}), threading.Event()
    start = clock()
    process.cpu_percent()  # which counts from the call before

    def read() -> None:
        now = clock() - start
        found[CPU].append((now, process.cpu_percent()))
        found[MEMORY].append((now, process.memory_info().rss / 1e6))
        if len(found[CPU]) > MOST:
            for points in found.values():
                del points[::2]

    def until_over() -> None:
        while not over.wait(seconds):
            read()

    thread = threading.Thread(target=until_over, name="load over time", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        read()
