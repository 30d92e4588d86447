"""What the columns mean: label, time, key, what a caller sends, what looks wrong; each guess with its reason.

An option of the command takes the place of a guess. What is left out says why; nothing is asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from loop.base.errors import LoopError, UsageError
from loop.init import column_kinds
from loop.init.column_kinds import Column
from loop.init.data_file import ROW, DataFile
from loop.kit.models import Task
from loop.kit.sources import typed

LABELS = ("label", "target", "y", "outcome", "class", "churn", "churned", "default", "fraud", "clicked")
TIMES = ("decided_at", "timestamp", "datetime", "time", "date", "created_at", "created", "day", "hour", "at")
YES = ("yes", "true", "1", "1.0", "y", "t", "positive", "pos", "bad", "churned", "default", "fraud", "won")
Sure = Literal["sure", "likely", "unsure"]
CLASSES_MAX = 100
CLASS_NAMES = ("class", "label", "target", "category", "species", "type", "kind")
FEW_NUMBERS = 20  # different whole numbers up to which a label may be classes
NUMBERS_MAX = 60  # of which pairs are summed, to see whether two of them are the label
SAMPLE = 20_000


@dataclass(frozen=True)
class Options:
    """What the command line says in place of guesses."""

    label: str | None = None
    time: str | None = None
    known: str | None = None
    after: pd.Timedelta | None = None
    key: Sequence[str] = ()
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
    noun: str = field(default="row")


def guess(data: DataFile, options: Options) -> Guess:
    """What the data mean. Raises LoopError where no model can be had from them, UsageError for an option."""
    zone = options.zone or "UTC"
    found = column_kinds.every(data.frame, zone)
    said: list[Said] = []
    label = _label(data, found, options, said)
    task, positive = _task(label, options, said)
    classes: tuple[str, ...] = ()
    if task == "multiclass":
        label = Column(label.name, "text", typed("text", data.frame[label.name]))
        classes = _in_order(label.values.dropna().unique())
    time = _time(found, label, options, said)
    if time is not None:
        _zone(time, options, said)
    known, after = _known(found, time, label, options, said)
    key = _key(data, found, time, label, options, said)
    left_out, suspected = _left_out(data, found, label, time, known, key, options)
    fixed = {label.name, *([time.name] if time else []), *([known] if known else []), *key}
    inputs = [name for name in found if name not in fixed and name not in left_out]
    for name, reason in _give_away(found, label, task, positive, inputs).items():
        left_out[name] = reason
        inputs.remove(name)
    if not inputs and time is None:
        raise LoopError(
            f"{data.path}: no column is left to learn from ({'; '.join(left_out.values()) or 'label alone'})",
            "at least one beside the label",
            "look at what is left out, and name the label with --label",
        )
    return Guess(
        data, found, label, task, positive, classes, time, known, after, key or ("row",), not key, zone,
        tuple(inputs), left_out, tuple(said), tuple(suspected),
    )  # fmt: skip


def column(found: dict[str, Column], name: str, option: str) -> Column:
    """The column that an option names, by the name in the file or in code. Raises UsageError."""
    plain = name if name in found else name.strip().lower().replace(" ", "_").replace(".", "_")
    if plain not in found:
        near = get_close_matches(plain, found, n=1)
        todo = f"did you mean `{near[0]}`?" if near else f"the columns are {', '.join(list(found)[:20])}"
        raise UsageError(f"{option} {name}: the file has no such column with values", "a column of it", todo)
    return found[plain]


def _label(data: DataFile, found: dict[str, Column], options: Options, said: list[Said]) -> Column:
    if options.label:
        label = column(found, options.label, "--label")
    else:
        named = [name for name in LABELS if name in found or f"{name}_" in found]
        names = [name if name in found else f"{name}_" for name in named]
        if not names:
            raise UsageError(
                f"no column of {data.path} is called a label ({', '.join(list(found)[:20])})",
                "the column that is to be predicted",
                "name it with --label",
            )
        label = found[names[0]]
        said.append(Said(f"label: {label.name}", "its name", "likely", "--label"))
    if label.distinct == 2 or options.positive is not None:  # its values are names, whatever they look like
        label = Column(label.name, "text", typed("text", data.frame[label.name]))
    known = label.values.dropna()
    if label.distinct < 2:
        raise LoopError(
            f"{data.path}: the label {label.name} is always {known.iloc[0]}" if len(known) else "no label",
            "at least two different values",
            "take data in which both happen, or name another with --label",
        )
    return label


def _task(label: Column, options: Options, said: list[Said]) -> tuple[Task, str | None]:
    values = label.values.dropna()
    if label.kind == "instant" or label.prose:
        raise LoopError(
            f"the label {label.name} is {'a time' if label.kind == 'instant' else 'free text'}",
            "a number, or one of some values",
            "make a number of it (such as days until then), or name another with --label",
        )
    numbers = label.kind in ("number", "whole")
    if options.positive is not None:
        if options.positive not in {_shown(value) for value in values.unique()}:
            some = ", ".join(sorted({_shown(value) for value in values.unique()})[:10])
            raise UsageError(f"--positive {options.positive}: no such value", f"one of {some}", "name one")
        said.append(Said("task: binary", f"{label.name} is {options.positive} or not", "sure", "--task"))
        return "binary", options.positive
    if label.distinct == 2 and options.task != "regression":
        positive = _positive(values)
        reason = f"{label.name} has two values; {positive} counts as 1"
        said.append(
            Said("task: binary", reason, "sure" if positive.lower() in YES else "likely", "--positive")
        )
        return "binary", positive
    classes = options.task == "multiclass" or not numbers or _named_by_numbers(label)
    if options.task == "binary" or (options.task == "regression" and not numbers):
        some = ", ".join(_shown(value) for value in values.unique()[:5])
        raise LoopError(
            f"the label {label.name} has {label.distinct} values ({some})",
            "two values" if options.task == "binary" else "numbers",
            "say with --positive VALUE which one is to be told from all others, or --task multiclass",
        )
    if classes and options.task != "regression":
        if label.distinct > CLASSES_MAX:
            raise LoopError(
                f"the label {label.name} has {label.distinct:,} different values",
                f"at most {CLASSES_MAX} classes",
                "put rare ones together, or say with --positive VALUE which one is to be told",
            )
        reason = f"{label.name} is one of {label.distinct} classes"
        said.append(Said("task: multiclass", reason, "likely" if numbers else "sure", "--task"))
        return "multiclass", None
    few = label.kind == "whole" and label.distinct <= FEW_NUMBERS
    reason = f"{label.name} is a number with {label.distinct:,} different values"
    said.append(Said("task: regression", reason, "unsure" if few else "sure", "--task"))
    return "regression", None


def _named_by_numbers(label: Column) -> bool:
    """Whether whole numbers are names of classes: few, without a gap, of a column that is called so."""
    values = label.values.dropna()
    without_gap = bool(label.kind == "whole" and values.max() - values.min() == label.distinct - 1)
    return without_gap and label.distinct <= FEW_NUMBERS and label.name.strip("_").lower() in CLASS_NAMES


def _in_order(values: Iterable[str]) -> tuple[str, ...]:
    """Classes in the order of numbers, where they are numbers, else of texts."""
    try:
        return tuple(sorted(values, key=float))
    except ValueError:
        return tuple(sorted(values))


def _positive(values: pd.Series) -> str:
    """Which of two values counts as 1: one that says yes, else the larger number, else the rarer."""
    two = sorted(map(_shown, values.unique()))
    yes = [value for value in two if value.lower() in YES]
    if len(yes) == 1:
        return yes[0]
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _shown(values.max())
    return str(values.map(_shown).value_counts().index[-1])


def _shown(value: object) -> str:
    """A value as the source will have it as text."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _time(found: dict[str, Column], label: Column, options: Options, said: list[Said]) -> Column | None:
    if options.time == "none":
        return None
    if options.time:
        given = column(found, options.time, "--time")
        time = given if given.kind == "instant" else _years(given)
        if time is None:
            some = ", ".join(map(str, given.values.dropna().unique()[:3]))
            raise UsageError(
                f"--time {options.time}: not all of its values are times of one form ({some})",
                "days, instants or years",
                "bring them into one form, such as 2024-05-31T12:00Z; or say --time none",
            )
        if time.values.isna().any():
            raise UsageError(
                f"--time {options.time} is missing in {int(time.values.isna().sum()):,} rows",
                "a time for each row",
                "drop those rows, or name another column",
            )
        return time
    times = [one for one in found.values() if one.kind == "instant" and not one.missing and one is not label]
    if not times:
        reason = "no column holds times: rows are held out by the hash of their key"
        said.append(Said("time: none", reason, "likely", "--time"))
        return None
    rank = {name: at for at, name in enumerate(TIMES)}
    best = min(times, key=lambda one: (one.values.astype("int64").mean(), rank.get(one.name, 99)))
    reason = "the earliest of the times" if len(times) > 1 else "the only column with a time in each row"
    said.append(Said(f"time of decision: {best.name}", reason, "likely", "--time"))
    return best


