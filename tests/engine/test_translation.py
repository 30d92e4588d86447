"""What Spark is asked for means what DuckDB is asked for, or is refused by name before anything runs."""

import ibis
import numpy as np
import pandas as pd
import pytest

from loop.base.errors import LoopError
from loop.engine import asof, duckdb_engine, translation

T = ibis.table({"shop": "string", "at": "timestamp", "price": "float64", "units": "int64"}, name="t")
V = ibis.table(T.schema(), name="v")


@ibis.udf.scalar.python
def doubled(value: float) -> float:
    return 2 * value


REFUSED = {
    "sums floats": lambda: T.group_by("shop").agg(total=T.price.sum()),
    "uses Mean": lambda: T.group_by("shop").agg(mean=T.units.mean()),
    "uses Median": lambda: T.group_by("shop").agg(median=T.price.median()),
    "uses Arbitrary": lambda: T.group_by("shop").agg(some=T.price.arbitrary()),
    "uses RowNumber": lambda: T.mutate(number=ibis.row_number().over(order_by="at")),
    "uses RandomScalar": lambda: T.mutate(luck=ibis.random()),
    "uses Limit": lambda: T.limit(3),
    "calls `doubled`": lambda: T.mutate(price=doubled(T.price)),
    "rounds to decimals": lambda: T.mutate(price=T.price.round(2)),
    "counts hours": lambda: T.mutate(hours=T["at"].delta(ibis.timestamp("2020-01-01"), unit="hour")),
    "makes string of int64": lambda: T.mutate(units=T.units.cast("string")),
    "joins by `outer`": lambda: T.outer_join(T.view(), "shop"),
    "looks for a row that is known later": lambda: T.asof_join(V, T["at"] <= V["at"], "shop"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_spark_may_compute_otherwise_is_refused_with_the_reason(why):
    with pytest.raises(LoopError, match=why):
        translation.of(REFUSED[why](), "view `v`")


def frame(rng, rows: int) -> pd.DataFrame:
    """Some instants and shops repeat, some are missing; one shop has half of the rows."""
    at = pd.date_range("2020-01-01", periods=50, freq="min", unit="us").to_series(index=None)
    found = pd.DataFrame({"shop": rng.choice([*"aaabc"], rows), "at": rng.choice(at, rows)})
    found = found.assign(price=rng.normal(size=rows))
    found.loc[rng.random(rows) < 0.1, "at"] = pd.NaT
    found.loc[rng.random(rows) < 0.1, "shop"] = None
    return found


@pytest.mark.parametrize("at_once", [True, False])
def test_an_as_of_join_without_one_finds_the_same_rows(at_once):
    rng = np.random.default_rng(7)
    asked = frame(rng, 400).rename_axis("number").reset_index()
    log = frame(rng, 300).drop_duplicates(["shop", "at"]).rename(columns={"at": "known_at"})
    with duckdb_engine.opened({"asked": asked, "log": log}) as engine:
        joined = as_of(*engine.tables.values(), at_once=at_once)
        plain = asof.without(joined)
        assert "ASOF" in ibis.to_sql(joined)
        assert "ASOF" not in ibis.to_sql(plain)
        expected, found = (engine.frame(one.order_by("number")) for one in (joined, plain))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert found["known_at"].notna().mean() > 0.5


def as_of(left, right, *, at_once: bool):
    on = left["at"] >= right["known_at"] if at_once else left["at"] > right["known_at"]
    joined = left.asof_join(right, on=on, predicates=["shop"], rname="{name}_of_log")
    return joined.select("number", "at", "known_at", twice=joined["price_of_log"] * 2)
