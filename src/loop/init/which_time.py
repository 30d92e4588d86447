"""When rows were decided and their labels known, how far apart they are, and where none came."""

import numpy as np
import pandas as pd

from loop.base.errors import UsageError
from loop.init.column_kinds import Column
from loop.init.guessed import Options, Said, column
from loop.kit.sources import typed

TIMES = ("decided_at", "timestamp", "datetime", "time", "date", "created_at", "created", "day", "hour", "at")


def time(found: dict[str, Column], label: Column, options: Options, said: list[Said]) -> Column | None:
    """The column that says when a row was decided, as instants; None where none does. Raises UsageError."""
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


def zone(time: Column, options: Options, said: list[Said]) -> None:
    """Say which zone is taken for times that name none."""
    if not time.zoned and options.zone is None:
        said.append(Said("zone: UTC", f"{time.name} names none", "unsure", "--zone"))


def known(
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


def holes(time: Column) -> str:
    """The longest time without a row, where it is far longer than others."""
    at = np.unique(time.values.to_numpy("datetime64[s]"))
    gaps = np.diff(at) / np.timedelta64(1, "h")
    if len(gaps) < 20 or gaps.max() <= 10 * np.quantile(gaps, 0.99):
        return ""
    start, end = (pd.Timestamp(at[gaps.argmax() + after]) for after in (0, 1))
    return f"{time.name}: no row between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M}"
