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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from loop.repo import remote
from loop.repo.commit_log import CommitLog
from loop.settings.params import ISO, Window, instant

LOG = CommitLog("looks")
OWN = f"refs/loop/{LOG.branch}"  # of this clone
SAME = 0.5  # share of the shorter holdout's time that both cover, or of the rows that others saw
PARTS = 20  # a look remembers when its rows were decided, in so many parts of as many rows
MINUTE = pd.Timedelta(minutes=1)  # as finely as times are kept


@dataclass(frozen=True)
class Look:
    """A model (md5) judged on the rows that were decided in a window; the pull request, where it had one.

    scores: what it predicted for them (md5 of the file), since the code around a model moves its scores too.

    shift: by how much its mean score, with classes each, is above that of the model it was compared with,
    `champion` (md5), on these rows; nothing of a look of before this was kept.
    usual: the champion's own holdout; whoever cuts it into parts has no more looks for that.
    fork: the pull request is of one. rows: when they were decided, by `decided`; nothing of an older look.
    """

    model: str
    window: Window
    pull: int | None = None
    champion: str = ""
    shift: tuple[float, ...] = ()
    fork: bool = False
    scores: str = ""
    rows: tuple[pd.Timestamp, ...] = ()
    usual: Window | None = None

    @property
    def span(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """From when until when its window holds rows; all of the window where nothing says so."""
        since, until = self.window.since, self.window.until
        inside = [at for at in self.rows if since <= at < until]
        return (min(inside), max(inside) + MINUTE) if inside else (since, until)

    def told(self, champion: str, shift: Iterable[float], rows: Iterable[str]) -> "Look":
        """The look with what its verdict alone can say. Raises ValueError for times that there are not."""
        return replace(self, champion=champion, shift=tuple(shift), rows=tuple(map(instant, rows)))

    @property
    def judged(self) -> tuple[str, str]:
        """What was looked at: the same again is no new look."""
        return self.model, self.scores


def decided(times: pd.Series) -> tuple[pd.Timestamp, ...]:
    """When rows were decided: the first, each twentieth of them, the last, to the minute."""
    found = times.dt.floor("min").sort_values()
    places = np.linspace(0, len(found) - 1, PARTS + 1).astype(int)
    return tuple(found.iloc[places])


def number(look: Look) -> int:
    """Which look at these rows this is, from 1, by what this clone knows; of a model again, that of then."""
    return _place([*_origin(), *_known(LOG.entries(OWN))], look)


def keep(look: Look) -> None:
    """Remember a look in this clone, unless as much is known of it."""
    known = [*_origin(), *_known(LOG.entries(OWN))]
    if not _holds([one for one in known if one.shift or not look.shift], look):
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
    same = _of_same_rows(known, look)
    own, forks = (list(dict.fromkeys(one.judged for one in same if one.fork is of)) for of in (False, True))
    counts_there = look.judged in forks or (look.fork and look.judged not in own)
    return max(_in(own, look), 1 + _in(forks, look) if counts_there else 0)


def _in(places: list[tuple[str, str]], look: Look) -> int:
    return 1 + (places.index(look.judged) if look.judged in places else len(places))


def _holds(known: list[Look], look: Look) -> bool:
    """Whether a look is counted; a fork's model of the repository's own is, and not the other way round."""
    found = [one for one in _of_same_rows(known, look) if one.judged == look.judged]
    return any(look.fork or not one.fork for one in found)


def _of_same_rows(known: list[Look], look: Look) -> list[Look]:
    """The looks that share half of the shorter one's time with a look, or any row where half of its are old.

    Time counts from the first row to the last: whoever begins or ends a window in time that has no rows
    looks at the same ones.
    """
    seen = [{at for at in look.rows if one.span[0] <= at < one.span[1]} for one in known]
    old = set().union(*seen)
    if look.rows and sum(at in old for at in look.rows) >= len(look.rows) * SAME:
        return [one for one, rows in zip(known, seen, strict=True) if rows or _share_time(one, look)]
    return [one for one in known if _share_time(one, look)]


def _share_time(other: Look, own: Look) -> bool:
    """Whether half of the shorter one's time is shared, as it is or with what lies before, if it is short."""

    def share(least: pd.Timedelta) -> bool:
        ends = [one.span[1] for one in (other, own)]
        starts = [min(one.span[0], one.span[1] - least) for one in (other, own)]
        shorter = min(end - start for start, end in zip(starts, ends, strict=True))
        return bool(min(ends) - max(starts) >= shorter * SAME)

    least = own.usual.until - own.usual.since if own.usual else pd.Timedelta(0)
    return share(pd.Timedelta(0)) or share(least)


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
            rows = tuple(instant(at) for at in entry.get("Rows", "").split())
            model, scores = entry["Model"], entry.get("Scores", "")
            window = Window.model_validate(span)
            found.append(Look(model, window, None, champion, shift, fork, scores, rows))
    return found


def _message(look: Look) -> str:
    span: dict[str, Any] = {"Since": f"{look.window.since:{ISO}}", "Until": f"{look.window.until:{ISO}}"}
    days = " until ".join(f"{at:%Y-%m-%d}" for at in (look.window.since, look.window.until))
    more: dict[str, Any] = {
        "Scores": look.scores or None,
        "Fork": "yes" if look.fork else None,
        "Champion": look.champion or None,
        "Shift": " ".join(f"{one:+.6f}" for one in look.shift) or None,
        "Rows": " ".join(f"{at:{ISO}}" for at in look.rows) or None,
    }
    return remote.message(
        f"Look at {days}", Model=look.model, **span, Pull=look.pull and f"#{look.pull}", **more
    )
