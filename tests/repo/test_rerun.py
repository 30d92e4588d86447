"""A pipeline that is run again: how a failure is told."""

import pytest

from loop.repo.rerun import failure

FAILED = "ERROR: failed to reproduce 'train': failed to run: python, exited with 1"


@pytest.mark.parametrize(
    ("output", "report"),
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
def test_a_failure_names_the_stage_and_the_line_that_says_why(output, report):
    assert failure(output) == report
