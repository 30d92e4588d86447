"""Which column is the label, and what of it is predicted: one of two, a class or a number."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from loop.base.errors import LoopError, UsageError
from loop.init import column_kinds
from loop.init.column_kinds import Column
from loop.init.data_file import DataFile
from loop.init.guessed import Options, Said, column
from loop.kit.column_values import typed
from loop.kit.models import Task

LABELS = ("label", "target", "y", "outcome", "class", "churn", "churned", "default", "fraud", "clicked")
YES = (
    "yes",
    "true",
    "1",
    "1.0",
    "y",
    "t",
    "positive",
    "pos",
    "bad",
    "ja",
    "j",
    "oui",
    "si",
    "churned",
    "default",
    "fraud",
    "won",
)
CLASSES_MAX = 100
CLASS_NAMES = ("class", "label", "target", "category", "species", "type", "kind")
FEW_NUMBERS = 20  # different whole numbers up to which a label may be classes


def label(data: DataFile, found: dict[str, Column], options: Options, said: list[Said]) -> Column:
    """The column that is predicted. Raises LoopError where it is always the same, else UsageError."""
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
    if label.unusable:
        raise LoopError(f"the label {label.name}: {label.unusable}", "one value a row", "write it so")
    two = label.distinct == 2 and options.task != "regression"
    if two or options.positive is not None:  # its values are names, whatever they look like
        label = as_names(label, data)
    if label.kind == "text" and (alike := label.alike) and options.task is None and options.positive is None:
        raise LoopError(
            f"the label {label.name} writes one value in several ways ({', '.join(alike)})",
            "each value written in one way",
            "write them alike, or say --task multiclass where they are two",
        )
    known = label.values.dropna()
    if label.distinct < 2:
        raise LoopError(
            f"{data.path}: the label {label.name} is always {known.iloc[0]}" if len(known) else "no label",
            "at least two different values",
            "take data in which both happen, or name another with --label",
        )
    return label


def as_names(label: Column, data: DataFile) -> Column:
    """A label whose values are names. Raises LoopError where one number is written in two ways."""
    texts = Column(label.name, "text", typed("text", data.frame[label.name]))
    if label.kind in ("number", "whole") and texts.distinct > label.distinct:
        raise LoopError(
            f"the label {label.name} writes one number in several ways ({', '.join(texts.listed[:5])})",
            "each value written in one way",
            "write them alike",
        )
    return texts


def task(label: Column, options: Options, said: list[Said]) -> tuple[Task, str | None]:
    """What is predicted of it, and the value that counts as 1. Raises LoopError, UsageError."""
    values = label.values.dropna()
    if label.kind == "instant" or label.prose:
        raise LoopError(
            f"the label {label.name} is {'a time' if label.kind == 'instant' else 'free text'}",
            "a number, or one of some values",
            "make a number of it (such as days until then), or name another with --label",
        )
    numbers = label.kind in ("number", "whole")
    if options.positive is not None:
        if options.positive not in {shown(value) for value in values.unique()}:
            some = ", ".join(sorted({shown(value) for value in values.unique()})[:10])
            raise UsageError(f"--positive {options.positive}: no such value", f"one of {some}", "name one")
        said.append(Said("task: binary", f"{label.name} is {options.positive} or not", "sure", "--task"))
        return "binary", options.positive
    if label.distinct == 2 and options.task != "regression":
        positive = _positive(values)
        other = next(shown(value) for value in values.unique() if shown(value) != positive)
        reason = f"{label.name} has two values; {positive} is told from {other}"
        said.append(
            Said("task: binary", reason, "sure" if positive.lower() in YES else "likely", "--positive")
        )
        return "binary", positive
    classes = options.task == "multiclass" or not numbers or _named_by_numbers(label)
    if options.task == "binary" or (options.task == "regression" and not numbers):
        some = ", ".join(shown(value) for value in values.unique()[:5])
        raise LoopError(
            f"the label {label.name} has {label.distinct} values ({some})",
            "two values" if options.task == "binary" else "numbers",
            "say with --positive VALUE which one is to be told from all others, or --task multiclass",
        )
    if classes and options.task != "regression":
        if label.odd or column_kinds.unread(label):
            others = ", ".join(map(repr, label.odd))
            raise LoopError(
                f"most of the label {label.name} are numbers, but not {others}"
                if others
                else f"the label {label.name} is no number as it is written: {column_kinds.unread(label)!r}",
                "plain numbers, such as 1234.5, or one of some values",
                "write them as numbers, and leave empty what is none (a line of units under the names, say)",
            )
        if label.distinct > CLASSES_MAX:
            raise LoopError(
                f"the label {label.name} has {label.distinct:,} different values",
                f"at most {CLASSES_MAX} classes",
                "put rare ones together, or say with --positive VALUE which one is to be told",
            )
        reason = f"{label.name} is one of {label.distinct} classes"
        digits = bool(pd.to_numeric(values, errors="coerce").notna().all())
        said.append(Said("task: multiclass", reason, "likely" if digits else "sure", "--task"))
        return "multiclass", None
    few = _whole(label) and label.distinct <= FEW_NUMBERS
    reason = f"{label.name} is a number with {label.distinct:,} different values"
    said.append(Said("task: regression", reason, "unsure" if few else "sure", "--task"))
    return "regression", None


def _named_by_numbers(label: Column) -> bool:
    """Whether whole numbers are names of classes: few, without a gap, of a column that is called so."""
    values = label.values.dropna()
    without_gap = bool(_whole(label) and values.max() - values.min() == label.distinct - 1)
    return without_gap and label.distinct <= FEW_NUMBERS and label.name.strip("_").lower() in CLASS_NAMES


def _whole(label: Column) -> bool:
    """Whether a label is whole numbers, where it is known."""
    return label.kind in ("number", "whole") and bool((label.values.dropna() % 1 == 0).all())


def in_order(values: Iterable[str]) -> tuple[str, ...]:
    """Classes in the order of numbers, where they are numbers, else of texts."""
    try:
        return tuple(sorted(values, key=float))
    except ValueError:
        return tuple(sorted(values))


def _positive(values: pd.Series) -> str:
    """Which of two values is to be told: one that says yes, else the larger number, else the rarer."""
    two = sorted(map(shown, values.unique()))
    yes = [value for value in two if value.lower() in YES]
    if len(yes) == 1:
        return yes[0]
    if pd.to_numeric(pd.Series(two), errors="coerce").notna().all():
        return max(two, key=float)
    return str(values.map(shown).value_counts().index[-1])


def shown(value: object) -> str:
    """A value as the source will have it as text."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
