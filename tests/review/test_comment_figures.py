"""The figures of a comment as Mermaid's text: honest to the numbers, and nothing foreign acts in them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from loop.review import comment_figures, review_report
from loop.review.verdict import Calibration, Metric
from review.test_review_report import HOSTILE, verdict

NAMES = st.one_of(
    st.text(max_size=60),
    st.sampled_from([HOSTILE, "```", "%%{init: {}}%%", "a\n  click b", "within the margin", "2 a", "a"]),
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def metric(low: float, gain: float, high: float, margin: float | None = 0.01, title: str = "loss") -> Metric:
    return Metric(
        name="loss", title=title, role="guard", champion=0.4, candidate=0.5, gain=gain, low=low, high=high,
        margin=margin, verdict="worse",
    )  # fmt: skip


def rows(lines: list[str]) -> dict[str, list[list[int]]]:
    """Each row's bars, by its name."""
    found: dict[str, list[list[int]]] = {}
    for line in lines:
        if line.startswith("  section "):
            found[name := line.removeprefix("  section ").removesuffix("#8203;")] = []
        elif line.startswith("    "):
            found[name].append([int(place) for place in re.findall(r"-?\d+(?=,|$)", line)])
    return found


def side(gap: float, tenths: int = 10) -> list[dict[str, float]]:
    return [{"predicted": at / 10, "outcome": at / 10 + gap} for at in range(tenths)]


def calibration(champion: float, candidate: float) -> Calibration:
    return Calibration.model_validate({"champion": side(champion), "candidate": side(candidate)})


def series(lines: list[str]) -> dict[str, list[float]]:
    """Each line of a chart, by its name."""
    drawn = re.findall(r'^  line "(\w+)" \[(.*)\]$', "\n".join(lines), re.MULTILINE)
    return {name: [float(number) for number in numbers.split(", ")] for name, numbers in drawn}


def test_a_bar_goes_from_low_to_high_in_margins_and_changes_colour_at_the_gain():
    drawn = rows(comment_figures.gains([metric(-0.005, 0.002, 0.02)]))
    assert drawn == {"within the margin": [[-1000, 1000]], "loss": [[-500, 200], [200, 2000]]}


def test_what_goes_on_beyond_the_scale_ends_at_it_and_has_an_arrow():
    drawn = rows(comment_figures.gains([metric(-0.2, 0.0, 0.005), metric(-0.005, 0.0, 0.2, title="error")]))
    assert drawn["◄ loss"] == [[-3000, 0], [0, 500]]
    assert drawn["error ►"] == [[-500, 0], [0, 3000]]


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS), st.floats(1e-300, 1e300))
def test_whatever_the_numbers_are_both_bars_can_be_seen(numbers, margin):
    left, right = rows(comment_figures.gains([metric(*sorted(numbers), margin)])).popitem()[1]
    assert -3020 <= left[0] < left[1] == right[0] < right[1] <= 3020


@pytest.mark.parametrize("missing", ["gain", "low", "high", "margin"])
def test_a_metric_that_is_not_judged_has_no_bar(missing):
    unknown = metric(-0.005, 0.0, 0.005, title="unknown").model_copy(update={missing: None})
    assert comment_figures.gains([unknown]) == []
    assert rows(comment_figures.gains([unknown, metric(-0.005, 0.0, 0.005)])).keys() == {
        "within the margin",
        "loss",
    }


@given(st.lists(NAMES, min_size=1, max_size=20))
@settings(deadline=None)
def test_a_foreign_name_is_one_row_of_harmless_signs(names):
    lines = comment_figures.gains([metric(-0.005, 0.0, 0.005, title=name) for name in names])
    drawn = rows(lines)
    assert len(drawn) == 1 + min(len(names), comment_figures.MOST)
    assert not re.search(r"[^\w ().,/+…-]", "".join(drawn))
    assert all(0 < len(name) <= comment_figures.LONGEST + 3 for name in drawn)
    assert not any("\n" in line or "`" in line for line in lines)


