"""Columns that a model must not have: useless, personal, or the label in other words; what looks odd."""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from loop.init import column_kinds, label_line, label_tail, which_time, which_weight
from loop.init.column_kinds import Column
from loop.init.data_file import ROW, DataFile, in_code
from loop.init.guessed import Options, column
from loop.init.which_label import shown
from loop.kit.models import Task
from loop.stats import label_order

LASTS = re.compile(r"(^|_)(time|days|duration|survival|futime|tenure)$|(surv|rec)time$")
OF_CLOCK = ("year", "quarter", "month", "week", "day", "weekday", "hour", "minute")
NUMBERS_MAX = 60  # of which pairs are summed, to see whether two of them are the label
SAMPLE = 20_000
EACH = 5  # rows of one number, from which on it says something that each has one label
TREND = 0.8  # rank correlation of label and time from which on rows to come are unlike those that train
MOSTLY = 0.75  # days of two clocks that are hours apart are the same that often
MARKS = 10  # values of a column that may each be of one stretch of time
ORDERED, ENOUGH = 0.9999, 100  # of pairs of rows, from which on they are all in order; rows that show it
SURE, MUCH = 0.999, 0.97  # of what a column tells alone: it is the label; it may be


def unusable(
    data: DataFile,
    found: dict[str, Column],
    label: Column,
    time: Column | None,
    task: Task,
    fixed: Collection[str],
    options: Options,
) -> tuple[dict[str, str], list[str]]:
    """Columns that a model does not get, with the reason; and what else looks wrong. `fixed` have a part."""
    left: dict[str, str] = {}
    suspected: list[str] = []
    named = {column(found, name, "--leave-out").name for name in options.leave_out}
    for one in found.values():
        reason = "as you said" if one.name in named else one.unusable or _useless(one, time, options)
        if reason and one.name not in fixed:
            left[one.name] = reason
        suspected += [f"{one.name}: {odd}" for odd in _odd(one, data, time)]
        if time is None and options.time is None and (hint := which_time.may_be(one, data)):
            suspected.append(f"{one.name}: {hint}")
    suspected += _told_by_name(found, label, time, {*left, *fixed})
    if time is not None and time.bare:
        suspected.append(f"{time.name}: {time.bare:,} rows name no zone, others do; they are taken as UTC")
    if time is not None:
        stretches = [
            one.name for one in found.values() if one.name not in {*left, *fixed} and _mark(one, time)
        ]
        words = "each of its values holds for one stretch of time: a mark, as of a split, tells no new row"
        suspected += [f"{name}: {words}" for name in stretches]
    if time is not None and (holes := which_time.holes(time)):
        suspected.append(holes)
    if time is not None and label.kind in ("number", "whole") and label.distinct > 2:
        both = pd.DataFrame({"at": time.values, "label": label.values}).dropna().rank()
        if abs(goes := float(both["at"].corr(both["label"]))) > TREND:
            way = "rises" if goes > 0 else "falls"
            far = "a model knows no value beyond those that trained: predict the change since the one before"
            suspected.append(f"{label.name}: it {way} as time goes on (rank correlation {goes:+.2f}); {far}")
    if task == "regression" and (hard := _hard_to_predict(label.values.dropna().to_numpy(np.float64))):
        suspected.append(f"{label.name}: {hard}")
    if twice := int(pd.DataFrame({one.name: one.values for one in found.values()}).duplicated().sum()):
        rows = "1 row is" if twice == 1 else f"{twice:,} rows are"
        judged = "" if time else "; where one trains and one judges, a model looks better than it is"
        suspected.append(f"{rows} the same as an earlier one in every column{judged}")
    if missing := int(label.values.isna().sum()):
        none = f"{label.name}: {missing:,} rows have no label (nothing, or such as NA and None)"
        suspected.append(f"{none}; they are scored, and train nothing")
    return left, suspected


def _hard_to_predict(label: np.ndarray) -> str:
    """What one value that most rows have, or few very large ones, do to a number; else nothing."""
    value, usual = label_tail.usual(label)
    held = label_tail.share(label)
    if usual:
        return (
            f"{usual:.0%} of rows have {value:g}, for which the absolute error is least whatever is asked: "
            "squared errors decide; whether a row has it, and how much the others have, may be two models"
        )
    if held:
        return (
            f"1 % of rows hold {held:.0%} of it: trees say the middle of like rows, not their mean, so sums "
            "come out low; to predict its logarithm, or to leave out what is no usual row, may serve better"
        )
    return ""


