"""How often a holdout was looked at: the branch `looks`, one commit for each model that it judged.

Git keeps a history that nobody can shorten without rewriting it, which the rules of the branch forbid. Only
workflows with main's code write it; what a clone reviewed by itself stays there, in a ref that is not pushed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loop.base.errors import LoopError
from loop.production.branch import FASTER, NO_BRANCH
from loop.repo import remote
from loop.repo.git import ask, commit_of, git
from loop.settings.params import ISO, Window, instant

BRANCH = "looks"
REMOTE = f"refs/remotes/origin/{BRANCH}"
OWN = f"refs/loop/{BRANCH}"  # of this clone
SAME = 0.5  # share of a holdout's time that another one covers: then both are one
TRIES = 5
EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git's tree without a file


@dataclass(frozen=True)
class Look:
    """A model (md5) judged on the rows that were decided in a window; the pull request, where it had one."""

    model: str
    window: Window
    pull: int | None = None


def number(look: Look) -> int:
    """Which look at these rows this is, from 1, by what this clone knows; of a model again, that of then."""
    return _place([*_known(REMOTE), *_known(OWN)], look)


def keep(look: Look) -> None:
    """Remember a look in this clone, unless it is known."""
    if not _holds([*_known(REMOTE), *_known(OWN)], look):
        git("update-ref", OWN, _commit(look, commit_of(OWN)))


def publish(look: Look) -> int:
    """Add a look to the branch at origin, unless it is there; which look it is.

    Raises LoopError where origin takes none: a look that is not counted must not pass.
    """
    output = ""
    for _ in range(TRIES):
        _fetch()
        known = _known(REMOTE)
        if _holds(known, look):
            return _place(known, look)
        commit = _commit(look, commit_of(REMOTE))
        done = remote.to_remote("push", "--quiet", "--porcelain", "origin", f"{commit}:refs/heads/{BRANCH}")
        output = f"{done.out}\n{done.errors}"
        if done.code == 0:
            git("update-ref", REMOTE, commit)
            return _place(known, look)
        if not any(sign in output for sign in FASTER):
            break
    raise LoopError(
        f"the look at the holdout could not be counted: {output.strip()[:200]}",
        f"the right to push to the branch {BRANCH}",
        "look at the rules of the branch, then run it again",
    )


def _fetch() -> None:
    done = remote.to_remote("fetch", "--quiet", "--no-tags", "origin", f"+refs/heads/{BRANCH}:{REMOTE}")
    if done.code and NO_BRANCH not in done.errors:
        found = f"the branch {BRANCH} cannot be fetched: {done.gist()}"
        raise LoopError(found, "an origin that answers", "run it again")


def _place(known: list[Look], look: Look) -> int:
    """Its place among the models that were judged on these rows: the first time of each counts."""
    models = list(dict.fromkeys(one.model for one in known if _same_rows(one.window, look.window)))
    return 1 + (models.index(look.model) if look.model in models else len(models))


def _holds(known: list[Look], look: Look) -> bool:
    return any(one.model == look.model and _same_rows(one.window, look.window) for one in known)


def _same_rows(other: Window, own: Window) -> bool:
    """Whether another window covers half of one's own time or more."""
    covered = min(other.until, own.until) - max(other.since, own.since)
    return bool(covered >= (own.until - own.since) * SAME)


def _known(ref: str) -> list[Look]:
    """The looks of a ref, the oldest first; none where it is not there."""
    done = ask("log", "--reverse", "--format=%B%x00", "--end-of-options", ref, "--")
    return [] if done.code else [*_read(done.out)]


def _read(log: str) -> Iterator[Look]:
    for text in log.split("\0"):
        _, found = remote.trailers(text.partition("\n\n")[2])
        try:
            span = {"from": instant(found["Since"]), "until": instant(found["Until"])}
            yield Look(found["Model"], Window.model_validate(span))
        except (KeyError, ValueError):  # no look: somebody's own commit
            continue


def _commit(look: Look, parent: str | None) -> str:
    span: dict[str, Any] = {"Since": f"{look.window.since:{ISO}}", "Until": f"{look.window.until:{ISO}}"}
    days = " until ".join(f"{at:%Y-%m-%d}" for at in (look.window.since, look.window.until))
    pull = f"#{look.pull}" if look.pull else None
    message = remote.message(f"Look at {days}", Model=look.model, **span, Pull=pull)
    parents = ["-p", parent] if parent else []
    git("hash-object", "-t", "tree", "-w", "--stdin", text="")
    return git("commit-tree", EMPTY, *parents, text=message + "\n", env=remote.identity())
