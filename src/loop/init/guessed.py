"""A problem as it is understood, and what the command line says in place of guesses."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import pandas as pd

from loop.base.errors import UsageError
from loop.init.column_kinds import Column
from loop.init.data_file import DataFile, in_code
from loop.kit.models import Task

Sure = Literal["sure", "likely", "unsure"]


@dataclass(frozen=True)
class Options:
    """What the command line says in place of guesses."""

    label: str | None = None
    time: str | None = None
    known: str | None = None
    after: pd.Timedelta | None = None
    key: Sequence[str] = ()
    group: str | None = None
    weight: str | None = None
    task: Task | None = None
    positive: str | None = None
    zone: str | None = None
    leave_out: Sequence[str] = ()
    name: str | None = None


@dataclass(frozen=True)
class Said:
    """One guess: what, from what, how sure, and the option that changes it."""

    what: str
    reason: str
    sure: Sure
    option: str


@dataclass(frozen=True)
class Guess:
    """The problem as understood. `inputs` are what a caller sends beside key and time of decision."""

    data: DataFile
    columns: dict[str, Column]
    label: Column
    task: Task
    positive: str | None
    classes: tuple[str, ...]
    time: Column | None
    known: str | None
    after: pd.Timedelta
    key: tuple[str, ...]
    row: bool  # the key is the number of the row
    zone: str
    inputs: tuple[str, ...]
    left_out: dict[str, str]
    guesses: tuple[Said, ...]
    suspected: tuple[str, ...]
    group: str | None = None  # rows of one value are alike
    weight: str | None = None  # how much a row counts

    @property
    def sent(self) -> tuple[str, ...]:
        """What a caller sends beside the time of decision: key, group, inputs."""
        return tuple(dict.fromkeys([*self.key, *([self.group] if self.group else []), *self.inputs]))


def column(found: dict[str, Column], name: str, option: str) -> Column:
    """The column that an option names, by the name in the file or in code. Raises UsageError."""
    plain = name if name in found else in_code(name)
    if plain not in found:
        near = get_close_matches(plain, found, n=1)
        todo = f"did you mean `{near[0]}`?" if near else f"the columns are {', '.join(list(found)[:20])}"
        raise UsageError(f"{option} {name}: the file has no such column with values", "a column of it", todo)
    return found[plain]