def _mark(one: Column, time: Column) -> bool:
    """Whether the rows of each value of a column, which has few, lie in one stretch of time."""
    if one.kind == "instant" or one.missing or not 1 < one.distinct <= MARKS < len(one.values) / 10:
        return False
    codes = pd.factorize(one.values)[0][np.argsort(time.values.to_numpy(), kind="stable")]
    return int((np.diff(codes) != 0).sum()) == one.distinct - 1


def _told_by_name(
    found: dict[str, Column], label: Column, time: Column | None, left: Collection[str]
) -> list[str]:
    """What names say of columns: lengths of time, weights, parts of the time."""
    numbers = [
        one
        for one in found.values()
        if one.kind in ("number", "whole") and one.name not in (*left, label.name) and one is not time
    ]
    said = []
    for one in numbers:
        if label.distinct == 2 and LASTS.search(one.name) and one.values.min() >= 0:
            said.append(
                f"{one.name}: if it says how long it took until {label.name}, it is known only with it: "
                "leave it out"
            )
        if which_weight.may_be(one):
            said.append(f"{one.name}: an input; if it says how much a row counts, --weight {one.name}")
    parts = [one.name for one in found.values() if one.name in OF_CLOCK and one.name not in left]
    parts = [name for name in parts if name != label.name and (time is None or name != time.name)]
    if parts and time is not None:
        of_years = time.dates in {*which_time.YEARS, *which_time.NUMBERED} and any(
            name != "year" for name in parts
        )
        words = (
            f"with {time.name} it may say more finely when rows came: make one column of both"
            if of_years
            else f"part of {time.name}, it seems; what comes once, as a month of one year, cannot be learnt"
        )
        said.append(f"{', '.join(parts)}: {words}")
    return said


def _odd(one: Column, data: DataFile, time: Column | None) -> list[str]:
    """How a column is read, where it might be read otherwise."""
    odd = [f"most are numbers, but not {', '.join(map(repr, one.odd))}: taken for texts"] if one.odd else []
    if one.kind == "text" and (alike := one.alike):
        odd.append(f"{' and '.join(map(repr, alike))} differ in case or blanks alone, and are taken for two")
    of_a_time = {in_code(part) for parts in data.joined.values() for part in parts}
    if one.name not in of_a_time and (some := column_kinds.unread(one)):
        odd.append(f"{some!r} is taken for a text; a time is read as 2024-05-31T12:00, a number as 1234.5")
    if one.other_dates:
        at = int(one.values.argmax())
        read = f"{data.frame[one.name].iloc[at]!r} is {one.values.iloc[at]:%Y-%m-%d}"
        odd.append(f"read as {one.dates}, {read}; {one.other_dates} would fit as well")
    if one.form:
        at = int(one.values.abs().argmax())
        odd.append(f"a number: {data.frame[one.name].iloc[at]!r} is {one.values.iloc[at]:.15g}")
    if time is not None and time.name != one.name and (form := which_time.since_1970(one)):
        odd.append(f"it looks like {form} since 1970, and is taken for a number")
    if one.kind in ("whole", "number") and (mark := _stands_for_nothing(one.values.dropna())):
        odd.append(mark)
    return odd


def _stands_for_nothing(values: pd.Series) -> str:
    """What says that the least or the most number is a mark, as -999: often there, and far from others."""
    for mark in (values.min(), values.max()):
        others = values[values != mark]
        times = len(values) - len(others)
        if others.nunique() < column_kinds.FEW or times < max(OFTEN, RARELY * len(values)):
            continue
        low, high = others.min(), others.max()
        if max(low - mark, mark - high) > high - low > 0:
            much = f"{mark:g} comes {times:,} times, and all other values are {low:g} to {high:g}"
            return f"{much}: if it stands for what is not known, leave it empty"
    return ""


def _useless(one: Column, time: Column | None, options: Options) -> str:
    """Why a model cannot use a column, or must not; nothing where it can."""
    if one.distinct < 2 and not one.missing:
        return "always the same"
    if one.personal:
        return "it looks personal: what is not needed is not kept"
    if one.kind == "instant":
        return _other_time(one, time, options.zone or "UTC")
    if time is not None and one is not time and _is_part_of(one, time):
        return f"the {one.name} of {time.name}, which says it too"
    return _names_rows(one)


