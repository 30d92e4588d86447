"""The values of a file's columns as those of the contract: what loop.data.values takes, and nothing else.

Columns that hold the contract's type already are taken whole; of all others each different value is asked.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from loop.data import columns as arrays
from loop.data import contract, values
from loop.data.columns import TIME, Array, Columns
from loop.data.contract import EXAMPLES, Breach

TODO = {
    int: "store whole numbers; in a CSV write them with the digits 0 to 9, without grouping",
    float: "store numbers, null where one is missing; in a CSV leave that cell empty, and write 5.5 for 5,5",
    bool: "store truths; in a CSV write true or false",
    str: "store the column as text",
    datetime: "store instants with their zone; as text in ISO 8601, such as 2013-06-03T00:25:00Z",
}
NO_ZONE = "add `--zone ZONE`, the zone they are in, such as UTC or Europe/London"
LOCAL = re.compile(values.LOCAL)


def columns(
    table: pa.Table,
    wanted: Mapping[str, pandera.Column],
    where: str,
    *,
    texts: bool,
    zone: ZoneInfo | None = None,
) -> tuple[Columns, list[Breach]]:
    """The table as columns, and what of it the contract's types do not take.

    `texts` says that it is of a CSV, `zone` where times without one are at home.
    """
    made: Columns = {}
    breaches: list[Breach] = []
    for name, column in wanted.items():
        found = _plain(table.column(name))
        if texts and arrays.plain(column) is not str:  # quotes around nothing say no more than nothing
            found = pc.if_else(pc.equal(found, ""), pa.scalar(None, found.type), found)
        made[name], wrong = _taken(column, found, texts, zone)
        missing = _missing(found)
        if missing.any() and not column.nullable:
            todo = f"fill or drop the rows without `{name}`"
            breaches.append(Breach(where, "not null", name, int(missing.sum()), (), todo))
        if wrong.any():
            breaches.append(
                _breach(where, column, found, wrong, () if texts else (f"found {found.type}",), zone)
            )
    return made, breaches


def _plain(found: pa.ChunkedArray) -> pa.Array:
    """The values alone, however they are encoded."""
    whole = pa.concat_arrays(found.chunks) if found.num_chunks else pa.array([], found.type)
    whole = whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole
    if pa.types.is_decimal32(whole.type) or pa.types.is_decimal64(whole.type):  # which no kernel counts
        return whole.cast(pa.decimal128(38, whole.type.scale))
    return whole


def _taken(
    column: pandera.Column, found: pa.Array, texts: bool, zone: ZoneInfo | None
) -> tuple[Array, Array]:
    """The column's array, and which values it does not take."""
    plain, kind = arrays.plain(column), found.type
    if pa.types.is_timestamp(kind) and plain is datetime:
        return _times(found, zone)
    if (pa.types.is_integer(kind) or pa.types.is_floating(kind)) and plain in (int, float):
        return _numbers(column, found)
    if _is_text(kind) and plain is str:
        return found.to_numpy(zero_copy_only=False), np.zeros(len(found), bool)
    if not (_is_text(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind)):
        made, _ = values.taken(column, [None] * len(found))
        return made, ~_missing(found)
    coded = found.dictionary_encode()
    each: Sequence[Any] = [None, *coded.dictionary.to_pylist()]  # the first stands for what is missing
    if texts:
        each = values.of_texts(column, each)
    made, wrong = values.taken(column, each) if plain is not datetime else _instants(column, each, zone)
    codes = coded.indices.fill_null(-1).to_numpy() + 1
    return made[codes], wrong[codes]


def _is_text(kind: pa.DataType) -> bool:
    return kind in (pa.string(), pa.large_string())


def _missing(found: pa.Array) -> Array:
    return np.asarray(found.is_null().to_numpy(zero_copy_only=False))


def _numbers(column: pandera.Column, found: pa.Array) -> tuple[Array, Array]:
    raw, missing = found.fill_null(0).to_numpy(zero_copy_only=False), _missing(found)
    if arrays.plain(column) is float:
        raw = raw.astype(np.float64)
        wrong = ~np.isfinite(raw)
    else:
        low, high = values.integers(column)
        wrong = np.zeros(len(raw), bool)
        if raw.dtype.kind == "f":
            raw = raw.astype(np.float64)  # a half reaches to 65,504
            wrong = ~((raw == np.trunc(raw)) & (np.abs(raw) <= values.EXACT))
            raw = np.where(wrong, 0, raw).astype(np.int64)
        wrong |= (raw < low) | (raw > high)
    made = np.where(wrong, 0, raw).astype(arrays.kind(column))
    if missing.any() and made.dtype.kind == "f":
        made[missing] = np.nan
    return made, wrong


def _times(found: pa.Array, zone: ZoneInfo | None) -> tuple[Array, Array]:
    """Instants, whatever zone they are stored with, which is only how they would be shown."""
    raw, missing, unit = found.cast(pa.int64()).fill_null(0).to_numpy(), _missing(found), found.type.unit
    first, last = (
        int(end.astype(f"datetime64[{unit}]").astype(np.int64)) for end in (values.EARLIEST, values.LATEST)
    )
    wrong = (raw < first) | (raw >= last)
    if unit == "ns":
        wrong |= raw % 1000 != 0
    made = np.where(wrong, 0, raw).astype(f"datetime64[{unit}]").astype(TIME)
    if found.type.tz is None:
        made = _at_home(made, zone)
    made[missing | wrong] = "NaT"
    return made, np.isnat(made) & ~missing


def _instants(column: pandera.Column, given: Sequence[object], zone: ZoneInfo | None) -> tuple[Array, Array]:
    """Texts as instants; those without a zone are at home in `zone`."""
    local = np.array([isinstance(text, str) and bool(LOCAL.fullmatch(text)) for text in given], bool)
    if zone is not None:
        given = [f"{text}Z" if here else text for text, here in zip(given, local, strict=True)]
    made, wrong = values.taken(column, given)
    if zone is not None:
        made[local] = _at_home(made[local], zone)
    return made, wrong | (local & np.isnat(made))


def _at_home(times: Array, zone: ZoneInfo | None) -> Array:
    """Local times of a zone as instants; NaT for one that there is twice or never, or without a zone."""
    if zone is None:
        return np.full(len(times), "NaT", TIME)
    there = pd.DatetimeIndex(times).tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    made = there.tz_convert("UTC").tz_localize(None).to_numpy().astype(TIME)
    made[values.outside(made)] = "NaT"
    return made


def _breach(
    where: str,
    column: pandera.Column,
    found: pa.Array,
    wrong: Array,
    kind: tuple[str, ...],
    zone: ZoneInfo | None,
) -> Breach:
    plain, some = arrays.plain(column), [_shown(one) for one in found.filter(pa.array(wrong))[:EXAMPLES]]
    todo = TODO[plain]
    if plain is datetime and (
        found.type == pa.timestamp(getattr(found.type, "unit", "us")) or LOCAL.fullmatch(some[0])
    ):
        todo = NO_ZONE if zone is None else f"write its offset too: {zone} has such a time twice, or never"
    return Breach(
        where, values.words(column), str(column.name), int(wrong.sum()), (*kind, *dict.fromkeys(some)), todo
    )


def _shown(value: pa.Scalar) -> str:
    try:
        return contract.shown(value.as_py(), 40)
    except (ValueError, OverflowError):  # of a year that Python has not
        return str(value.value)
