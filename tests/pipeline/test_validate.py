"""What changed within the rows is a warning of `validate` until a person has explained it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from weakref import ref

import pandas as pd
import pandera.pandas as pa
import pytest
import yaml

from conftest import ROOT
from loop.data import feed_changes, raw
from loop.data.feed_tables import Table
from loop.data.told_change import Change
from loop.kit.types import Repair
from loop.pipeline import validate
from loop.settings.paths import RAW, VALIDATION

MOVED = Change("readings", "warmth", "", "2013-03-04", "the level", "a mean of 4", "a mean of 9", 2.0, ())
ROWS = pd.DataFrame({"value": [1.0]})
READINGS = Table("readings", pd.DataFrame({"warmth": [1.0]}), "at", ["at"])
EXPLAINED = {"change": "readings.warmth", "since": "2013-03-04", "reason": "a new sensor"}


def find(*_, accepted):
    by = feed_changes.explained(MOVED, accepted)
    return [replace(MOVED, accepted=by and by.reason)]


@pytest.fixture
def validated(tmp_path, monkeypatch, capsys):
    """Runs `validate` on a feed that moved, with what params accept: the report and what was printed."""

    def run(*accepted):
        values = yaml.safe_load((ROOT / "params.yaml").read_text())
        values["monitor"]["accepted"] = list(accepted)
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
        (tmp_path / RAW).mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(tmp_path)
        report = {"rows": {}, "repairs": []}
        monkeypatch.setattr(validate, "validate", lambda *_, **__: ({"t": ROWS}, report, []))
        monkeypatch.setattr(validate.day_hashes, "of", lambda _: {})
        monkeypatch.setattr(validate.feed_tables, "tables", lambda *_: [READINGS])
        monkeypatch.setattr(validate.feed_changes, "find", find)
        validate.main()
        return json.loads((tmp_path / VALIDATION).read_text()), "".join(capsys.readouterr())

    return run


def test_a_change_is_a_warning_and_in_the_report(validated):
    report, said = validated()
    assert report["changes"] == [MOVED.as_json()]
    assert MOVED.summary in " ".join(said.split())


def test_a_change_that_is_explained_is_none_and_the_report_keeps_the_reason(validated):
    report, said = validated(EXPLAINED)
    assert (report["changes"], report["accepted"]) == ([], [EXPLAINED])
    assert "changed" not in said


def test_what_was_explained_of_days_that_train_no_more_is_left_out(validated):
    report, _ = validated(EXPLAINED, {**EXPLAINED, "since": "2012-03-04"})
    assert report["accepted"] == [EXPLAINED]


def test_a_place_that_no_table_has_explains_nothing_and_is_named_with_the_nearest(validated):
    report, said = validated({**EXPLAINED, "change": "readings.warmht of station west"})
    assert report["accepted"] == []
    assert "names readings.warmht of station west, which no table has" in " ".join(said.split())
    assert "did you mean readings.warmth?" in " ".join(said.split())


LIMITS, AT = None, pd.Timestamp("2024-01-01", tz="UTC")
COLUMNS = {"key": pa.Column("int64"), "x": pa.Column("float64", pa.Check.le(1, name="at most 1"))}
OF_TWO = {name: pa.DataFrameSchema(COLUMNS, unique=["key"], strict=True) for name in ("first", "second")}


class Read(Mapping):
    """Tables that are read when they are asked for; which of those that were read are still held."""

    def __init__(self, frames):
        self.frames, self.read = frames, []

    def __getitem__(self, name):
        assert not any(one() is not None for one in self.read), "an earlier raw table is held still"
        found = self.frames[name].copy()
        self.read.append(ref(found))
        return found

    def __iter__(self):
        return iter(self.frames)

    def __len__(self):
        return len(self.frames)


def rows(**columns) -> pd.DataFrame:
    return pd.DataFrame({"key": [1, 2, 3], "x": [0.1, 0.2, 0.3]}).assign(**columns)


@pytest.fixture
def of_two(monkeypatch):
    """Validates a problem of two tables, the first with a repair: report and breaches."""
    monkeypatch.setattr(raw.schema, "raw", lambda *_: OF_TWO)
    monkeypatch.setattr(raw.schema, "rules", lambda *_, **__: [])
    halved = Repair("halved", "first", "in another unit", lambda frame: frame.assign(x=frame["x"] / 2))
    copied = Repair("copied", "second", "as it is", lambda frame: frame.copy())
    monkeypatch.setattr(raw.schema, "REPAIRS", (halved, copied))
    monkeypatch.setattr(raw.day_hashes.source, "TIME", {"first": None, "second": None})
    return lambda tables: raw.validate(tables, LIMITS, since=AT, until=AT, as_of=AT)[1:]


def test_one_raw_table_is_held_at_a_time(of_two):
    report, breaches = of_two(Read({"first": rows(), "second": rows()}))
    assert (report["rows"], breaches) == ({"first": 3, "second": 3}, [])


def test_all_structures_come_before_all_values_and_every_table_is_counted(of_two):
    broken = {"first": rows(x=9.0), "second": rows(x="a")}
    report, breaches = of_two(broken)
    assert [(one.table, one.rule) for one in breaches] == [
        ("second", "type is float64"),
        ("first", "at most 1"),
    ]
    assert report["rows"] == {"first": 3, "second": 3}
    assert of_two({"first": rows()})[0]["rows"] == {"first": 3}