def _other_time(one: Column, time: Column | None, zone: str) -> str:
    if time is not None and (word := which_time.period_of(one, time, zone)):
        return f"the {word} of {time.name}, which says it too"
    known = one.values.dropna()
    if time is None or known.empty or not (known > time.values[known.index]).all():
        return "another time: a model would need what it is relative to"
    return f"it comes after {time.name}: --known {one.name}, if the label was known by then"


def _is_part_of(one: Column, time: Column) -> bool:
    """Whether a number is the year, month or the like of the time, by whatever clock."""
    if one.name not in ("year", "quarter", "month", "day", "hour") or one.kind != "whole":
        return False
    part = getattr(time.values.dt, one.name)
    return bool((one.values == part).mean() > MOSTLY)


def _names_rows(one: Column) -> str:
    """Why a text or a number is only a name, of a row or of what several rows are of."""
    if one.name == ROW:
        return "the number of the row"
    if one.prose:
        return "free text"
    each = one.distinct == len(one.values) > FEW_ROWS
    counted = one.kind == "whole" and (column_kinds.named_id(one) or column_kinds.counts(one))
    if each and (one.kind == "text" or counted or column_kinds.ROW_NAMES.fullmatch(one.name)):
        return "another value in each row: it names the row"
    number = one.kind in ("whole", "number")
    if number and column_kinds.named_of_many(one) and one.distinct > column_kinds.FEW:
        return "an id: a number that is only a name"
    seldom = one.kind == "text" and one.distinct > max(FEW_ROWS, SELDOM * one.values.notna().sum())
    return "hardly a value comes twice" if seldom else ""


OFTEN, RARELY = 5, 0.001  # rows, and their share, from which on an odd number is no slip of a pen
SELDOM = 0.5  # different values of a text, as a share of its rows, from which on it names rows
FEW_ROWS = 50  # up to which a number may differ in each row by itself


def give_away(
    found: dict[str, Column],
    label: Column,
    task: Task,
    positive: str | None,
    inputs: Sequence[str],
    suspected: list[str],
) -> dict[str, str]:
    """Inputs that are the label in other words: alone, or two of them; what nearly is one is suspected."""
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
        one, values = found[name], found[name].values[rows].head(SAMPLE)
        if one.kind in ("number", "whole", "flag"):
            numbers[name] = values.to_numpy(np.float64, na_value=np.nan)
        few = one.distinct <= min(column_kinds.FEW, len(values) / EACH if name in numbers else np.inf)
        if few and _one_label_each(values, truth):
            given[name] = f"it gives {label.name} away: each of its values has one label"
    told = {name: _told(values, truth.to_numpy(), task) for name, values in numbers.items()}
    alone = f"it gives {label.name} away: alone it tells nearly every row"
    sure = (1 + SURE) / 2 if task == "regression" else SURE
    given |= {name: alone for name, share in told.items() if share > sure}
    if task == "regression":
        given |= _two_that_make(label, truth.to_numpy(), list(numbers.items())[:NUMBERS_MAX])
        rest = {name: found[name].values[rows].head(SAMPLE) for name in inputs if name not in given}
        given |= _in_order(label, truth, rest)
    if task != "multiclass":
        left = {name: values for name, values in list(numbers.items())[:NUMBERS_MAX] if name not in given}
        given |= _lines(label, truth.to_numpy(), left, suspected)
    near = [name for name, share in told.items() if MUCH < share <= sure and name not in given]
    each = [
        name
        for name in told
        if name not in (*given, *near)
        and found[name].kind == "whole"
        and found[name].distinct == len(found[name].values) > FEW_ROWS
    ]
    which = "alone it" if len(near) == 1 else "each alone"
    suspected += _of_some(near, f"{which} tells {label.name} in most rows: is it known before the label?")
    suspected += _of_some(each, "another value in each row: leave it out if it only names the row")
    return given


