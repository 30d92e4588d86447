"""What a branch claims is held to what the rerun made."""

import pytest

from loop.base.errors import LoopError
from loop.repo.git import git
from loop.review.rerun_check import _beside_git, _unlisted, differences, refuse_tracked


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
    (report,) = differences(lock(out="forged"), lock(out="honest"), {})
    assert report == (
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


@pytest.mark.parametrize("link", ["src/source.py", "src", "reports"])
def test_a_link_by_which_a_stage_reads_or_writes_is_refused(tmp_path, monkeypatch, link):
    """Its target counts as what no stage reads, whether the link is a file or a folder above."""
    monkeypatch.chdir(tmp_path)
    stage = "{cmd: make, deps: [src/source.py], outs: [data/raw, reports/a.json: {cache: false}]}"
    (tmp_path / "dvc.yaml").write_text(f"stages: {{ingest: {stage}}}\n")
    for path in ("src/source.py", "reports/a.json"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text("{}\n")
    git("init", "--quiet")
    git("add", "--all")
    refuse_tracked()
    (tmp_path / link).rename(tmp_path / "aside.md")
    (tmp_path / link).symlink_to(tmp_path / "aside.md")
    git("add", "--all")
    with pytest.raises(LoopError, match=rf"{link}, by which dvc\.yaml or a stage of it reads or writes"):
        refuse_tracked()


@pytest.mark.parametrize("name", ["params.yaml", "dvc.lock", "uv.lock", "dvc.yaml"])
def test_a_link_in_place_of_what_the_pipeline_is_told_by_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {ingest: {cmd: make, outs: [data/raw]}}\n")
    (tmp_path / "notes.md").write_text("stages: {}\n")
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to("notes.md")
    git("init", "--quiet")
    git("add", "--all")
    with pytest.raises(
        LoopError, match=rf"{name}, by which dvc\.yaml or a stage of it reads or writes, is a symbolic"
    ):
        refuse_tracked()


def test_what_a_run_writes_is_hidden_by_the_bases_gitignore_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stage = "{cmd: make, outs: [data/raw], metrics: [{figures.json: {cache: false}}]}"
    (tmp_path / "dvc.yaml").write_text(f"stages: {{ingest: {stage}}}\n")
    (tmp_path / ".gitignore").write_text("*.db\n__pycache__/\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/.gitignore").write_text("/made.py\n")
    git("init", "--quiet")
    for change in ("base", "branch"):
        git("add", "--all")
        git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", change)
        (tmp_path / ".gitignore").write_text("*.db\n__pycache__/\nplanted.csv\n")
    base = git("rev-parse", "HEAD~1")
    listed = ("data/raw/a.parquet", "data/raw", "figures.json", "dvc.lock")
    ignored = ("mlflow.db", "src/__pycache__/a.pyc", "src/made.py")
    assert not _unlisted({*listed, *ignored}, base)
    planted = {"planted.csv", "data/planted.csv", "made.py", "ü a\nb.txt"}
    assert _unlisted({*listed, *ignored, *planted}, base) == sorted(planted)


def test_a_file_that_the_branch_ignores_is_seen_before_and_after_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet")
    (tmp_path / ".gitignore").write_text("*\n")
    for path in ("planted.csv", ".venv/lib/a.py", ".dvc/cache/ab"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    assert _beside_git() == {"planted.csv"}
