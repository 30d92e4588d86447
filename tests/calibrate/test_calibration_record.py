"""What a calibration leaves for the next, and what the next says has moved."""

import json

import pytest

from loop.calibrate import calibration_record
from loop.calibrate.calibration_record import Data, Record
from loop.calibrate.proposal import Number

THEN, NOW = Data(900, 100, "2020-01-01", "2021-01-01"), Data(1900, 100, "2020-01-01", "2022-01-01")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"data": {}, "numbers": {}}', '{"data": null, "numbers": {"a": []}}', '{"numbers": 1}'],
)
def test_a_record_that_is_none_is_as_if_there_were_none(text):
    assert calibration_record.read() == Record()
    calibration_record.RECORD.write_text(text)
    assert calibration_record.read() == Record()


def test_a_record_is_read_with_whatever_else_it_says():
    calibration_record.RECORD.write_text(
        json.dumps({"data": vars(THEN), "numbers": {"a": 1, "b": 0.5}, "held": {"pairs": 200}})
    )
    assert calibration_record.read() == Record(THEN, {"a": 1, "b": 0.5})


def number(key, value):
    return Number(key, value, value, "twice the rows", "as it was", (key,))


def test_on_a_year_more_it_says_what_moved_and_why():
    before = Record(THEN, {"margin": 0.1, "limit": 3.0})
    found = calibration_record.moved(before, [number("margin", 0.05), number("limit", 3.0)], NOW)
    assert found == [
        "the last calibration was of 2020-01-01 to 2021-01-01, 900 rows trained",
        "margin: 0.1 then, 0.05 now (twice the rows)",
    ]
    assert calibration_record.moved(before, [number("limit", 3.0)], NOW)[1:] == ["no number moved"]
    assert calibration_record.moved(before, [number("margin", 0.05)], THEN) == []
