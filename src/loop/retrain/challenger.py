"""A challenger on newer rows: made in a worktree of main by main's own code, as one commit, and judged there.

The working tree is never touched. DVC's cache is shared with it, so that whoever merges finds the results.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import BaseModel

from loop.base import program
from loop.base.errors import LoopError, first_line
from loop.base.warning import warn
from loop.monitor.inputs.past_retrains import TRAILER
from loop.monitor.schema import FOLDER
from loop.repo import default_branch, remote, rerun
from loop.repo.commit import Commit
from loop.repo.git import git
from loop.repo.worktree import Checkout, checkout
from loop.settings import retrain_windows as windows
from loop.settings.params import Windows
from loop.settings.paths import PARAMS, REVIEW
from loop.settings.plain_words import read_json

REPORTS = FOLDER / REVIEW  # a copy of what the review wrote
PASSING = ("better", "equivalent")


class Said(BaseModel):
    """What of a look at the holdout is kept, as `loop.review.verdict.Look` says it."""

    champion: str = ""
    shift: tuple[float, ...] = ()
    rows: tuple[str, ...] = ()


class Verdict(BaseModel):
    """What of review/verdict.json a retrain goes by."""

    schema_version: Literal[2]
    verdict: str
    sentence: str
    look: Said | None = None


@dataclass(frozen=True)
class Challenger:
    """One commit on top of main, its windows, and the review's verdict with its report in markdown."""

    commit: str
    windows: Windows
    verdict: Verdict
    report: str

    @property
    def passes(self) -> bool:
        """Whether it may become the champion."""
        return self.verdict.verdict in PASSING


def make(main: str, moved: Windows, now: pd.Timestamp) -> Challenger:
    """Move the windows of the ref `main`, run the pipeline, commit, and review it against `main`.

    The commit belongs to no branch yet. Raises LoopError when the pipeline fails, or nothing was judged.
    """
    with checkout(git("rev-parse", main), Path.cwd()) as home:
        _share_cache(home)
        path = home.path / PARAMS
        path.write_bytes(windows.edit(path.read_bytes().decode(), moved).encode())
        _run(home)
        commit = _commit(home, moved, now)
        verdict = _review(home, against(main))
        report = (home.path / REVIEW / "report.md").read_text(encoding="utf-8")
        _leave_run(home, commit, verdict.verdict)
        shutil.rmtree(REPORTS, ignore_errors=True)
        shutil.copytree(home.path / REVIEW, REPORTS)
    return Challenger(commit, moved, verdict, report)


def keep_run(made: Challenger, **tags: str | None) -> None:
    """Log the run of a retrain to MLflow, from the files beside its review; nothing where none are."""
    from loop.model import kept_run, run_file

    if (REPORTS / run_file.NAME).is_file():
        known = {"verdict": made.verdict.verdict, "review_of": made.commit}
        kept_run.keep(run_file.read(REPORTS), {**known, **tags})


def _leave_run(home: Checkout, commit: str, verdict: str) -> None:
    """The run of the training beside its review: it goes to a file of the worktree, which does not last."""
    from loop.model import run_file, tracking

    model = Commit(commit).model()
    if model is None or not (home.path / tracking.FILE).is_file():
        return
    try:
        run_file.leave(home.path / REVIEW, model, verdict, home.path)
    except tracking.troubles() as error:
        warn(f"the run of this training is not kept: {first_line(error, 200)}")


def subject(moved: Windows) -> str:
    """Of the commit, and of its pull request."""
    return f"Retrain on rows until {moved.train.until:%Y-%m-%d}"


def against(main: str) -> str:
    """The shortest name by which a review finds the ref `main`: its report repeats it."""
    name = default_branch.short(main)
    if main == f"refs/heads/{name}":
        return name
    local = git("for-each-ref", "--format=%(objectname)", f"refs/heads/{name}")
    return name if local in ("", git("rev-parse", main)) else f"origin/{name}"


def _share_cache(home: Checkout) -> None:
    """Let DVC there use the cache and the private settings of this clone."""
    private = Path(".dvc/config.local")
    if private.is_file():
        shutil.copy(private, home.path / private)
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    output = program.run(
        command,
        seconds=60,
        name="`dvc cache dir`",
        expected="a repository of DVC",
        todo="run from a clone's root",
    )
    place = str(Path(output.strip()).absolute())
    home.run(str(home.python), "-m", "dvc", "config", "--local", "cache.dir", place)


def _run(home: Checkout) -> None:
    try:
        home.ask("rerun")
    except LoopError as error:
        raise LoopError(
            f"the pipeline does not run on the new windows: {error.found.partition(' failed: ')[2]}",
            "rows that keep their contract, and a main that runs",
            "`loop monitor` says whether the feed is broken; `loop run` on main whether main is",
        ) from None


def _commit(home: Checkout, moved: Windows, now: pd.Timestamp) -> str:
    """The one commit: the windows, and what the pipeline made of them."""
    first, last = moved.holdout.since, moved.holdout.until
    judged = f"Judged on {first:%Y-%m-%d} to {last:%Y-%m-%d}, the newest days whose labels are final."
    message = remote.message(subject(moved), judged, **{TRAILER: f"{now:%Y-%m-%dT%H:%MZ}"})
    who = remote.commits_as(*remote.committer())
    git("add", "--", str(PARAMS), *rerun.made(home.path), cwd=home.path)
    git(*who, "commit", "--quiet", "-m", message, cwd=home.path)
    return git("rev-parse", "HEAD", cwd=home.path)


def _review(home: Checkout, base: str) -> Verdict:
    """The verdict of the commit's own `loop review`, whose exit code is not zero where it refuses."""
    failed: LoopError | None = None
    try:
        home.ask("loop", "review", "--against", base)
    except LoopError as error:
        failed = error
    path = home.path / REVIEW / "verdict.json"
    if not path.is_file():
        raise failed or LoopError(f"the review wrote no {path.name}", "a verdict", "`loop review` shows why")
    other = LoopError(
        f"main's own review wrote a {path.name} of another version of loop",
        "main with the version of this checkout",
        "bring this version to main by a pull request, then `loop retrain` again",
    )
    no_verdict = LoopError(f"{path.name} is no verdict", "what `loop review` writes", "run it again")
    return read_json(Verdict, path.read_bytes(), lambda _: no_verdict, other)
