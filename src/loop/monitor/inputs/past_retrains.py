"""The retrains of earlier days: for the cool-down, and for what a report shows beside its curves.

git knows branches `retrain/DAY…` and what was merged; in a workflow GitHub adds what became of pull requests,
and which retrains were refused. A day is that of the run which asked for it.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from loop.base.errors import LoopError
from loop.github import issue
from loop.github.client import BOT, GitHub
from loop.github.commit_status import NAME as GATE
from loop.repo import remote
from loop.repo.git import git
from loop.settings import params
from loop.settings.paths import PARAMS

PREFIX = "retrain/"
LABEL = "retrain"
TRAILER = "Retrain"
REFUSED = "-refused"  # ends the name of a branch that is kept here to remember
_BRANCH = re.compile(rf"{PREFIX}(\d{{4}}-\d\d-\d\d)(?:-(?:\d+-\d+|refused))?")
_BY_A_RUN = re.compile(rf"{PREFIX}\d{{4}}-\d\d-\d\d-\d+-\d+")
_NOT_BETTER = re.compile(r"The retrain of (\d{4}-\d\d-\d\d) is not better\b")
_TRAILER = re.compile(rf"^{TRAILER}: (\d{{4}}-\d\d-\d\d)", re.MULTILINE)

Outcome = Literal["merged", "open", "closed", "refused"]
_ORDER: tuple[Outcome, ...] = ("refused", "closed", "open", "merged")  # of one day, the last counts


@dataclass(frozen=True)
class Attempt:
    """A retrain: its day (ISO, in UTC), what became of it, and where to look."""

    day: str
    outcome: Outcome
    where: str


def attempts(now: pd.Timestamp) -> list[Attempt]:
    """The retrains until `now`, one per day, oldest first.

    A pull request counts once its `gate` is set, and a branch that a run left without one never: such a
    run was cut short, and the next one makes up for it. Raises LoopError when GitHub does not answer.
    """
    remote.fetch_main()
    github = issue.here()
    return _by_day([*_merged(), *(_on_github(github) if github else _branches())], now)


def in_git(now: pd.Timestamp) -> list[Attempt]:
    """The same by what git alone says, as this clone knows it."""
    return _by_day([*_merged(), *_branches()], now)


def _by_day(found: list[Attempt], now: pd.Timestamp) -> list[Attempt]:
    best: dict[str, Attempt] = {}
    for one in found:
        if one.day <= f"{now:%Y-%m-%d}" and (one.day not in best or _rank(one) > _rank(best[one.day])):
            best[one.day] = one
    return [best[day] for day in sorted(best)]


def _rank(attempt: Attempt) -> int:
    return _ORDER.index(attempt.outcome)


def day_of(branch: str) -> str | None:
    """The day that a branch of a retrain is named by; None for any other branch."""
    named = _BRANCH.fullmatch(branch)
    return named[1] if named else None


def room() -> None:
    """Raise LoopError where a branch has the name that git needs as the folder of those of retrains."""
    for ref in ("refs/heads/", "refs/remotes/origin/"):
        if git("for-each-ref", "--format=%(refname)", f"{ref}{LABEL}") == f"{ref}{LABEL}":
            raise LoopError(
                f"a branch is called {LABEL}, {'here' if 'heads' in ref else 'at origin'}",
                f"room for branches {PREFIX}DAY",
                f"rename it: `git branch --move {LABEL} another-name`",
            )


def of_a_run(branch: str) -> bool:
    """Whether a branch is one that a run of a workflow made for its retrain."""
    return bool(_BY_A_RUN.fullmatch(branch))


def refused_title(day: str) -> str:
    """Of the issue about a retrain that was not proposed."""
    return f"The retrain of {day} is not better: no pull request was opened"


def has_gate(github: GitHub, sha: str) -> bool:
    """Whether `gate` is set on a commit, to whatever: then its retrain was proposed to the end."""
    statuses = github.get(f"commits/{sha}/status", per_page=100)["statuses"]
    return any(one["context"] == GATE for one in statuses)


def pulls(github: GitHub, state: str) -> list[tuple[str, dict[str, Any]]]:
    """Day and pull request of each retrain from this repository's own branches, newest first."""
    found = [
        (day_of(one["head"]["ref"]), one)
        for one in github.pages("pulls", state=state)
        if (one["head"].get("repo") or {}).get("full_name") == github.repository
    ]
    return [(day, one) for day, one in found if day]


def _on_github(github: GitHub) -> list[Attempt]:
    """Pull requests of any state, and issues about refused ones."""
    found = []
    for day, one in pulls(github, "all"):
        outcome: Outcome = "merged" if one["merged_at"] else "open" if one["state"] == "open" else "closed"
        if outcome == "merged" or has_gate(github, one["head"]["sha"]):
            found.append(Attempt(day, outcome, str(one["html_url"])))
    for one in github.pages("issues", state="all", labels=LABEL):
        if "pull_request" in one or one["user"]["login"] != BOT:  # a stranger's own silences nothing
            continue
        if named := _NOT_BETTER.match(one["title"]):
            found.append(Attempt(named[1], "refused", str(one["html_url"])))
    return found


def _branches() -> list[Attempt]:
    """What branches say where nobody else can be asked: open until merged, or refused."""
    spaces = ("refs/heads/", "refs/remotes/origin/")
    refs = git("for-each-ref", "--format=%(refname)", *(f"{space}{PREFIX}" for space in spaces)).split()
    found = []
    for ref in refs:
        name = ref.removeprefix(spaces[0]).removeprefix(spaces[1])
        if day := day_of(name):
            found.append(Attempt(day, "refused" if name.endswith(REFUSED) else "open", name))
    return found


def _merged() -> list[Attempt]:
    """Commits of main that carry the trailer, or that moved windows.as_of on: a squash may drop trailers."""
    main = remote.main_ref()
    if main is None:
        return []
    line = ("log", "--first-parent", "--diff-merges=first-parent", main)
    found = []
    for entry in git(*line, "--format=%H%n%B%x00", f"--grep=^{TRAILER}: ").split("\0"):
        commit, _, message = entry.strip().partition("\n")
        if day := _TRAILER.search(message):
            found.append(Attempt(day[1], "merged", commit))
    moved = git(*line, "--format=%x00%H", "-p", "--unified=0", "-G", r"^\s+as_of:", "--", str(PARAMS))
    for entry in moved.split("\0")[1:]:
        before, after = (_as_of(entry, sign) for sign in "-+")
        if before is not None and after is not None and before < after:
            found.append(Attempt(f"{after:%Y-%m-%d}", "merged", entry.partition("\n")[0]))
    return found


def _as_of(patch: str, sign: str) -> pd.Timestamp | None:
    """The windows.as_of that a patch of params.yaml takes away or puts there; None where it has none."""
    found = re.search(rf"""^\{sign}\s+as_of:\s*["']?([^"'\s#]+)""", patch, re.MULTILINE)
    try:
        return params.instant(found[1]) if found else None
    except ValueError:
        return None
