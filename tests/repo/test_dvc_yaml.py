"""dvc.yaml by DVC's own syntax: paths with options, outputs that git keeps, params of other files."""

import pytest

from loop.base.errors import LoopError
from loop.repo import dvc_yaml

TRAIN = {
    "cmd": "python train.py",
    "deps": ["src/a.py", {"data/x": {"hash": "md5"}}],
    "params": ["train", {"other.yaml": ["k"]}],
    "outs": ["data/raw", {"reports/validation.json": {"cache": False}}],
    "metrics": [{"reports/metrics.json": {"cache": False}}],
    "plots": [{"reports/plots/a.csv": {"cache": True}}],
    "frozen": True,
}


def test_a_stage_says_what_it_runs_reads_and_writes():
    (stage,) = dvc_yaml.stages({"stages": {"train": TRAIN}})
    assert (stage.name, stage.command, stage.frozen) == ("train", "python train.py", True)
    assert stage.deps == ["src/a.py", "data/x"]
    assert stage.params == ["train", {"other.yaml": ["k"]}]
    assert list(stage.outs) == [
        "data/raw",
        "reports/validation.json",
        "reports/metrics.json",
        "reports/plots/a.csv",
    ]
    assert stage.in_git == ["reports/validation.json", "reports/metrics.json"]


@pytest.mark.parametrize("pipeline", [None, [], {}, {"stages": None}, "text"])
def test_what_is_no_pipeline_has_no_stages(pipeline):
    assert dvc_yaml.stages(pipeline) == []


@pytest.mark.parametrize("kind", ["deps", "outs", "metrics", "plots", "params"])
@pytest.mark.parametrize("entries", [True, 5, "src", {"a": 1}, [5], [["a"]], [{}], [None]], ids=str)
def test_a_stage_that_names_files_in_another_shape_is_refused(kind, entries):
    with pytest.raises(LoopError, match=f"dvc.yaml: {kind} of stage train is not what DVC reads"):
        dvc_yaml.stages({"stages": {"train": {"cmd": "x", kind: entries}}})


@pytest.mark.parametrize("found", [True, 5, "train", ["train"]], ids=str)
def test_stages_without_names_are_refused(found):
    with pytest.raises(LoopError, match="stages is not what DVC reads"):
        dvc_yaml.stages({"stages": found})


def test_a_stage_that_only_runs_reads_and_writes_nothing():
    (stage,) = dvc_yaml.stages({"stages": {"a": {"cmd": "true", "deps": None}}})
    assert (stage.deps, stage.outs, stage.frozen) == ([], {}, False)


@pytest.mark.parametrize(
    "more",
    [
        {"deps": ["${raw}"]},
        {"wdir": "docs"},
        {"foreach": ["a", "b"], "do": {"cmd": "true"}},
        {"matrix": {"n": [1, 2]}, "outs": ["data/${item.n}"]},
        {"params": [{"${file}": ["k"]}]},
    ],
)
def test_a_stage_whose_files_have_other_names_than_it_says_is_refused(more):
    """What reads the file by its text would look for changes, and hold hashes, of other files than DVC."""
    with pytest.raises(LoopError, match="stage train is a template, or runs in another folder"):
        dvc_yaml.stages({"vars": ["docs/x.json"], "stages": {"train": TRAIN | more}})