def _years(given: Column) -> Column | None:
    """Whole numbers that are years, as instants."""
    numbers = given.values
    if given.kind != "whole" or not numbers.between(1900, 2100).all():
        return None
    years = numbers.astype("str")
    return Column(given.name, "instant", typed("instant", years, dates="%Y"), dates="%Y")


def _zone(time: Column, options: Options, said: list[Said]) -> None:
    if not time.zoned and options.zone is None:
        said.append(Said("zone: UTC", f"{time.name} names none", "unsure", "--zone"))


def _known(
    found: dict[str, Column], time: Column | None, label: Column, options: Options, said: list[Said]
) -> tuple[str | None, pd.Timedelta]:
    """The column that says when the label became known, or how long after the decision it does."""
    if options.known:
        known = column(found, options.known, "--known")
        if known.kind != "instant" or time is None:
            raise UsageError(f"--known {options.known} is no time", "a column of instants", "name another")
        return known.name, pd.Timedelta(0)
    if options.after is not None:
        return None, options.after
    if time is None:
        return None, pd.Timedelta(seconds=1)
    step = unit(time)
    word = _word(step)
    reason = f"rows come {word} apart; nothing says when the label comes"
    said.append(Said(f"label known: {word} after the decision", reason, "unsure", "--label-after"))
    return None, step