def test_the_chart_shows_outcome_minus_prediction_of_both_beside_zero():
    lines = comment_figures.calibration(calibration(0.02, -0.03))
    assert series(lines) == {"none": [0] * 10, "champion": [0.02] * 10, "candidate": [-0.03] * 10}
    assert '  y-axis "outcome minus prediction" -0.033000 --> 0.033000' in lines


@pytest.mark.parametrize(
    ("gap", "unit"), [(2e7, ", in 1e6"), (2e-5, ", in 1e-6"), (0.5, ""), (20_000, ""), (0, "")]
)
def test_amounts_of_any_size_have_short_labels(gap, unit):
    lines = comment_figures.calibration(calibration(gap, -gap / 2))
    assert re.findall(r'prediction(.*)"', lines[4]) == [unit]
    assert series(lines)["candidate"][0] == pytest.approx(-gap / 2 / float(unit[5:] or 1))


@given(st.lists(NUMBERS, min_size=40, max_size=40))
def test_every_number_is_written_as_a_chart_reads_it_and_lies_on_the_axis(numbers):
    pairs = [{"predicted": a, "outcome": b} for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
    found = Calibration.model_validate({"champion": pairs[:10], "candidate": pairs[10:]})
    lines = comment_figures.calibration(found)
    if not lines:
        return
    assert not re.search(r"\d[eE]|inf|nan", "".join(lines[5:]))
    low, high = (float(end) for end in re.findall(r"y-axis.* (\S+) --> (\S+)", "\n".join(lines))[0])
    assert low < 0 < high
    assert all(low <= value <= high for values in series(lines).values() for value in values)


def test_what_no_number_can_hold_is_not_drawn():
    far = [{"predicted": -1.7e308, "outcome": 1.7e308}] * 10
    assert comment_figures.calibration(Calibration(champion=far, candidate=far)) == []


@pytest.mark.parametrize("tenths", [0, 9, 11])
def test_a_calibration_has_ten_tenths(tenths):
    with pytest.raises(ValidationError):
        Calibration.model_validate({"champion": side(0.0), "candidate": side(0.0, tenths)})


def drawn_in(**more) -> list[str]:
    """The kinds of figures in a comment."""
    text = review_report.markdown(verdict(**more))
    assert text.count("```") % 2 == 0
    return re.findall(r"^```mermaid\n.*\n(\S+)", text, re.MULTILINE)


def test_a_comment_has_both_figures_each_only_where_there_is_what_it_shows():
    known = calibration(0.02, 0.01)
    assert drawn_in(calibration=known) == ["gantt", "xychart-beta"]
    assert drawn_in() == ["gantt"]
    assert drawn_in(metrics=[]) == [], "without a champion nothing is compared"


def test_the_numbers_of_the_chart_stand_in_a_fold():
    text = review_report.markdown(verdict(calibration=calibration(0.02, 0.01)))
    fold = text[text.index("<details><summary>The same in numbers") :]
    assert "| 10 | 0.9000 | 0.9200 | 0.9000 | 0.9100 |" in fold[: fold.index("</details>")]


def test_the_gains_are_a_line_and_a_picture_their_table_stands_in_a_fold_and_open_without_a_picture():
    text = review_report.markdown(verdict())
    open_, fold = text.split("<details><summary>Metrics: all", 1)
    assert "decides: 0.4000 → 0.5000, gain -0.1000 (95% interval -0.1500 to -0.0500), margin 0.01." in open_
    assert "| -0.1000 | -0.1500 to -0.0500 | **worse**, margin 0.01 |" in fold[: fold.index("</details>")]
    assert "|--:|" not in open_
    shown = [one.model_copy(update={"margin": None}) for one in verdict().metrics]
    text = review_report.markdown(verdict(metrics=shown))
    assert "```mermaid" not in text
    assert "| -0.1000 | -0.1500 to -0.0500 | shown only |" in text.split("<details>")[0]


def test_a_comment_without_room_has_no_half_figure():
    text = review_report.markdown(verdict("x" * 400, 3000, calibration=calibration(0.02, 0.01)))
    assert "The report is cut here" in text
    assert text.count("```mermaid") == len(re.findall(r"```mermaid[^`]*```\n", text))
