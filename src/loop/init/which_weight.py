"""Which column says how much a row counts: the weight of a survey, an exposure."""

import re
from collections.abc import Collection

import numpy as np

from loop.base.errors import UsageError
from loop.init.column_kinds import Column
from loop.init.guessed import Options, Said, column

SAYS_IT = re.compile(
    r"(^|_)(fnlwgt|fin(a|al)?_?lwgt|finlwt|p_?weights?|"
    r"(sample|sampling|survey|person|case|row|freq|prob|design)_?(weights?|wgt|wt))(_|$)"
)
MAY_SAY_IT = re.compile(  # or a car's, or a light's; with a unit it is a thing's
    r"(^|_)(weights?|wgt|wt|exposure|freq|frequency)(?!_(in_)?(lbs?|kgs?|g|grams?|pounds?|oz|tons?|hz)(_|$))(_|$)"
)
NORMALISED = 0.01  # from 1, the mean of weights that sum to the number of rows


def weight(
    found: dict[str, Column], label: Column, taken: Collection[str], options: Options, said: list[Said]
) -> str | None:
    """The column of weights; None where all rows count the same. Raises UsageError."""
    if options.weight == "none":
        return None
    if options.weight:
        one = column(found, options.weight, "--weight")
        if one.name in taken or not usable(one):
            raise UsageError(
                f"--weight {options.weight}: it is the label, a time or the key, or no weight in each row",
                "numbers that are finite, 0 or more, not all 0, one in each row",
                "name another column, or `none`",
            )
        return one.name
    there = [one for one in found.values() if one.name not in taken and usable(one)]
    named = [one for one in there if SAYS_IT.search(one.name)]
    reason = "its name says so"
    if not named:
        named = [one for one in there if MAY_SAY_IT.search(one.name) and _normalised(one)]
        reason = "its name may say so, and its mean is 1"
    if len(named) != 1:
        return None
    said.append(Said(f"weight of a row: {named[0].name}", reason, "likely", "--weight"))
    return named[0].name


def usable(one: Column) -> bool:
    """Whether a column may weigh rows: finite numbers, 0 or more, not all 0, none missing."""
    return (
        one.kind in ("number", "whole")
        and not one.missing
        and bool((one.values >= 0).all() and (one.values > 0).any())
    )


def may_be(one: Column) -> bool:
    """Whether its name says that a column may weigh rows."""
    return usable(one) and bool(SAYS_IT.search(one.name) or MAY_SAY_IT.search(one.name))


def _normalised(one: Column) -> bool:
    return one.distinct > 1 and bool(np.isclose(one.values.mean(), 1, rtol=0, atol=NORMALISED))
