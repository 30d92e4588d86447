"""A breach says rule, column, how many rows, three examples and what to do."""

from contextlib import nullcontext
from functools import partial

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from loop.data import breach_place, contract
from loop.kit import contracts

SCHEMA = pa.DataFrameSchema(
    {
        "id": pa.Column("int64"),
        "at": pa.Column("datetime64[us, UTC]"),
        "share": pa.Column("float64", pa.Check.in_range(0, 1, name="0 to 1", description="look at the unit")),
    },
    unique=["id"],
    strict=True,
)


def frame(**columns) -> pd.DataFrame:
    at = pd.date_range("2020-01-01", periods=4, tz="UTC", unit="us")
    return pd.DataFrame({"id": [1, 2, 3, 4], "at": at, "share": [0.1, 0.2, 0.3, 0.4]}).assign(**columns)


def only(found: list[contract.Breach]) -> contract.Breach:
    assert len(found) == 1, found
    return found[0]


def test_a_frame_that_keeps_its_contract_has_no_breach():
    assert contract.check(frame(), SCHEMA, "t") == []
    assert contract.require(frame(), SCHEMA, "t").equals(frame())


def test_an_empty_frame_with_the_right_types_keeps_its_contract():
    assert contract.check(frame().iloc[:0], SCHEMA, "t") == []


def test_a_missing_column_is_named():
    breach = only(contract.check(frame().drop(columns="share"), SCHEMA, "t"))
    assert (breach.rule, breach.column, breach.todo) == (
        "column missing",
        "share",
        "add `share` to the source",
    )


def test_a_renamed_column_is_recognised():
    found = contract.check(frame().rename(columns={"share": "shares"}), SCHEMA, "t")
    assert [(b.rule, b.column) for b in found] == [("column missing", "share"), ("column unknown", "shares")]
    assert found[0].todo == "rename `shares` to `share`"


def test_an_extra_column_is_refused():
    assert only(contract.check(frame(more=1), SCHEMA, "t")).rule == "column unknown"


def test_a_wrong_type_says_what_was_found_and_hides_no_other_breach():
    found = contract.check(frame(share="a", more=1), SCHEMA, "t")
    assert [b.rule for b in found] == ["type is float64", "column unknown"]
    assert found[0].examples[0].startswith("found str")


def test_times_without_a_zone_are_refused_with_what_to_do():
    naive = frame(at=frame()["at"].dt.tz_localize(None))
    assert "give the times a zone" in only(contract.check(naive, SCHEMA, "t")).todo


def test_values_out_of_range_are_counted_with_three_examples():
    breach = only(contract.check(frame(share=[2.0, 3.0, 4.0, 5.0]), SCHEMA, "t"))
    assert (breach.rule, breach.rows, breach.examples) == ("0 to 1", 4, ("2.0", "3.0", "4.0"))
    assert breach.todo == "look at the unit"


def test_nulls_are_counted_and_named_by_key():
    breach = only(contract.check(frame(share=[0.1, None, None, 0.2]), SCHEMA, "t"))
    assert (breach.rule, breach.column, breach.rows, breach.examples) == ("not null", "share", 2, ("2", "3"))


def test_repeated_keys_are_counted():
    breach = only(contract.check(frame(id=[1, 1, 2, 3]), SCHEMA, "t"))
    assert (breach.rule, breach.column, breach.rows) == ("key is unique", "id", 2)


def test_all_breaches_come_at_once_and_in_one_table():
    with pytest.raises(contract.ContractError) as error:
        contract.require(frame(id=[1, 1, 2, 3], share=[9.0, None, 0.1, 0.2]), SCHEMA, "t")
    output = str(error.value)
    assert len(error.value.breaches) == 3
    assert "table `t` breaks 3 rules" in output
    assert all(word in output for word in ("key is unique", "0 to 1", "not null", "look at the unit"))
    assert max(len(line) for line in output.splitlines()) < 120


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_slices_break_the_same_rules_as_the_whole(cut):
    for wrong in ({"share": [9.0, None, 8.0, 7.0]}, {"share": [*"abcd"], "more": 1}):
        whole = frame(**wrong)
        checked = contract.Slices(SCHEMA, "t")
        for part in (whole[:cut], whole[cut:]):
            checked.add(part)
        with pytest.raises(contract.ContractError) as found:
            checked.require()
        expected = contract.check(whole, SCHEMA, "t")
        assert sorted(found.value.breaches, key=str) == sorted(expected, key=str)
    contract.Slices(SCHEMA, "t").require()


def test_what_a_check_says_of_a_whole_column_is_broken_where_no_slice_keeps_it():
    weighed = pa.DataFrameSchema({"weight": contracts.weight()})
    rows = pd.DataFrame({"weight": [0.0, 0.0, 1.0, 0.0]})
    for kept, broken in ((rows, False), (rows * 0, True)):
        checked = contract.Slices(weighed, "t")
        for start in range(4):
            checked.add(kept[start : start + 1])
        with (
            pytest.raises(contract.ContractError, match="not all weights are 0") if broken else nullcontext()
        ):
            checked.require()


