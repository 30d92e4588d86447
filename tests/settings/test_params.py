"""params.yaml is read strictly: each mistake names file, key and the nearest valid one."""

from typing import Literal

import pandas as pd
import pytest
from pydantic import Field, create_model

from loop.base.errors import LoopError, UsageError
from loop.settings import params


class Inner(params.Section):
    trees: int
    rate: float


class Outer(params.Section):
    seed: int
    model: Inner


WINDOWS = {
    "since": "2013-01-01T00:00Z",
    "train": {"from": "2013-01-01T00:00Z", "until": "2013-05-01T00:00Z"},
    "holdout": {"from": "2013-05-01T00:00Z", "until": "2013-06-01T00:00Z"},
    "as_of": "2013-06-03T00:00Z",
}


def windows(**changes):
    return params.parse("windows", WINDOWS | changes, params.Windows)


def refused(value, model=Outer) -> str:
    with pytest.raises(LoopError) as error:
        params.parse("train", value, model)
    return str(error.value)


def test_a_valid_section_is_typed():
    found = params.parse("train", {"seed": 1, "model": {"trees": 5, "rate": 0.1}}, Outer)
    assert (found.seed, found.model.trees, found.model.rate) == (1, 5, 0.1)


def test_a_typo_names_file_key_and_the_nearest_key():
    output = refused({"seed": 1, "model": {"tres": 5, "rate": 0.1}})
    assert "params.yaml: `train.model.trees` is missing" in output
    assert "`train.model.tres` is not a key; did you mean `trees`?" in output


def test_a_wrong_type_is_refused_without_guessing():
    model = {"trees": 5, "rate": 0.1}
    found = "error: params.yaml: `train.seed` is {}\n  expected: a whole number\n"
    for value, words in (("1", "'1'"), (True, "true"), (None, "empty"), (1.5, "1.5"), ([1], "a list")):
        assert f"error: {refused({'seed': value, 'model': model})}".startswith(found.format(words))
    assert "`train.model` is 3\n  expected: a mapping of keys" in refused({"seed": 1, "model": 3})
    assert "`train` is empty\n  expected: a mapping of keys" in refused(None)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (Field(gt=0), -1, "a number greater than 0"),
        (Field(le=1), 2, "a number less than or equal to 1"),
    ],
)
def test_a_number_out_of_range_says_the_range(field, value, expected):
    model = create_model("Limited", __base__=params.Section, rate=(float, field))
    assert f"`train.rate` is {value}\n  expected: {expected}\n" in refused({"rate": value}, model)


def test_a_choice_says_what_there_is_to_choose():
    model = create_model("Choice", __base__=params.Section, window=(Literal["expanding", "rolling"], ...))
    output = refused({"window": "growing"}, model)
    assert "`train.window` is 'growing'\n  expected: 'expanding' or 'rolling'\n" in output


def test_an_empty_file_of_params_says_so(tmp_path):
    (tmp_path / "params.yaml").touch()
    with pytest.raises(LoopError, match=r"params\.yaml is empty\n  expected: sections"):
        params.whole(tmp_path / "params.yaml")


@pytest.mark.parametrize("text", ["2013-13-45", "2013-06-03T10:00", "soon"])
def test_a_time_that_an_option_cannot_take_is_wrong_usage_that_says_the_forms(text):
    with pytest.raises(UsageError) as error:
        params.instant_option("--now", text)
    assert error.value.code == 2
    assert f"--now is '{text}'" in error.value.found
    assert error.value.expected.startswith("a day of UTC (2013-06-03), or an instant with its zone")


def test_an_option_takes_a_day_as_its_start_and_an_instant_with_a_zone():
    start = pd.Timestamp("2013-06-03", tz="UTC")
    assert params.instant_option("--now", "2013-06-03") == start
    assert params.instant_option("--now", "2013-06-03T02:00+02:00") == start


def test_every_wrong_key_is_named_at_once():
    output = refused({"sed": 1, "model": {"trees": "many", "rate": 0.1}})
    assert "train.sed" in output
    assert "train.model.trees" in output


def test_windows_are_instants_in_utc():
    found = windows(as_of="2013-06-03T02:00+02:00")
    assert found.as_of == pd.Timestamp("2013-06-03", tz="UTC")
    assert str(found.as_of.tz) == "UTC"


@pytest.mark.parametrize(
    ("change", "output"),
    [
        ({"as_of": "2013-06-03T00:00"}, "`windows.as_of` is '2013-06-03T00:00', which has no time zone"),
        ({"as_of": "soon"}, "`windows.as_of` is 'soon', no time that there is"),
        ({"as_of": 20130603}, "`windows.as_of` is 20130603, not a quoted time"),
        ({"as_of": "2013-05-30T00:00Z"}, "as_of 2013-05-30T00:00Z is before holdout.until 2013-06-01T00:00Z"),
        ({"since": "2013-02-01T00:00Z"}, "is after train.from"),
        (
            {"train": {"from": "2013-05-01T00:00Z", "until": "2013-05-01T00:00Z"}},
            "from 2013-05-01T00:00Z is not before until",
        ),
        ({"train": {"form": "2013-01-01T00:00Z", "until": "2013-05-01T00:00Z"}}, "did you mean `from`?"),
        (
            {"holdout": {"from": "2013-04-01T00:00Z", "until": "2013-06-01T00:00Z"}},
            "the model would be judged on rows it was trained on",
        ),
    ],
)
def test_windows_that_make_no_sense_are_refused(change, output):
    with pytest.raises(LoopError) as error:
        windows(**change)
    assert output in str(error.value)
    assert "+00:00" not in str(error.value), "times as people write them"


def test_a_missing_section_names_the_one_that_was_meant(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("trian: {seed: 1}\n")
    with pytest.raises(LoopError, match="section `train` is missing, but there is `trian`"):
        params.section("train", Outer, path)
