"""Python functions as tasks of Spark, which see this clone at the same path and read and write its files.

A task that is lost is run again, perhaps while the first one still runs: it must write whole files or none.
"""

import os
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from loop.base.errors import LoopError, mistake
from loop.engine import session, spill

Failure = tuple[str, str, str] | str  # what a LoopError says; of a fault of ours the traceback


def run(master: str, task: Callable[[int], Any], count: int) -> list[Any]:
    """What a task gives for each number below `count`, in order; each runs in the folder of this clone.

    Raises LoopError as `session.started` does, and the first that a task raised; others then end soon.
    """
    session.require()
    spill.remove_strays()
    with spill.folder("tasks") as folder, session.started(master) as running, session.told(master):
        numbers = running.sparkContext.parallelize(range(count), count)
        found = numbers.map(partial(_told, task, Path.cwd(), folder / "stop")).collect()
    for failure in filter(None, (one for one, _ in found)):
        raise RuntimeError(failure) if isinstance(failure, str) else LoopError(*failure)
    return [one for _, one in found]


def _told(task: Callable[[int], Any], home: Path, stop: Path, number: int) -> tuple[Failure | None, Any]:
    """On an executor: why the task failed, or else what it gives. Never raises: Spark would try again."""
    if stop.exists():
        return None, None
    os.chdir(home)
    try:
        return None, task(number)
    except Exception as error:
        stop.touch()
        found = mistake(error)
        return (found.found, found.expected, found.todo) if found else traceback.format_exc(), None