def unit(time: Column) -> pd.Timedelta:
    """How fine the times are: an hour, a day, or what lies between most."""
    at = np.unique(time.values.to_numpy("datetime64[s]"))
    gaps = np.diff(at) / np.timedelta64(1, "h")
    step = float(np.median(gaps)) if len(gaps) else 24.0
    for hours in (1, 24, 7 * 24, 31 * 24, 92 * 24):
        if step <= hours:
            return pd.Timedelta(hours=hours)
    return pd.Timedelta(days=365)


def _word(step: pd.Timedelta) -> str:
    words = {1: "a day", 7: "a week", 31: "a month", 92: "a quarter", 365: "a year"}
    return words.get(step.days, "an hour")


def _key(
    data: DataFile,
    found: dict[str, Column],
    time: Column | None,
    label: Column,
    options: Options,
    said: list[Said],
) -> tuple[str, ...]:
    """The columns that name a request; none where only the number of the row does."""
    if options.key:
        names = tuple(column(found, name, "--key").name for name in options.key)
        if twice := int(data.frame.duplicated(list(names)).sum()):
            raise UsageError(
                f"--key {','.join(names)}: {twice:,} rows have the key of an earlier one",
                "each key once",
                "name more columns, or leave --key out: then the number of the row is the key",
            )
        return names
    usable = [
        one
        for one in found.values()
        if one.kind in ("text", "whole")
        and not one.missing
        and one is not label
        and not (one.personal or one.prose)
    ]
    alone = [one for one in usable if one.distinct == len(one.values)]
    if named := [
        one for one in alone if one.kind == "text" or column_kinds.CODE.search(one.name) or one.name == ROW
    ]:
        said.append(Said(f"key: {named[0].name}", "it has a different value in each row", "sure", "--key"))
        return (named[0].name,)
    if counted := [one for one in alone if one.kind == "whole" and _counts(one)]:
        reason = "it counts the rows: a different whole number in each"
        said.append(Said(f"key: {counted[0].name}", reason, "likely", "--key"))
        return (counted[0].name,)
    reason = "no column is called a key and has a different value in each row"
    said.append(Said("key: the number of the row", reason, "likely", "--key"))
    return ()


def _counts(one: Column) -> bool:
    """Whether whole numbers are all of a stretch, or nearly."""
    return bool(one.values.max() - one.values.min() < 1.1 * len(one.values))


def _left_out(
    data: DataFile,
    found: dict[str, Column],
    label: Column,
    time: Column | None,
    known: str | None,
    key: tuple[str, ...],
    options: Options,
) -> tuple[dict[str, str], list[str]]:
    """Columns that a model does not get, with the reason; and what else looks wrong."""
    left: dict[str, str] = {}
    suspected: list[str] = []
    fixed = {label.name, known, *key, *([time.name] if time else [])}
    named = {column(found, name, "--leave-out").name for name in options.leave_out}
    for one in found.values():
        if one.name in fixed:
            continue
        if reason := "as you said" if one.name in named else _useless(one):
            left[one.name] = reason
        if one.odd:
            suspected.append(f"{one.name}: nearly all are numbers, but not {', '.join(map(repr, one.odd))}")
    if time is not None and (holes := _holes(time)):
        suspected.append(holes)
    if twice := int(data.frame.duplicated().sum()):
        suspected.append(f"{twice:,} rows are the same as an earlier one in every column")
    if missing := int(label.values.isna().sum()):
        suspected.append(f"{label.name}: {missing:,} rows have no label; they are scored, and train nothing")
    return left, suspected


