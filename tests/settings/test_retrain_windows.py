"""The windows of a retrain, and params.yaml moved to them."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from loop.base.errors import LoopError
from loop.settings import monitor_settings, params, retrain_windows
from loop.settings.params import Windows

TEXT = (ROOT / "params.yaml").read_text()
NOW = pd.Timestamp("2013-09-02T00:00Z")


def settings(path: Path | None = None, **retrain: object) -> monitor_settings.Settings:
    values = yaml.safe_load(TEXT)["monitor"]
    values["retrain"] |= retrain
    return params.parse("monitor", values, monitor_settings.Settings)


def champion(text: str = TEXT) -> Windows:
    return params.parse("windows", yaml.safe_load(text)["windows"], Windows)


def days(made: Windows) -> list[str]:
    instants = (made.train.since, made.train.until, made.holdout.since, made.holdout.until, made.as_of)
    return [f"{one:%m-%d}" for one in instants]


def test_the_newest_matured_weeks_judge_and_all_before_them_trains():
    assert days(retrain_windows.at(NOW, settings(), champion())) == [
        "01-01",
        "08-03",
        "08-03",
        "08-31",
        "09-02",
    ]


def test_days_are_whole_ones_whatever_the_hour():
    made = retrain_windows.at(NOW + pd.Timedelta(hours=7.5), settings(), champion())
    assert days(made)[:4] == ["01-01", "08-03", "08-03", "08-31"]
    assert made.as_of == NOW + pd.Timedelta(hours=7.5)


def test_a_rolling_window_keeps_the_last_days():
    made = retrain_windows.at(NOW, settings(window="rolling", days=90), champion())
    assert days(made)[:2] == ["05-05", "08-03"]
    assert made.train.until - made.train.since == pd.Timedelta(days=90)


def test_a_rolling_window_starts_where_the_data_do_at_the_earliest():
    assert days(retrain_windows.at(NOW, settings(window="rolling", days=999), champion()))[0] == "01-01"


@given(st.integers(0, 200), st.sampled_from([("expanding", None), ("rolling", 30)]))
def test_whatever_the_day_nothing_is_judged_before_its_label_is_final(days, how):
    now = pd.Timestamp("2013-07-01T00:00Z") + pd.Timedelta(days=days)
    made = retrain_windows.at(now, settings(window=how[0], days=how[1]), champion())
    assert made.holdout.until <= now - pd.Timedelta(days=settings().wait_days)
    assert made.train.until == made.holdout.since


def test_windows_that_are_no_newer_than_the_champions_are_refused():
    with pytest.raises(LoopError, match="the champion was trained until 2013-05-01"):
        retrain_windows.at(pd.Timestamp("2013-05-31T00:00Z"), settings(), champion())


def test_five_values_move_and_not_another_sign():
    made = retrain_windows.at(NOW, settings(), champion())
    edited = retrain_windows.edit(TEXT, made)
    assert champion(edited) == made
    changed = [
        (old, new) for old, new in zip(TEXT.splitlines(), edited.splitlines(), strict=True) if old != new
    ]
    assert len(changed) == 4, "training still starts in January"
    assert all(old.partition("#")[2] == new.partition("#")[2] for old, new in changed)


def test_what_was_moved_there_and_back_is_as_it_was():
    moved = retrain_windows.edit(TEXT, retrain_windows.at(NOW, settings(), champion()))
    assert retrain_windows.edit(moved, champion()) == TEXT


LAYOUTS = {
    "flow": 'windows: {since: "2013-01-01T00:00Z", train: {from: "2013-01-01T00:00Z", until: '
    '"2013-05-01T00:00Z"}, holdout: {from: "2013-05-01T00:00Z", until: "2013-06-01T00:00Z"}, '
    'as_of: "2013-06-03T00:00Z"}  # one line\nseed: 1\n',
    "single quotes, other order, CRLF": "seed: 1 # ä\r\nwindows:\r\n  as_of: '2013-06-03T00:00Z'\r\n"
    "  holdout:\r\n        until: '2013-06-01T00:00Z' # until\r\n        from: '2013-05-01T00:00Z'\r\n"
    "  train: {until: '2013-05-01T00:00Z', from: '2013-01-01T00:00Z'}\r\n  since: '2013-01-01T00:00Z'\r\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_layout_stays_as_it_is(layout):
    text = LAYOUTS[layout]
    made = retrain_windows.at(NOW, settings(), champion(text))
    edited = retrain_windows.edit(text, made)
    assert champion(edited) == made
    assert edited.count("\r") == text.count("\r")
    assert edited.count("#") == text.count("#")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('until: "2013-05-01T00:00Z"', 'until: &split "2013-05-01T00:00Z"'),
        ("windows:", "window:"),
        ("windows:", "windows: ["),
    ],
    ids=["an anchor that others use", "no windows", "no YAML"],
)
def test_what_cannot_be_edited_so_says_what_to_write_by_hand(old, new):
    text = TEXT.replace(old, new, 1)
    text = text.replace('from: "2013-05-01T00:00Z"', "from: *split") if "&split" in new else text
    with pytest.raises(LoopError, match=r"windows\.train\.until: 2013-08-03T00:00Z"):
        retrain_windows.edit(text, retrain_windows.at(NOW, settings(), champion()))
