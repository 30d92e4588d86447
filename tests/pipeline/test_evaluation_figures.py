"""Figures: the same text for the same numbers, and no name from data can break or act in them."""

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from loop.pipeline import evaluation_figures
from loop.pipeline.evaluate import Evaluation
from loop.stats.bootstrap import Estimate
from problem import metrics

HOSTILE = ["<script>alert(1)</script>", "a $x_{ & b", 'quote " and \\frac']


def evaluation(names: list[str], value: float = 0.4) -> Evaluation:
    ten, forty = np.linspace(0.05, 0.95, 10), np.linspace(0, 1, 40)
    slices = pd.DataFrame({"cut": "by name", "slice": names, "metric": metrics.PRIMARY, "rows": 100})
    nothing = pd.DataFrame()
    return Evaluation(
        subgroups=nothing,
        errors=nothing,
        metrics={metrics.PRIMARY: Estimate(value, value - 0.1, value + 0.1, 1000)},
        slices=slices.assign(value=value, low=value - 0.2, high=value + 0.2),
        calibration=pd.DataFrame(
            {"mean_score": ten, "mean_label": ten, "low": ten - 0.02, "high": ten + 0.02, "rows": 100}
        ),
        clusters=pd.DataFrame({"cluster": names, "rows": 10, "mean_score": 0.3, "mean_label": 0.2}),
        scores=pd.DataFrame({"score": forty, "rows": 25, "labels": 5}),
    )


def test_the_same_numbers_give_the_same_text():
    assert evaluation_figures.draw(evaluation(["a", "b"]), 0.95) == evaluation_figures.draw(
        evaluation(["a", "b"]), 0.95
    )


def test_another_number_gives_another_figure():
    first, second = (
        evaluation_figures.draw(evaluation(["a"], value), 0.95)["slices"] for value in (0.4, 0.5)
    )
    assert first != second


@pytest.mark.parametrize("name", ["slices", "clusters"])
def test_names_from_data_are_drawn_as_they_are(name):
    svg = evaluation_figures.draw(evaluation(HOSTILE), 0.95)[name]
    assert "<script" not in svg
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    drawn = " ".join("".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text"))
    assert all(hostile in drawn for hostile in HOSTILE)


def test_each_figure_is_named_for_those_who_do_not_see_it():
    for svg in evaluation_figures.draw(evaluation(["a"]), 0.95).values():
        assert ET.fromstring(svg).get("aria-label")  # noqa: S314 - our own text


def test_figures_that_the_rows_do_not_define_are_drawn_empty_and_not_a_crash():
    bare = evaluation(["a", "b"], float("nan"))
    bare.scores["score"] = 0.25
    drawn = evaluation_figures.draw(bare, 0.95)
    assert set(drawn) == {"calibration", "scores", "clusters", "slices"}
    assert all("NaN" not in svg for svg in drawn.values())
