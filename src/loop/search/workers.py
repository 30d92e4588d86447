"""Processes that train what they are asked; one may crash, hang or run out of memory without harm."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from signal import Signals
from threading import Thread
from time import monotonic
from typing import Any

import numpy as np

from loop.base import files
from loop.base.errors import first_line
from loop.data import features, row_weights
from loop.pipeline import train as training
from loop.search import folds, space
from loop.search.space import Values
from loop.settings.paths import TRAIN
from loop.stats import bootstrap, paired
from problem import metrics
from problem import model as problem_model

SPAWN = get_context("spawn")  # a fork would share OpenMP's threads
STARTS = 600.0  # seconds in which a process imports its libraries, on a busy machine
Work = Callable[[Connection, Path, int], None]


@dataclass(frozen=True)
class Event:
    """What became of a trial: it begins (fold 0), a fold is judged, it is done, or it failed.

    `loss` is that of all folds so far.
    """

    trial: int
    loss: float = float("nan")
    fold: int | None = None
    failed: str = ""
    seconds: float = 0.0


class _Worker:
    def __init__(self, work: Work, folder: Path, count: int) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        self.process = SPAWN.Process(target=work, args=(theirs, folder, count), daemon=True)
        self.process.start()
        theirs.close()
        self.trial: int | None = None
        self.until = float("inf")


class Workers:
    """So many processes; `seconds` are the most that one trial may take once it begins."""

    def __init__(
        self, processes: int, folder: Path, count: int, seconds: float, work: Work | None = None
    ) -> None:
        self._made = (work or _work, folder, count)
        self._seconds = seconds
        self._all = [_Worker(*self._made) for _ in range(processes)]

    @property
    def free(self) -> bool:
        """Whether one has nothing to do."""
        return any(worker.trial is None for worker in self._all)

    @property
    def busy(self) -> bool:
        """Whether one has something to do."""
        return any(worker.trial is not None for worker in self._all)

    def give(self, trial: int, values: Values) -> None:
        """Let one that is free train and judge these values."""
        worker = next(one for one in self._all if one.trial is None)
        worker.trial, worker.until = trial, monotonic() + max(self._seconds, STARTS)
        worker.pipe.send((trial, dict(values)))

    def goes_on(self, trial: int, *, go: bool) -> None:
        """Answer the event of a fold: whether the trial takes the next one, or ends here."""
        worker = next(one for one in self._all if one.trial == trial)
        worker.pipe.send(go)
        if not go:
            worker.trial = None

    def events(self) -> Iterator[Event]:
        """What happened next, waited for; a process that is gone, or took too long, is replaced."""
        at_work = [worker for worker in self._all if worker.trial is not None]
        left = min(worker.until for worker in at_work) - monotonic()
        ready = wait([worker.pipe for worker in at_work], timeout=max(0.0, left))
        for worker in at_work:
            if worker.pipe in ready:
                event = self._heard(worker)
                if event.fold == 0:
                    worker.until = monotonic() + self._seconds
                else:
                    yield event
            elif monotonic() >= worker.until:
                yield self._replaced(worker, f"took longer than {self._seconds / 60:g} min")

    def stop(self) -> None:
        """End them all."""
        for worker in self._all:
            worker.process.kill()
        for worker in self._all:
            worker.process.join()

    def _heard(self, worker: _Worker) -> Event:
        try:
            event: Event = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            return self._replaced(worker, _ended(worker.process.exitcode))
        if event.fold is None:
            worker.trial, worker.until = None, float("inf")
        return event

    def _replaced(self, worker: _Worker, why: str) -> Event:
        assert worker.trial is not None  # noqa: S101 - it is at work
        worker.process.kill()
        worker.process.join()
        self._all[self._all.index(worker)] = _Worker(*self._made)
        return Event(worker.trial, failed=why)


def scores_of(folder: Path, trial: int) -> Path:
    """Where the scores of all judged rows are kept, fold after fold."""
    return folder / "scores" / f"{trial:05d}.npy"


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = Signals(-code).name
        return f"its process was ended by {name}" + (": out of memory?" if name == "SIGKILL" else "")
    return f"its process ended with exit code {code}"


def _work(pipe: Connection, folder: Path, count: int) -> None:
    """What a process does: trials, one after the other, until its parent ends."""
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        examples = files.read_table(TRAIN)
        parts = folds.of(examples, count)
        while True:
            trial, values = pipe.recv()
            started = monotonic()
            try:
                pipe.send(Event(trial, fold=0))
                loss = _tried(pipe, folder, trial, values, (examples, parts))
            except Exception as error:
                pipe.send(Event(trial, failed=f"{type(error).__name__}: {first_line(error, 200)}"))
            else:
                if loss is not None:
                    pipe.send(Event(trial, loss, seconds=monotonic() - started))
    except (EOFError, KeyboardInterrupt):
        return


def _tried(
    pipe: Connection, folder: Path, trial: int, values: Values, rows: tuple[Any, list[folds.Fold]]
) -> float | None:
    """The loss over all folds; None where the search wants no more of it."""
    examples, parts = rows
    settings = space.with_values(values)
    scores: list[np.ndarray] = []
    loss = float("nan")
    for number, fold in enumerate(parts, 1):
        model = training.train(examples.iloc[fold.fit].reset_index(drop=True), settings)
        judged = examples.iloc[fold.judge].reset_index(drop=True)
        scores.append(np.asarray(problem_model.score(model, features.known(judged)), np.float64))
        loss = _loss(examples, parts[:number], scores)
        if number < len(parts):
            pipe.send(Event(trial, loss, fold=number))
            if not pipe.recv():
                return None
    with files.replacing(scores_of(folder, trial)) as draft, draft.open("wb") as stream:
        np.save(stream, np.concatenate(scores))
    return loss


def _loss(examples: Any, parts: list[folds.Fold], scores: list[np.ndarray]) -> float:
    """The primary metric over the rows judged so far, turned so that less is better."""
    metric = metrics.METRICS[metrics.PRIMARY]
    judged = examples.iloc[np.concatenate([fold.judge for fold in parts])]
    label, row_weight = judged["label"].to_numpy(np.float64), row_weights.of(judged)
    alone = np.zeros(len(label), dtype=np.int64)
    of = bootstrap.statistic(metric, label, np.concatenate(scores), alone, 1, row_weight=row_weight)
    return float(paired.loss(metric.better, of(np.ones((1, 1))))[0])


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
