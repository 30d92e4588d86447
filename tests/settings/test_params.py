"""params.yaml is read strictly: each mistake names file, key and the nearest valid one."""

import pandas as pd
import pytest

from loop.base.errors import LoopError
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
    assert "`train.seed` is '1'; input should be a valid integer" in refused(
        {"seed": "1", "model": {"trees": 5, "rate": 0.1}}
    )
    assert "`train.seed` is True" in refused({"seed": True, "model": {"trees": 5, "rate": 0.1}})
    assert "`train.model` is 3" in refused({"seed": 1, "model": 3})


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
        ({"as_of": "2013-06-03T00:00"}, "`windows.as_of` has no time zone"),
        ({"as_of": "soon"}, "`windows.as_of` not an ISO time"),
        ({"as_of": 20130603}, "`windows.as_of` not a quoted ISO time"),
        ({"as_of": "2013-05-30T00:00Z"}, "as_of 2013-05-30 00:00:00+00:00 is before holdout.until"),
        ({"since": "2013-02-01T00:00Z"}, "is after train.from"),
        ({"train": {"from": "2013-05-01T00:00Z", "until": "2013-05-01T00:00Z"}}, "`windows.train` is empty"),
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


def test_a_missing_section_names_the_one_that_was_meant(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("trian: {seed: 1}\n")
    with pytest.raises(LoopError, match="section `train` is missing, but there is `trian`"):
        params.section("train", Outer, path)
