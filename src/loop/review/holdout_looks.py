"""How often a holdout was looked at: the branch `looks`, one commit for each model that it judged.

Git keeps a history that nobody can shorten without rewriting it, which the rules of the branch forbid. Only
workflows with main's code write it; what a clone reviewed by itself stays there, in a ref that is not pushed.

Anybody may open pull requests from forks. So their models are counted by themselves, from the second look on:
a stranger spends what forks have, and not the repository's. Both together stay within one budget, since all
looks after the first take half of what the first takes, once for each of the two.
"""

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from loop.repo import remote
from loop.repo.commit_log import CommitLog
from loop.settings.params import ISO, Window, instant

LOG = CommitLog("looks")
OWN = f"refs/loop/{LOG.branch}"  # of this clone
SAME = 0.5  # share of the shorter holdout's time that both cover: then they are one


@dataclass(frozen=True)
class Look:
    """A model (md5) judged on the rows that were decided in a window; the pull request, where it had one.

    scores: what it predicted for them (md5 of the file), since the code around a model moves its scores too.

    shift: by how much its mean score, with classes each, is above that of the model it was compared with,
    `champion` (md5), on these rows; nothing of a look of before this was kept.
    fork: the pull request is of one.
    """

    model: str
    window: Window
    pull: int | None = None
    champion: str = ""
    shift: tuple[float, ...] = ()
    fork: bool = False
    scores: str = ""

    @property
    def judged(self) -> tuple[str, str]:
        """What was looked at: the same again is no new look."""
        return self.model, self.scores


def number(look: Look) -> int:
    """Which look at these rows this is, from 1, by what this clone knows; of a model again, that of then."""
    return _place([*_origin(), *_known(LOG.entries(OWN))], look)


def keep(look: Look) -> None:
    """Remember a look in this clone, unless it is known."""
    if not _holds([*_origin(), *_known(LOG.entries(OWN))], look):
        LOG.keep(OWN, _message(look))


def publish(look: Look) -> int:
    """Add a look to the branch at origin, unless it is there; which look it is.

    Raises LoopError where origin takes none: a look that is not counted must not pass.
    """

    def there() -> bool:
        return _holds(_origin(), look)

    LOG.append(_message(look), there, "the look at the holdout could not be counted")
    return _place(_origin(), look)


def announced() -> list[Look]:
    """The looks that said by how much scores move, oldest first: origin's, or this clone's if it has none."""
    if remote.remote():
        LOG.fetch()
    return [one for one in _origin() or _known(LOG.entries(OWN)) if one.shift]


def _place(known: list[Look], look: Look) -> int:
    """Its place among what was judged on these rows: the first time of each model and its scores counts.

    Forks have a second row of places. A model that came from one first keeps its place there: whoever chose
    it among those of forks has looked at them.
    """
    same = [one for one in known if _same_rows(one.window, look.window)]
    own, forks = (list(dict.fromkeys(one.judged for one in same if one.fork is of)) for of in (False, True))
    counts_there = look.judged in forks or (look.fork and look.judged not in own)
    return max(_in(own, look), 1 + _in(forks, look) if counts_there else 0)


def _in(places: list[tuple[str, str]], look: Look) -> int:
    return 1 + (places.index(look.judged) if look.judged in places else len(places))


def _holds(known: list[Look], look: Look) -> bool:
    """Whether a look is counted; a fork's model of the repository's own is, and not the other way round."""
    found = [one for one in known if one.judged == look.judged and _same_rows(one.window, look.window)]
    return any(look.fork or not one.fork for one in found)


def _same_rows(other: Window, own: Window) -> bool:
    """Whether two windows share half of the shorter one's time or more.

    Not of its own: whoever ends a window in time that has no rows would begin anew each time.
    """
    covered = min(other.until, own.until) - max(other.since, own.since)
    return bool(covered >= min(one.until - one.since for one in (own, other)) * SAME)


def _origin() -> list[Look]:
    """The looks of the branch at origin, by what this clone knows: also those that it lost since."""
    return _known(LOG.known())


def _known(entries: Iterable[dict[str, str]]) -> list[Look]:
    """The looks among entries, in their order."""
    found = []
    for entry in entries:
        with suppress(KeyError, ValueError):  # no look: somebody's own commit
            span = {"from": instant(entry["Since"]), "until": instant(entry["Until"])}
            shift = tuple(map(float, entry.get("Shift", "").split()))
            shift = shift if all(map(math.isfinite, shift)) else ()  # by hand: beyond NaN lies nothing
            champion = entry.get("Champion", "")
            fork = entry.get("Fork") == "yes"
            model, scores = entry["Model"], entry.get("Scores", "")
            found.append(Look(model, Window.model_validate(span), None, champion, shift, fork, scores))
    return found


def _message(look: Look) -> str:
    span: dict[str, Any] = {"Since": f"{look.window.since:{ISO}}", "Until": f"{look.window.until:{ISO}}"}
    days = " until ".join(f"{at:%Y-%m-%d}" for at in (look.window.since, look.window.until))
    more: dict[str, Any] = {
        "Scores": look.scores or None,
        "Fork": "yes" if look.fork else None,
        "Champion": look.champion or None,
        "Shift": " ".join(f"{one:+.6f}" for one in look.shift) or None,
    }
    return remote.message(
        f"Look at {days}", Model=look.model, **span, Pull=look.pull and f"#{look.pull}", **more
    )
