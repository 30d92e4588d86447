"""What changed within the rows is a warning of `validate` until a person has explained it."""

import json
from dataclasses import replace

import pandas as pd
import pytest
import yaml

from conftest import ROOT
from loop.data import feed_changes
from loop.data.feed_tables import Table
from loop.data.told_change import Change
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