@pytest.mark.parametrize(
    ("value", "output"),
    [
        ("EV", "EV"),
        ("EV ", "'EV '"),
        ("E\u200bV", "'E\\u200bV'"),
        ("a  b", "'a  b'"),
        ("", "''"),
        (1.5, "1.5"),
    ],
)
def test_a_value_that_is_wrong_by_what_is_not_seen_is_quoted(value, output):
    assert contract.shown(value) == output


def test_of_a_personal_column_no_value_is_quoted_nor_of_one_that_is_unknown():
    """Breaches are in reports/validation.json, which git keeps, and in public logs."""
    schema = pa.DataFrameSchema(
        {"who": pa.Column("str", pa.Check.isin(["Ann"]), metadata={"personal": "hash"})}, unique=["who"]
    )
    found = contract.check(pd.DataFrame({"who": ["Bob", "Bob"]}), schema, "t")
    found += contract.check(pd.DataFrame({"who": [1], "whom": ["Bob"]}), schema, "t")
    assert len(found) == 4
    assert "Bob" not in contract.as_text(found)
    assert contract.HIDDEN in contract.as_text(found)


# Where a fault began


def readings(broken=lambda rows: rows["at"] < "2000", days: int = 20) -> pd.DataFrame:
    """Three readings a day of each of three stations; a share of 7 where it is `broken`."""
    at = pd.date_range("2020-01-01", periods=3 * days, freq="8h", tz="UTC", unit="us")
    rows = pd.DataFrame({"at": np.repeat(at, 3), "station": ["east", "north", "west"] * 3 * days})
    rows = rows.assign(id=range(len(rows)), day=rows["at"].dt.strftime("%Y-%m-%d"), share=0.5)
    return rows.assign(share=rows["share"].mask(broken(rows), 7.0))


BY_DAY = partial(breach_place.placed, time="at")
OF_STATIONS = pa.DataFrameSchema(
    {**SCHEMA.columns, "station": pa.Column("str"), "day": pa.Column("str")}, unique=["id"], strict=True
)
LATE, NORTH = "2020-01-09", "north"


def placed(rows: pd.DataFrame) -> contract.Breach:
    return only(contract.check(rows, OF_STATIONS, "t", BY_DAY))


def test_a_value_out_of_its_range_that_begins_at_one_group_on_one_day_is_named_with_both():
    rows = readings(lambda rows: (rows["at"] >= LATE) & (rows["station"] == NORTH))
    breach = placed(rows)
    assert breach.place == "t.share of station north, since 2020-01-09"
    where = "of station north, since 2020-01-09: was none of 24 rows, is 36 of 36 rows"
    assert breach.where == where == breach.as_json()["where"]
    assert where in contract.as_text([breach])


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        (lambda rows: rows["at"] >= LATE, "t.share, since 2020-01-09"),
        (lambda rows: rows["at"].dt.strftime("%Y-%m-%d") == LATE, "t.share, since 2020-01-09"),  # and heals
        (lambda rows: rows["id"] == 100, "t.share, since 2020-01-12"),  # of one row no group is told
        (lambda rows: rows["station"] == NORTH, "t.share of station north, since 2020-01-01 or before"),
        (lambda rows: rows["id"].isin([4]) | (rows["at"] >= LATE), "t.share, since 2020-01-09"),  # a stray
    ],
)
def test_a_fault_is_named_by_the_day_it_began_and_by_a_group_only_where_it_is_that_groups(broken, place):
    assert placed(readings(broken)).place == place


def test_examples_are_of_the_place_where_it_began():
    rows = readings(lambda rows: (rows["at"] >= LATE) & (rows["station"] == NORTH))
    rows.loc[[0, 1], "share"] = 5.0
    assert placed(rows).examples[0] == "7.0"


def test_rows_that_have_no_value_in_a_column_belong_to_none_of_its_groups():
    rows = readings(lambda rows: rows["at"] >= LATE)
    rows["station"] = rows["station"].where(rows["at"] < LATE)
    schema = pa.DataFrameSchema(
        {**OF_STATIONS.columns, "station": pa.Column("str", nullable=True)}, strict=True
    )
    assert only(contract.check(rows, schema, "t", BY_DAY)).place == "t.share, since 2020-01-09"


def test_a_column_that_is_personal_names_no_group():
    hidden = pa.DataFrameSchema(
        {**OF_STATIONS.columns, "station": pa.Column("str", metadata={"personal": "drop"})}, strict=True
    )
    rows = readings(lambda rows: (rows["at"] >= LATE) & (rows["station"] == NORTH))
    assert only(contract.check(rows, hidden, "t", BY_DAY)).place == "t.share, since 2020-01-09"


def test_rows_without_a_day_are_told_without_one():
    rows = readings(lambda rows: rows["id"] == 5)
    rows.loc[5, "at"] = pd.NaT
    (of_time, of_share) = contract.check(rows, OF_STATIONS, "t", BY_DAY)
    assert (of_time.where, of_share.where) == ("", "")
