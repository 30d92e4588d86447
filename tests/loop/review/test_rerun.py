"""What a branch claims is held to what the rerun made; a failure is told with its stage."""

import pytest

from loop.review.rerun import _failure, differences, small_results


def lock(out: str = "aa", dep: str = "11", trees: int = 200, stage: str = "train"):
    return {
        "stages": {
            stage: {
                "cmd": "python -m train",
                "deps": [{"path": "data/train.parquet", "md5": dep}],
                "params": {"params.yaml": {"train.trees": trees}},
                "outs": [{"path": "models/model.skops", "md5": out}],
            }
        }
    }


def test_the_same_results_from_the_same_inputs_are_no_difference():
    assert not list(differences(lock(), lock(), {}))


def test_another_result_from_the_same_inputs_names_stage_path_and_both_hashes():
    (told,) = differences(lock(out="forged"), lock(out="honest"), {})
    assert told == (
        "stage train: models/model.skops is forged on the branch, honest when run again from the same inputs"
    )


@pytest.mark.parametrize("stale", [lock("bb", dep="22"), lock("bb", trees=9)])
def test_a_lock_made_from_other_inputs_is_stale_and_claims_nothing(stale):
    assert not list(differences(stale, lock(), {}))


def test_a_stage_that_only_the_branchs_lock_knows_claims_nothing():
    assert not list(differences(lock(stage="gone"), lock(), {}))


def test_an_output_left_out_of_the_lock_is_a_difference():
    short = lock()
    short["stages"]["train"]["outs"] = []
    assert "is absent on the branch" in next(differences(short, lock(), {}))


def test_a_result_of_the_base_that_cannot_be_made_again_is_the_bases():
    assert "aa on the base" in next(differences(lock("aa"), lock("bb"), lock("aa")))


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
    assert _failure(said) == told
