"""What the columns mean: label, time, key, what a caller sends, what looks wrong; each guess with its reason.

An option of the command takes the place of a guess. What is left out says why; nothing is asked.
"""

from dataclasses import replace

import pandas as pd

from loop.base.errors import LoopError, UsageError
from loop.init import column_kinds, left_out, time_in_parts, which_label, which_time, which_weight
from loop.init.column_kinds import Column
from loop.init.data_file import DataFile
from loop.init.guessed import Guess, Options, Said, column

GROUPS_MIN = 10  # groups from which on they may be held out, or resampled, whole
TIMES_FEW = 40  # different times, of which the fifth that judges is too few to be resampled


def guess(data: DataFile, options: Options) -> Guess:
    """What the data mean. Raises LoopError where no model can be had from them, UsageError for an option."""
    zone = options.zone or "UTC"
    found = column_kinds.every(data.frame, zone)
    said: list[Said] = []
    label = which_label.label(data, found, options, said)
    data, made = time_in_parts.find(data, found, label, options)
    if made:
        found[made] = time_in_parts.read(data, made, zone)
        options = replace(options, time=None if options.time is None else made)
    task, positive = which_label.task(label, options, said)
    classes: tuple[str, ...] = ()
    if task == "multiclass":
        label = which_label.as_names(label, data)
        classes = which_label.in_order(label.values.dropna().unique())
    time = which_time.time(data, found, label, options, said)
    if time is not None:
        which_time.zone(time, options, said)
    known, after = which_time.known(found, time, label, options, said)
    key = _key(data, found, time, label, options, said)
    group = _group(found, time, label, key, options, said)
    _one_part_each(label, time, known, key, options, found)
    fixed = {label.name, *([time.name] if time else []), *([known] if known else []), *key}
    weight = which_weight.weight(found, label, fixed, options, said)
    if weight is not None:
        fixed.add(weight)
        group = None if group == weight else group
    parts = set(time_in_parts.names(data, made)) - fixed if time is not None and time.name == made else set()
    left, suspected = left_out.unusable(data, found, label, time, task, fixed | parts, options)
    if not key and time is not None and not data.query and not time.values.is_monotonic_increasing:
        suspected.append(
            f"rows are not in the order of {time.name}, and their number is the key: a file with new rows "
            "between these numbers them anew; write new ones at the end, or name the columns of a --key"
        )
    suspected += time_in_parts.unsure(data, found, made)
    left |= dict.fromkeys(sorted(parts), f"part of {made}, which says it too")
    if group is not None and found[group].kind == "whole":
        left.setdefault(group, "an id: a number that is only a name")
    if group is not None and (time is None or group in left):  # of what is held out whole, none is learnt
        fixed.add(group)
        left.pop(group, None)
    inputs = [name for name in found if name not in fixed and name not in left]
    for name, reason in left_out.give_away(found, label, task, positive, inputs, suspected).items():
        left[name] = reason
        inputs.remove(name)
    if not inputs and time is None:
        raise LoopError(
            f"{data.path}: no column is left to learn from ({_reasons(left) or 'label alone'})",
            "at least one beside the label",
            "look at what is left out; --label names the label, --time what says when rows came",
        )
    return Guess(
        data, found, label, task, positive, classes, time, known, after, key or ("row",), not key, zone,
        tuple(inputs), left, tuple(said), tuple(suspected), group, weight,
    )  # fmt: skip


def _reasons(left: dict[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in list(left.items())[:5])


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
        if twice := int(pd.DataFrame({name: found[name].values for name in names}).duplicated().sum()):
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
        and one.name != label.name
        and not (time and one.name == time.name)
        and not which_time.since_1970(one)
        and not (one.personal or one.prose or one.unusable)
    ]
    alone = [one for one in usable if one.distinct == len(one.values)]
    if named := [one for one in alone if _is_name(one)]:
        said.append(Said(f"key: {named[0].name}", "it has a different value in each row", "sure", "--key"))
        return (named[0].name,)
    if counted := [one for one in alone if one.kind == "whole" and column_kinds.counts(one)]:
        reason = "it counts the rows: a different whole number in each"
        said.append(Said(f"key: {counted[0].name}", reason, "likely", "--key"))
        return (counted[0].name,)
    reason = "no column that could be a key has another value in each row"
    said.append(Said("key: the number of the row", reason, "likely", "--key"))
    return ()


def _is_name(one: Column) -> bool:
    """Whether what differs in each row names it, rather than being a time or an amount that was not read."""
    return column_kinds.named_row(one) or (one.kind == "text" and not column_kinds.unread(one))


def _group(
    found: dict[str, Column],
    time: Column | None,
    label: Column,
    key: tuple[str, ...],
    options: Options,
    said: list[Said],
) -> str | None:
    """The column of which rows with one value are alike: those of a person, of a shop. Raises UsageError."""
    if options.group == "none":
        return None
    if options.group:
        one = column(found, options.group, "--group")
        if one.missing or one.kind not in ("text", "whole") or one.name == label.name or one.name in key:
            raise UsageError(
                f"--group {options.group}: it is the label or the key, no text or whole number, or has gaps",
                "a column that says in each row whose it is",
                "name another, or `none`",
            )
        return one.name
    usable = [
        one
        for one in found.values()
        if one.kind in ("text", "whole")
        and not (one.name == label.name or one.name in key or one.personal or one.prose or one.unusable)
        and not one.missing
        and GROUPS_MIN <= one.distinct < len(one.values)
    ]
    if time is None:
        many = [one for one in usable if column_kinds.named_of_many(one)]
        reason = "an id that comes again: its rows train, or they judge, not both"
    else:
        few = time.distinct < TIMES_FEW
        many = [one for one in usable if few and one.name != time.name and _once_at_each(one, time)]
        reason = "it comes once at each time, and times are few: how sure figures are is said by it"
    if not many:
        return None
    name = max(many, key=lambda one: one.distinct).name
    said.append(Said(f"group: {name}", reason, "likely", "--group"))
    return name


def _once_at_each(one: Column, time: Column) -> bool:
    """Whether a text or an id names each row of one time, as a country does in a table by year."""
    alike = one.values.value_counts().nunique() == 1
    named = one.kind == "text" or column_kinds.named_of_many(one) or alike
    return named and not pd.DataFrame({"one": one.values, "at": time.values}).duplicated().any()


def _one_part_each(
    label: Column,
    time: Column | None,
    known: str | None,
    key: tuple[str, ...],
    options: Options,
    found: dict[str, Column],
) -> None:
    """Raises UsageError for a column that is to be two of label, time, key and what is left out."""
    parts = [(label.name, "the label"), *((name, "part of the key") for name in key)]
    parts += [(time.name, "the time of decision")] if time else []
    parts += [(known, "when the label is known")] if known else []
    parts += [(column(found, name, "--leave-out").name, "left out") for name in options.leave_out]
    if options.weight not in (None, "none"):
        parts.append((column(found, options.weight, "--weight").name, "how much a row counts"))
    of: dict[str, str] = {}
    for name, part in parts:
        if name in of:
            raise UsageError(
                f"{name} is {of[name]} and {part}",
                "one part for each column",
                "name another, or leave an option out (without --key the number of the row is the key)",
            )
        of[name] = part
