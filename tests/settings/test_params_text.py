"""params.yaml is changed value by value; comments, order and layout stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.base.errors import LoopError
from loop.settings import params_text, yaml_file

TEXT = """\
# every number
review:          # the policy
  primary:
    margin: 0.015   # by hand: agreed
    reason: luck moves it
      by that much
  hysteresis: {runs: 2, of: 3}  # of the last
windows:
  from: "2013-01-01T00:00Z"
"""
MARGIN, REASON = ("review", "primary", "margin"), ("review", "primary", "reason")
RUNS = ("review", "hysteresis", "runs")
numbers = st.one_of(st.integers(-(10**9), 10**9), st.floats(1e-9, 1e9), st.floats(-1e9, -1e-9), st.just(0.0))
texts = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=60)


@given(numbers)
def test_a_number_comes_back_as_it_was_written_and_nothing_else_moves(value):
    changed = params_text.edit(TEXT, {MARGIN: value, RUNS: 1}, "todo")
    expected = yaml_file.parse(TEXT)
    expected["review"]["primary"]["margin"] = value
    expected["review"]["hysteresis"]["runs"] = 1
    assert yaml_file.parse(changed) == expected
    written = params_text.written(value)
    assert changed == TEXT.replace("0.015", written).replace("{runs: 2", "{runs: 1")


@given(texts)
def test_a_text_comes_back_whatever_it_holds(value):
    changed = params_text.edit(TEXT, {REASON: value}, "todo")
    assert yaml_file.parse(changed)["review"]["primary"]["reason"] == value


def test_a_reason_of_several_lines_becomes_one_and_its_neighbours_stay():
    changed = params_text.edit(TEXT, {REASON: "less than 0.013"}, "todo")
    assert changed == TEXT.replace("luck moves it\n      by that much", "less than 0.013")


def test_the_comment_beside_a_value_is_found():
    assert params_text.comment(TEXT, MARGIN) == "by hand: agreed"
    assert params_text.comment(TEXT, RUNS) == "of the last"
    assert params_text.comment(TEXT, ("windows", "from")) == ""


@pytest.mark.parametrize(
    "text",
    [
        "review: {primary: *that}\n",
        "that: &that {margin: 1}\nreview: {primary: *that}\n",
        "review: 3\n",
        "[1]\n",
    ],
)
def test_a_file_that_cannot_be_edited_so_is_refused_with_what_to_do(text):
    with pytest.raises(LoopError, match="cannot be changed") as error:
        params_text.edit(text, {MARGIN: 0.1}, "write it by hand")
    assert "write it by hand" in str(error.value)
