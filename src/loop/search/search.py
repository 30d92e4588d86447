"""`loop search`: better params, looked for within the training window, and brought as a branch."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

import pandas as pd

from loop.base import files
from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.repo import dvc_lock
from loop.search import folds as folding
from loop.search import params_branch, ranking, search_page, space, study
from loop.search.folds import Fold
from loop.search.ranking import Ranking
from loop.search.runs import Runs
from loop.search.study import Study, Trial
from loop.search.workers import Event, Workers
from loop.settings import params, search_settings
from loop.settings.params import Resampling
from loop.settings.paths import TRAIN
from loop.settings.search_settings import Settings

PROCESSES_MAX = 4
Report = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What a search found: every trial, the complete ones ranked, the branch of the best; what ended it."""

    name: str
    settings: Settings
    trials: list[Trial]
    ranking: Ranking
    importance: dict[str, float]
    confidence: float
    branch: str | None
    stopped: str

    @property
    def told(self) -> bool:
        """Whether the best is told from the params as they are."""
        return self.ranking.told(self.confidence)


def main(trials: int | None, minutes: float | None, processes: int | None) -> int:
    """Search, print the best, write search/report.html, and leave a branch with the best params."""
    settings = search_settings.read()
    asked = {"trials": trials, "minutes": minutes}
    settings = settings.model_copy(update={key: value for key, value in asked.items() if value is not None})
    space.check(settings.space)
    examples = _examples()
    folds = folding.of(examples, settings.folds)
    count = processes or min(PROCESSES_MAX, os.cpu_count() or 1)
    with study.opened(settings) as at_work:
        found = _searched(at_work, settings, (examples, folds), count)
    page = search_page.html(found)
    files.write_text(study.FOLDER / "report.html", page)
    print(search_page.terminal(found))
    return 0


def _searched(
    at_work: Study, settings: Settings, rows: tuple[pd.DataFrame, list[Fold]], processes: int
) -> Outcome:
    resampling = params.section("evaluate", Resampling)
    before = at_work.take_up()
    runs = Runs(at_work.name, settings)
    report = _reporter(before)
    for trial in at_work.trials():
        runs.log(trial)
    stopped = _run(at_work, settings, processes, runs, report)
    ranked = ranking.of(at_work.trials(), at_work.folder, rows, resampling)
    if ranked is None:
        last = next((one.why for one in reversed(at_work.trials()) if one.usual), "")
        raise LoopError(
            f"the params as they are could not be judged: {last or 'their trial did not end'}",
            "a model of params.yaml that trains on a part of its window",
            "mend what it says; `loop search` then tries them again",
        )
    found = Outcome(
        name=at_work.name,
        settings=settings,
        trials=at_work.trials(),
        ranking=ranked,
        importance=at_work.importance(),
        confidence=resampling.confidence,
        branch=None,
        stopped=stopped,
    )
    if best := ranked.best:
        named = f"{at_work.name}-{best.trial.number}"
        branch = params_branch.make(named, best.trial.values, search_page.sentence(found))
        found = replace(found, branch=branch)
    runs.end(best.gain.gain if best else None, search_page.html(found))
    return found


def _run(at_work: Study, settings: Settings, processes: int, runs: Runs, report: Report) -> str:
    """Try until the budget is spent; what ended it, empty if it was the number of trials."""
    started = monotonic()
    known = at_work.trials()
    left = max(settings.trials - len(known), at_work.waiting())
    if left <= 0:
        return ""
    late = False
    workers = Workers(min(processes, left), at_work.folder, settings.folds, settings.trial_minutes * 60)
    try:
        while left or workers.busy:
            late = monotonic() - started > settings.minutes * 60
            while left and workers.free and not late:
                workers.give(*at_work.ask())
                left -= 1
            if not workers.busy:
                break
            for event in workers.events():
                if _heard(at_work, workers, event):
                    ended = at_work.trials()
                    runs.log(next(one for one in ended if one.number == event.trial))
                    report(_line(ended, settings, monotonic() - started, len(ended) - len(known)))
    finally:
        workers.stop()
    return f"{settings.minutes:g} min were over before {counted(left, 'trial')} could begin" if left else ""


def _heard(at_work: Study, workers: Workers, event: Event) -> bool:
    """Pass on what a trial told; whether that was its end."""
    if event.failed:
        at_work.tell(event.trial, None, why=event.failed)
    elif event.fold is None:
        at_work.tell(event.trial, event.loss, seconds=event.seconds)
    else:
        hopeless = at_work.hopeless(event.trial, event.fold, event.loss)
        workers.goes_on(event.trial, go=not hopeless)
        if not hopeless:
            return False
        at_work.tell(event.trial, None)
    return True


def _line(ended: list[Trial], settings: Settings, seconds: float, made: int) -> str:
    best = search_page.best_so_far(ended)
    left = min(seconds / made * (settings.trials - len(ended)), max(0.0, settings.minutes * 60 - seconds))
    when = f"{left:.0f} s" if left < 100 else f"{left / 60:.0f} min"
    width = 20 * len(ended) // settings.trials
    bar = f"[{'#' * width}{'.' * (20 - width)}] {len(ended)} of {settings.trials}{best}"
    return bar + (f", about {when} left" if left >= 1 else "")


def _reporter(before: int) -> Report:
    """One line that moves on a terminal; elsewhere a line for each."""
    if before:
        print(f"search: {counted(before, 'trial')} of an earlier try taken up")
    if not sys.stdout.isatty():
        return lambda line: print(line, flush=True)
    return lambda line: print(f"\r\033[K{line}", end="", flush=True)


def _examples() -> pd.DataFrame:
    """The training rows, those that dvc.lock names. Raises LoopError where they are missing or others."""
    if not TRAIN.is_file():
        raise LoopError(f"{TRAIN} is missing", "the training rows", "`loop run` makes them")
    dvc_lock.hold_inputs([str(TRAIN)])
    return files.read_table(TRAIN)
