"""A pipeline that is run again: what git keeps of it, and how a failure is told."""

import pytest

from loop.repo.rerun import failure, small_results


def test_small_results_are_the_outputs_that_git_keeps():
    stage = {
        "outs": ["data/raw", {"reports/validation.json": {"cache": False}}],
        "metrics": [{"reports/metrics.json": {"cache": False}}],
        "plots": [{"reports/plots/a.csv": {"cache": True}}],
    }
    assert small_results(stage) == ["reports/validation.json", "reports/metrics.json"]


FAILED = "ERROR: failed to reproduce 'train': failed to run: python, exited with 1"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            ["Running stage 'train':", "Traceback", "NameError: name 'x' is not defined", "", FAILED],
            "stage train failed: NameError: name 'x' is not defined",
        ),
        (
            ["error: train.model.tree is not a key; did you mean trees?", "  expected: a key"],
            "the pipeline did not run: train.model.tree is not a key; did you mean trees?",
        ),
        ([], "the pipeline did not run: it said nothing"),
    ],
)
def test_a_failure_names_the_stage_and_the_line_that_says_why(said, told):
    assert failure(said) == told
