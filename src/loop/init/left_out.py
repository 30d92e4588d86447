"""Columns that a model must not have: useless, personal, or the label in other words; what looks odd."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from loop.init import column_kinds, which_time
from loop.init.column_kinds import Column
from loop.init.data_file import ROW, DataFile
from loop.init.guessed import Options, column
from loop.init.which_label import shown
from loop.kit.models import Task

NUMBERS_MAX = 60  # of which pairs are summed, to see whether two of them are the label
SAMPLE = 20_000


def unusable(
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
        if reason := "as you said" if one.name in named else one.unusable or _useless(one):
            left[one.name] = reason
        if one.odd:
            suspected.append(f"{one.name}: nearly all are numbers, but not {', '.join(map(repr, one.odd))}")
        if form := which_time.since_1970(one):
            suspected.append(f"{one.name}: it looks like {form} since 1970, and is taken for a number")
    if time is not None and time.bare:
        suspected.append(f"{time.name}: {time.bare:,} rows name no zone, others do; they are taken as UTC")
    if time is not None and (holes := which_time.holes(time)):
        suspected.append(holes)
    if twice := int(pd.DataFrame({one.name: one.values for one in found.values()}).duplicated().sum()):
        suspected.append(f"{twice:,} rows are the same as an earlier one in every column")
    if missing := int(label.values.isna().sum()):
        none = f"{label.name}: {missing:,} rows have no label (nothing, or such as NA and None)"
        suspected.append(f"{none}; they are scored, and train nothing")
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


def give_away(
    found: dict[str, Column], label: Column, task: Task, positive: str | None, inputs: Sequence[str]
) -> dict[str, str]:
    """Inputs that are the label in other words: alone, or two of them added up."""
    rows = label.values.notna()
    truth = label.values[rows]
    if task == "binary":
        truth = (truth.map(shown) == positive).astype("float64")
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
