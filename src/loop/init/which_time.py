"""When rows were decided and their labels known, how far apart they are, and where none came."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from loop.base.errors import LoopError, UsageError
from loop.init import column_kinds
from loop.init.column_kinds import Column
from loop.init.data_file import DataFile
from loop.init.guessed import Options, Said, column
from loop.kit.column_values import SHEET, SINCE_1970, typed

TIMES = (
    "decided_at",
    "timestamp",
    "datetime",
    "time",
    "date",
    "created_at",
    "created",
    "day",
    "hour",
    "at",
    "ts",
    "epoch",
)
YEARS = ("%Y", "%Y.0")  # times that are written as digits alone
NUMBERED = {  # and their form
    **{"%Y%m": r"\d{6}", "%Y%m.0": r"\d{6}\.0", "%Y%m%d.0": r"\d{8}\.0", "%y%m%d": r"\d{6}"},
    **{"%d%m%Y": r"\d{8}", "%m%d%Y": r"\d{8}", "%d%m%y": r"\d{6}", "%m%d%y": r"\d{6}"},
}
FIRMS_MIN = 10  # of which each has a row in each year, from which on years are when rows came
MONTHS = 6  # different times, from which on digits that read as times hardly do so by chance
OF_SHEETS = (29_221, 62_090)  # days of 1980 until 2069, as spreadsheets count them
IN_2001 = {"seconds": 1e9, "milliseconds": 1e12, "microseconds": 1e15, "nanoseconds": 1e18}  # since 1970
PERIODS = {"D": "day", "W-SUN": "week", "W-SAT": "week", "M": "month", "Q": "quarter", "Y": "year"}
LAST = 2099  # the last year that a server takes a decision of


def time(
    data: DataFile, found: dict[str, Column], label: Column, options: Options, said: list[Said]
) -> Column | None:
    """The column that says when a row was decided, as instants; None where none does. Raises UsageError."""
    if options.time == "none":
        return None
    if options.time:
        given = column(found, options.time, "--time")
        time = given if given.kind == "instant" else _numbered(given, data.frame[given.name], options)
        if time is None:
            some = ", ".join(map(str, given.values.dropna().unique()[:3]))
            raise UsageError(
                f"--time {options.time}: not all of its values are times of one form ({some})",
                "days, instants, months or years",
                "bring them into one form, such as 2024-05-31T12:00Z; or say --time none",
            )
        if time.values.isna().any():
            raise UsageError(
                f"--time {options.time} is missing in {int(time.values.isna().sum()):,} rows",
                "a time for each row",
                "drop those rows, or name another column",
            )
        return _of_these_days(time)
    others = [one for one in found.values() if one.name != label.name]
    times = [one for one in others if one.kind == "instant" and not one.missing]
    if not times:
        named = [one for one in others if _named_time(one) and not one.missing]
        made = (_numbered(one, data.frame[one.name], options, years=()) for one in named)
        times = [one for one in made if one and (one.dates != SHEET or column_kinds.DATED.search(one.name))]
    if not times and (panel := _years_of_each(others, data)):
        year, whose = panel
        said.append(
            Said(f"time of decision: {year.name}", f"each {whose} has a row in each", "likely", "--time")
        )
        return year
    if not times:
        reason = "no column holds a time in each row: rows are held out by a hash"
        said.append(Said("time: none", reason, "likely", "--time"))
        return None
    rank = {name: at for at, name in enumerate(TIMES)}
    best = min(times, key=lambda one: (one.values.astype("int64").mean(), rank.get(one.name, 99)))
    reason = "the earliest of the times" if len(times) > 1 else "the only column with a time in each row"
    if finer := [one for one in times if period_of(best, one, options.zone or "UTC")]:
        coarse, best = best, max(finer, key=lambda one: one.distinct)
        word = period_of(coarse, best, options.zone or "UTC")
        reason = f"the earliest of the times; {coarse.name} is its {word}"
    if best.dates in {*NUMBERED, SHEET} and best.name in data.frame:
        reason += f"; {data.frame[best.name].iloc[-1]} is {best.values.iloc[-1]:%Y-%m-%d}"
    said.append(Said(f"time of decision: {best.name}", reason, "likely", "--time"))
    return _of_these_days(best)


def _years_of_each(columns: Sequence[Column], data: DataFile) -> tuple[Column, str] | None:
    """The column of years of which each firm, shop or country has all, and that of these; else None."""
    named = [one for one in columns if _named_time(one) and one.kind == "whole" and one.distinct > 1]
    years = [made for one in named if (made := _numbered(one, data.frame[one.name], Options()))]
    for year in years:
        for one in columns:
            whole = one.distinct >= FIRMS_MIN and one.distinct * year.distinct == len(one.values)
            if whole and one.kind in ("text", "whole") and one.name != year.name:
                pairs = pd.DataFrame({"one": one.values, "at": year.values})
                if not pairs.duplicated().any():
                    return year, one.name
    return None


def _named_time(one: Column) -> bool:
    return one.name in TIMES or bool(column_kinds.OF_TIME.search(one.name))


def period_of(coarse: Column, fine: Column, zone: str) -> str:
    """The unit, as `week`, of which one column of times holds the first day of another's; else nothing."""
    first, at = (one.values.dt.tz_convert(zone).dt.tz_localize(None) for one in (coarse, fine))
    if first.equals(at):
        return ""
    periods = ((word, at.dt.to_period(form).dt.start_time) for form, word in PERIODS.items())
    return next((word for word, starts in periods if (starts == first).all()), "")