def _of_some(names: Sequence[str], words: str) -> list[str]:
    """One line of the first three names and how many more there are; none where there are no names."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"{', '.join(names[:3])}{more}: {words}"] if names else []


def _lines(
    label: Column, truth: np.ndarray, left: dict[str, np.ndarray], suspected: list[str]
) -> dict[str, str]:
    """Sums of columns that are the label; a line of other counts is only suspected."""
    given: dict[str, str] = {}
    while line := label_line.find(truth, left):
        if line.plain:
            given |= dict.fromkeys(line.parts, f"it gives {label.name} away: {label.name} = {line}")
        else:
            words = f"a line through them is {label.name} to the last digit: are they known before it?"
            suspected.append(f"{', '.join(line.parts)}: {words}")
        left = {name: values for name, values in left.items() if name not in line.parts}
    return given


def _in_order(label: Column, truth: pd.Series, values: Mapping[str, pd.Series]) -> dict[str, str]:
    """Columns that put all rows in the order of their labels, alone or as the sum or difference of two."""
    given: dict[str, str] = {}
    rows = pd.DataFrame({**values, "label": truth})
    while len(rows.columns) > 1 and len(rows) >= ENOUGH:
        named, order = label_order.strongest(rows.iloc[::2], rows.iloc[1::2], classes=False)
        if order < ORDERED:
            break
        alone = named.removesuffix(label_order.BY_TRAINING)
        gone = [alone] if alone in values else re.split(r" [+-] ", named)
        given |= dict.fromkeys(gone, f"it gives {label.name} away: {named} puts all rows in its order")
        rows = rows.drop(columns=gone)
    return given


def _one_label_each(values: pd.Series, truth: pd.Series) -> bool:
    """Whether nearly all rows of one value have one label, and that says more than the usual label does."""
    usual = truth.groupby(values.astype("str").to_numpy()).transform(lambda one: one.mode().iloc[0])
    wrong, without = (int(np.not_equal(truth, guessed).sum()) for guessed in (usual, truth.mode().iloc[0]))
    return wrong <= min(0.001 * len(truth), 0.01 * without)


def _two_that_make(
    label: Column, truth: np.ndarray, numbers: Sequence[tuple[str, np.ndarray]]
) -> dict[str, str]:
    """Pairs of columns of which the label is the sum, mean, difference, product or ratio."""
    given: dict[str, str] = {}
    for first, second in combinations(numbers, 2):
        if made := _made_of(first, second, truth):
            reason = f"it gives {label.name} away: {label.name} = {made}"
            given |= {first[0]: reason, second[0]: reason}
    return given


def _made_of(first: tuple[str, np.ndarray], second: tuple[str, np.ndarray], truth: np.ndarray) -> str:
    """How two columns make the label, as a + b; nothing where they do not."""
    (one, a), (other, b) = first, second
    if _same((a[:FEW_ROWS] + b[:FEW_ROWS]) / 2, truth[:FEW_ROWS]) and _same((a + b) / 2, truth):
        return f"({one} + {other}) / 2"
    for sign, way in (("+", np.add), ("*", np.multiply), ("-", np.subtract), ("/", np.divide)):
        for (one, a), (other, b) in ((first, second), (second, first)):
            with np.errstate(all="ignore"):
                start = way(a[:FEW_ROWS], b[:FEW_ROWS])  # most pairs fail on the first rows
                if _same(start, truth[:FEW_ROWS]) and _same(way(a, b), truth):
                    return f"{one} {sign} {other}"
    return ""


def _same(made: np.ndarray, truth: np.ndarray) -> bool:
    known = np.isfinite(made)
    return bool(known.mean() > 0.9 and np.allclose(made[known], truth[known], rtol=1e-6, atol=1e-9))


def _told(values: np.ndarray, truth: np.ndarray, task: Task) -> float:
    """What a number tells of the label alone, from 0.5 to 1: pairs of rows that it puts in order; else 0."""
    known = np.isfinite(values)
    if known.mean() < 0.9 or len(np.unique(values[known])) < 2:
        return 0.0
    ranks = pd.Series(values[known]).rank().to_numpy()
    if task == "regression":
        of_truth = pd.Series(truth[known]).rank().to_numpy()
        return float(1 + abs(np.corrcoef(ranks, of_truth)[0, 1])) / 2
    if task == "multiclass":  # in the order of values, a class is one run of rows
        changes = int((np.diff(truth[known][np.argsort(ranks, kind="stable")]) != 0).sum())
        rows = known.sum()  # of which some have the class of the one before, else nothing is told
        return float(changes < min(len(np.unique(truth)) + 0.001 * rows, 0.5 * rows))
    ones = truth[known] == 1
    pairs = ones.sum() * (~ones).sum()
    won = ranks[ones].sum() - ones.sum() * (ones.sum() + 1) / 2
    return float(max(won / pairs, 1 - won / pairs)) if pairs else 0.0
