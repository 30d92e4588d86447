"""What fills metrics.py: slices, subgroups, behaviours and golden requests."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from loop.init.cautious import Numbers, bounds
from loop.init.column_kinds import Column
from loop.init.fill_values import is_personal, plain
from loop.init.guessed import Guess
from loop.init.row_values import decided_at, truth
from loop.init.which_time import unit
from loop.kit import groups

STRONG, STILL = 0.5, 0.2  # rank correlation with the label for a direction; with the other numbers held
RIDGE = 0.01  # columns may be the same
HELD = 50  # numbers at most that are held: those that go with the label most
PERSONS = re.compile(
    r"(^|_)(sex|gender|race|ethnic\w*|age|religi\w*|nationality|citizen\w*|disab\w*|marital\w*|maritl|married|education"
    r"|educ|student|minority|hispan\w*|black|white|foreign\w*|geschlecht|alter|sexe|sexo|edad)(_|$)"
)
THIRDS = ("1 low", "2 middle", "3 high")
SUBGROUPS = 3  # cuts that are compared
SLICES, GOLDEN = 4, 4  # columns that cut the examples; numbers of which the extremes are golden requests
ROWS_BY_NUMBER = {"all": 'lambda rows: rows["decided_at"].dt.strftime("%Y")'}


def values(found: Guess, n: Numbers) -> dict[str, Any]:
    """What the template asks for, by name."""
    cuts = {name: cut.code for name, cut in cuts_of(found).items()}
    time = _by_time(found)
    by_class = {found.label.name: "groups.classes(CLASSES)"} if found.classes else {}
    cut = {**cuts, **time} or ROWS_BY_NUMBER
    return {
        "slices": {**by_class, **cut},
        "subgroups": of_persons(found) or list(cuts)[:SUBGROUPS] or list(cut),
        "behaviours": behaviours(found),
        "golden": _golden(found, n),
    }


def of_persons(found: Guess) -> list[str]:
    """Cuts by what persons are: only of these is a gap unfair, and not what the world is like."""
    return [name for name in cuts_of(found) if PERSONS.search(name)][:SUBGROUPS]


@dataclass(frozen=True)
class Cut:
    """A way to cut examples, as code and as what the code does."""

    code: str
    parts: Callable[[pd.DataFrame], pd.Series]


def cuts_of(found: Guess) -> dict[str, Cut]:
    """Ways to cut the examples: texts and flags that have few values, then numbers by thirds."""
    inputs = [found.columns[name] for name in found.inputs]
    few = [one for one in inputs if one.kind in ("text", "flag") and 2 <= one.distinct <= 20]
    cuts = {one.name: _by_column(one.name) for one in few[:SLICES]}
    for one in inputs:
        if len(cuts) >= SLICES:
            break
        if one.kind in ("number", "whole") and one.distinct > 10:
            low, high = (float(f"{edge:.3g}") for edge in one.values.quantile([1 / 3, 2 / 3]))
            least, most = bounds(one)
            if least - 1 < low < high < most + 1:
                edges = tuple(float(f"{edge:g}") for edge in (least - 1, low, high, most + 1))
                code = (
                    f"groups.ranges({one.name!r}, ({', '.join(f'{edge:g}' for edge in edges)}), {THIRDS!r})"
                )
                cuts[one.name] = Cut(code, groups.ranges(one.name, edges, THIRDS))
        elif one.kind in ("number", "whole") and one.distinct > 1:
            cuts[one.name] = _by_column(one.name)
    return cuts


def _by_column(name: str) -> Cut:
    return Cut(f"groups.column({name!r})", groups.column(name))


def _by_time(found: Guess) -> dict[str, str]:
    if not found.time:
        return {}
    zone = f", {found.zone!r}" if found.zone != "UTC" else ""
    cuts = {}
    if unit(found.time) <= pd.Timedelta(hours=1):
        cuts["hour of day"] = f'groups.hours("decided_at", (0, 6, 12, 18, 24){zone})'
    if unit(found.time) <= pd.Timedelta(days=1):
        cuts["weekday"] = f'groups.weekday("decided_at"{zone})'
    return cuts


def behaviours(found: Guess) -> list[str]:
    """What the model is held to, as code."""
    made = []
    if found.row:
        change = 'lambda rows: rows.assign(row=rows["row"] + 1)'
        made.append(f'Behaviour("the number of the request does not matter", "the same", {change})')
    else:
        name = found.key[0]
        other = {"text": '"x"', "whole": "1"}.get(found.columns[name].kind)
        if other:
            change = f"lambda rows: rows.assign({name}=rows[{name!r}] + {other})"
            made.append(f'Behaviour({f"what {name} is called does not matter"!r}, "the same", {change})')
    if strongest := direction(found):
        one, way, _ = strongest
        low, high = one.values.quantile([0.25, 0.75])
        step = float(f"{(high - low) or 1:.2g}")
        change = f"lambda rows: rows.assign({one.name}=rows[{one.name!r}] + {step:g})"
        made.append(f'Behaviour("more {one.name}", "not {"lower" if way > 0 else "higher"}", {change})')
    return made


def direction(found: Guess) -> tuple[Column, float, float] | None:
    """The number that goes with the label most, how much by ranks, and how much with the others held.

    A number that only stands in for another, as displacement for weight, is none: a model may turn its
    sign. Held is the partial correlation, of the inverse of all correlations (Whittaker 1990, chapter 5).
    """
    numbers = {name: one for name in found.inputs if (one := found.columns[name]).kind in ("number", "whole")}
    if found.classes or not numbers:
        return None
    ranks = pd.DataFrame({name: one.values.rank() for name, one in numbers.items()})
    label = truth(found).rank()
    with np.errstate(invalid="ignore", divide="ignore"):
        alone = ranks.corrwith(label).fillna(0.0)
        most = alone.abs().sort_values(ascending=False, kind="stable").index[:HELD]
        both = pd.concat([ranks[most], label], axis=1).corr().fillna(0.0).to_numpy()
    inverse = np.linalg.pinv(both + RIDGE * np.eye(len(both)))
    scale = np.sqrt(np.abs(np.diag(inverse)))
    held = -inverse[-1] / (scale * scale[-1])
    for at, name in enumerate(most):
        one, rho = numbers[name], float(alone[name])
        fits = one.kind == "number" and one.distinct > 10 and abs(rho) >= STRONG
        if fits and rho * held[at] > 0 and abs(held[at]) >= STILL:
            return one, rho, float(held[at])
    return None


def _golden(found: Guess, n: Numbers) -> list[tuple[str, str]]:
    """Requests of the training window: the least and the most of some numbers, and ordinary ones."""
    decided = decided_at(found)
    known = found.columns[found.known].values if found.known else decided + found.after
    rows = np.flatnonzero(((known <= n.split) & (decided < n.split) & truth(found).notna()).to_numpy())
    chosen: dict[int, str] = {}
    if not found.time:  # which rows train is known only by the hash of their key
        rows = np.flatnonzero(truth(found).notna().to_numpy())
    for name in [one for one in found.inputs if found.columns[one].kind in ("number", "whole")][:GOLDEN]:
        values = found.columns[name].values.iloc[rows].dropna()
        if len(values):
            at = values.index.to_numpy()
            chosen.setdefault(int(at[values.argmin()]), f"the least {name}")
            chosen.setdefault(int(at[values.argmax()]), f"the most {name}")
    for row in rows[:: max(1, len(rows) // 5)][:5]:
        chosen.setdefault(int(row), "an ordinary one")
    named = [(why, _key(found, row)) for row, why in chosen.items()]
    return [(why, key) for why, key in named if key != "{}"]


def _key(found: Guess, at: int) -> str:
    """What names a row: the values of KEY, or of other columns where one of these is personal."""
    values = [at] if found.row else [plain(found.columns[name].values.iloc[at]) for name in found.key]
    if any(is_personal(found, name) for name in found.key):
        return repr(_named_by_others(found, at))
    return f"({', '.join(map(repr, values))},)" if len(values) == 1 else f"({', '.join(map(repr, values))})"


def _named_by_others(found: Guess, at: int) -> dict[str, Any]:
    """Values of a row that no other has, of as few columns as do, none of them personal; else none."""
    same = np.ones(len(found.data.frame), dtype=bool)
    named: dict[str, Any] = {}
    for name in dict.fromkeys([*found.key, *found.inputs]):
        values = found.columns[name].values
        value = plain(values.iloc[at])
        if same.sum() > 1 and value is not None and not is_personal(found, name):
            named[name] = value
            same &= values.eq(values.iloc[at]).to_numpy(dtype=bool, na_value=False)
    return named if same.sum() == 1 else {}