def _of_these_days(time: Column) -> Column:
    """A time as it is. Raises LoopError where it goes on beyond what a server takes."""
    if time.values.dt.year.max() > LAST:
        raise LoopError(
            f"{time.name} goes on until {time.values.dt.year.max()}",
            f"times until {LAST}",
            "make what stands for `never` missing, or name another column",
        )
    return time


def _numbered(
    given: Column, values: pd.Series, options: Options, years: Sequence[str] = YEARS
) -> Column | None:
    """Counts since 1970, days, months or years that are written as numbers, as instants."""
    zone = options.zone or "UTC"
    if form := since_1970(given):
        dates = f"{form}{SINCE_1970}"
        return Column(given.name, "instant", typed("instant", values, dates=dates), dates=dates, zoned=True)
    if given.kind not in ("whole", "number", "text"):
        return None
    ways: dict[str, pd.Series] = {}
    texts = values.dropna().astype("str").str.strip()
    for dates in (*years, *NUMBERED):
        if not texts.str.fullmatch(NUMBERED.get(dates, r"\d{4}(\.0)?")).all():
            continue
        try:
            at = typed("instant", values, dates=dates, zone=zone)
        except ValueError:
            continue
        if at.dropna().dt.year.between(1000, LAST + 1).all():
            ways[dates] = at
    if given.kind in ("whole", "number") and given.values.dropna().between(*OF_SHEETS).all():
        ways.setdefault(SHEET, typed("instant", values, dates=SHEET, zone=zone))
    if not ways:
        return None
    dates = next((form for form, at in ways.items() if at.dropna().is_monotonic_increasing), next(iter(ways)))
    other = next((form for form, at in ways.items() if form not in {dates, SHEET}), "")
    return Column(given.name, "instant", ways[dates], dates=dates, other_dates=other)


def since_1970(one: Column) -> str:
    """What a column counts since 1970, if its numbers look so; else nothing."""
    values = one.values.dropna()
    if one.kind == "text" and values.str.fullmatch(r"\d{19}").all():  # more digits than a number keeps
        values = values.astype("float64")
    elif one.kind not in ("whole", "number"):
        return ""
    return next((form for form, of in IN_2001.items() if values.between(of, 2.1 * of).all()), "")