def _useless(one: Column) -> str:
    """Why a model cannot use a column, or must not; nothing where it can."""
    if one.distinct < 2 and not one.missing:
        return "always the same"
    if one.name == ROW:
        return "the number of the row"
    if one.personal:
        return "it looks personal: what is not needed is not kept"
    if one.kind == "instant":
        return "another time: a model would need what it is relative to"
    if one.prose:
        return "free text"
    each = one.kind in ("text", "whole") and one.distinct == len(one.values) and len(one.values) > FEW_ROWS
    return "another value in each row: it names the row" if each else ""


FEW_ROWS = 50  # up to which a number may differ in each row by itself


def _holes(time: Column) -> str:
    """The longest time without a row, where it is far longer than others."""
    at = np.unique(time.values.to_numpy("datetime64[s]"))
    gaps = np.diff(at) / np.timedelta64(1, "h")
    if len(gaps) < 20 or gaps.max() <= 10 * np.quantile(gaps, 0.99):
        return ""
    start, end = (pd.Timestamp(at[gaps.argmax() + after]) for after in (0, 1))
    return f"{time.name}: no row between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M}"


def _give_away(
    found: dict[str, Column], label: Column, task: Task, positive: str | None, inputs: Sequence[str]
) -> dict[str, str]:
    """Inputs that are the label in other words: alone, or two of them added up."""
    rows = label.values.notna()
    truth = label.values[rows]
    if task == "binary":
        truth = (truth.map(_shown) == positive).astype("float64")
    if task == "multiclass":
        truth = pd.Series(pd.factorize(truth)[0], truth.index)
    truth = truth.astype("float64").head(SAMPLE)
    given: dict[str, str] = {}
    numbers: dict[str, np.ndarray] = {}
    for name in inputs:
        one = found[name]
        values = one.values[rows].head(SAMPLE)
        if one.kind in ("number", "whole", "flag"):
            numbers[name] = values.to_numpy(np.float64, na_value=np.nan)
            if _tells(numbers[name], truth.to_numpy(), task):
                given[name] = f"it gives {label.name} away: alone it tells nearly every row"
        elif one.distinct <= column_kinds.FEW and task != "regression":
            usual = truth.groupby(values.fillna("").to_numpy()).transform(lambda one: one.mode().iloc[0])
            wrong, without = (
                int(np.not_equal(truth, guessed).sum()) for guessed in (usual, truth.mode().iloc[0])
            )
            if wrong <= min(0.001 * len(truth), 0.01 * without):
                given[name] = f"it gives {label.name} away: each of its values has one label"
    if task == "regression":
        for (first, left), (second, right) in combinations(list(numbers.items())[:NUMBERS_MAX], 2):
            if np.allclose(left + right, truth, rtol=1e-9, atol=1e-9, equal_nan=True):
                reason = f"it gives {label.name} away: {label.name} = {first} + {second}"
                given |= {first: reason, second: reason}
    return given


def _tells(values: np.ndarray, truth: np.ndarray, task: Task) -> bool:
    known = np.isfinite(values)
    if known.mean() < 0.9 or len(np.unique(values[known])) < 2:
        return False
    ranks = pd.Series(values[known]).rank().to_numpy()
    if task == "regression":
        of_truth = pd.Series(truth[known]).rank().to_numpy()
        return bool(abs(np.corrcoef(ranks, of_truth)[0, 1]) > 0.999)
    if task == "multiclass":  # in the order of values, a class is one run of rows
        changes = int((np.diff(truth[known][np.argsort(ranks, kind="stable")]) != 0).sum())
        return bool(changes < len(np.unique(truth)) + 0.001 * known.sum())
    ones = truth[known] == 1
    pairs = ones.sum() * (~ones).sum()
    won = ranks[ones].sum() - ones.sum() * (ones.sum() + 1) / 2
    return bool(pairs) and max(won / pairs, 1 - won / pairs) > 0.999
