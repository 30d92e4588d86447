"""What is told when results do not come out again, on literal locks."""

import copy

from loop.release.recompute import differing

LOCK = {
    "stages": {
        "train": {
            "cmd": "python -m train",
            "deps": [{"path": "data/train.parquet", "md5": "11"}],
            "params": {"params.yaml": {"train.trees": 200}},
            "outs": [{"path": "models/model.skops", "md5": "aa"}],
        }
    }
}


def changed(kind: str, **entry: str):
    found = copy.deepcopy(LOCK)
    found["stages"]["train"][kind][0].update(entry)
    return found


def test_the_same_lock_differs_in_nothing():
    assert not list(differing(LOCK, copy.deepcopy(LOCK)))


def test_another_result_of_the_same_inputs_names_stage_path_and_both_hashes():
    (report,) = differing(LOCK, changed("outs", md5="bb"))
    assert report == "stage train: models/model.skops is aa on main, bb when run again"


def test_a_lock_that_is_behind_its_inputs_names_them():
    (report,) = differing(LOCK, changed("deps", md5="22"))
    assert report == "stage train: dvc.lock is older than data/train.parquet"


def test_a_lock_that_is_behind_its_params_says_so():
    other = copy.deepcopy(LOCK)
    other["stages"]["train"]["params"]["params.yaml"]["train.trees"] = 300
    assert list(differing(LOCK, other)) == ["stage train: dvc.lock is older than its command or params"]


def test_stages_that_only_one_has_are_named():
    assert list(differing({}, LOCK)) == ["stage train: not in main's dvc.lock"]
    assert list(differing(LOCK, {})) == ["stage train: only in main's dvc.lock"]