def may_be(one: Column, data: DataFile) -> str:
    """What says that a column holds times, where it is not taken for one; nothing where nothing does."""
    if one.kind == "instant" and one.missing:
        return f"it holds times, and none in {int(one.values.isna().sum()):,} rows: --time needs one in each"
    if one.kind in ("instant", "flag") or one.missing or one.distinct == 1:
        return ""
    named = column_kinds.OF_TIME.search(one.name)
    made = _numbered(one, data.frame[one.name], Options(), years=YEARS if named else ())
    sheet = made is not None and made.dates == SHEET and not one.values.is_monotonic_increasing
    if made is not None and not sheet and (named or one.distinct >= MONTHS):
        counts = made.dates.endswith(SINCE_1970)
        way = (
            f"in {made.dates}"
            if counts
            else f"{data.frame[one.name].iloc[-1]} is {made.values.iloc[-1]:%Y-%m-%d}"
        )
        return f"it may say when rows came, {way}: --time {one.name} holds out the newest ones, not any"
    if not named:
        return ""
    first = data.frame[one.name].iloc[0]
    dated = one.kind == "text" and one.values.str.contains(r"\d").all()
    if dated or (column_kinds.DATED.search(one.name) and one.kind == "whole"):
        return f"it is called a time, and {first!r} is in no form of one: write it as 2024-05-31"
    return ""


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
        if early := int((known.values <= time.values).sum()):
            raise UsageError(
                f"--known {options.known}: in {early:,} rows it is not after {time.name}",
                "labels that come after the decision",
                "name another column, or say with --label-after how long a label takes",
            )
        return _of_these_days(known).name, pd.Timedelta(0)
    if options.after is not None:
        return None, options.after
    if time is None:
        return None, pd.Timedelta(seconds=1)
    step = unit(time)
    word = _word(step)
    reason = f"rows come {_apart(gap(time), step)} apart; nothing says when the label comes"
    said.append(Said(f"label known: {word} after the decision", reason, "unsure", "--label-after"))
    return None, step


def gap(time: Column) -> pd.Timedelta:
    """How far rows of different times are apart, in the middle."""
    gaps = np.diff(np.unique(time.values.to_numpy("datetime64[s]")))
    return pd.Timedelta(np.median(gaps)) if len(gaps) else pd.Timedelta(days=1)


def unit(time: Column) -> pd.Timedelta:
    """How fine the times are: an hour, a day, or what lies between most."""
    step = gap(time) / pd.Timedelta(hours=1)
    for hours in (1, 24, 7 * 24, 31 * 24, 92 * 24):
        if step <= hours:
            return pd.Timedelta(hours=hours)
    return pd.Timedelta(days=365)


def _word(step: pd.Timedelta) -> str:
    words = {1: "a day", 7: "a week", 31: "a month", 92: "a quarter", 365: "a year"}
    return words.get(step.days, "an hour")


def _apart(between: pd.Timedelta, step: pd.Timedelta) -> str:
    """How far rows are apart, in words: the unit of the times, where it is about that."""
    if 0.85 * step <= between <= 1.01 * step:
        return _word(step)
    for word, long in (("years", 730), ("days", 2), ("hours", 2 / 24), ("minutes", 2 / 1440)):
        if between >= pd.Timedelta(days=long):
            return f"about {round(2 * between / pd.Timedelta(days=long))} {word}"
    return "less than two minutes"


def holes(time: Column) -> str:
    """The longest time without a row, where it is far longer than others."""
    at = np.unique(time.values.to_numpy("datetime64[s]"))
    gaps = np.diff(at) / np.timedelta64(1, "h")
    if len(gaps) < 20 or gaps.max() <= 10 * np.quantile(gaps, 0.99):
        return ""
    start, end = (pd.Timestamp(at[gaps.argmax() + after]) for after in (0, 1))
    return f"{time.name}: no row between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M}"
