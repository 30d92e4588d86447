"""What the columns mean: label, time, key, what a caller sends, what looks wrong; each guess with its reason.

An option of the command takes the place of a guess. What is left out says why; nothing is asked.
"""

import pandas as pd

from loop.base.errors import LoopError, UsageError
from loop.init import column_kinds, left_out, which_label, which_time
from loop.init.column_kinds import Column
from loop.init.data_file import ROW, DataFile
from loop.init.guessed import Guess, Options, Said, column


def guess(data: DataFile, options: Options) -> Guess:
    """What the data mean. Raises LoopError where no model can be had from them, UsageError for an option."""
    zone = options.zone or "UTC"
    found = column_kinds.every(data.frame, zone)
    said: list[Said] = []
    label = which_label.label(data, found, options, said)
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
    _one_part_each(label, time, known, key, options, found)
    left, suspected = left_out.unusable(data, found, label, time, known, key, options)
    fixed = {label.name, *([time.name] if time else []), *([known] if known else []), *key}
    inputs = [name for name in found if name not in fixed and name not in left]
    for name, reason in left_out.give_away(found, label, task, positive, inputs, suspected).items():
        left[name] = reason
        inputs.remove(name)
    if not inputs and time is None:
        raise LoopError(
            f"{data.path}: no column is left to learn from ({'; '.join(left.values()) or 'label alone'})",
            "at least one beside the label",
            "look at what is left out, and name the label with --label",
        )
    return Guess(
        data, found, label, task, positive, classes, time, known, after, key or ("row",), not key, zone,
        tuple(inputs), left, tuple(said), tuple(suspected),
    )  # fmt: skip


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
        and one is not label
        and not (time and one.name == time.name)
        and not which_time.since_1970(one)
        and not (one.personal or one.prose or one.unusable)
    ]
    alone = [one for one in usable if one.distinct == len(one.values)]
    if named := [
        one for one in alone if one.kind == "text" or column_kinds.CODE.search(one.name) or one.name == ROW
    ]:
        said.append(Said(f"key: {named[0].name}", "it has a different value in each row", "sure", "--key"))
        return (named[0].name,)
    if counted := [one for one in alone if one.kind == "whole" and column_kinds.counts(one)]:
        reason = "it counts the rows: a different whole number in each"
        said.append(Said(f"key: {counted[0].name}", reason, "likely", "--key"))
        return (counted[0].name,)
    reason = "no column that could be a key has another value in each row"
    said.append(Said("key: the number of the row", reason, "likely", "--key"))
    return ()


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
    of: dict[str, str] = {}
    for name, part in parts:
        if name in of:
            raise UsageError(
                f"{name} is {of[name]} and {part}",
                "one part for each column",
                "name another, or leave an option out (without --key the number of the row is the key)",
            )
        of[name] = part
