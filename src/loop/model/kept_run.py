"""The run of a review, logged to MLflow by whoever may write there; what fails is a warning."""

from collections.abc import Mapping

from loop.base.deadline import within
from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.base.warning import warn
from loop.model import run_file, tracking

SECONDS = 120
_SLOW = ("MLflow takes too long", f"a server that takes a run within {SECONDS} s", "look at it")


def keep(content: Mapping[str, bytes], tags: Mapping[str, str | None]) -> None:
    """Log a run that was left as files, with tags of one's own; those that are None are not known."""
    try:
        with within(SECONDS, LoopError(*_SLOW)):
            run, _ = run_file.take_in(content, {key: value for key, value in tags.items() if value})
    except tracking.troubles() as error:
        warn(f"MLflow has no run of this review: {plain(tracking.reason(error))}")
    else:
        print(f"MLflow: run {run}", flush=True)
