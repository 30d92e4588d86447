"""What a commit made: which stages make a file, and that a rebuild must come out with its hash."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import ROOT
from loop.base.errors import LoopError
from loop.model import artifacts
from loop.repo import dvc_yaml
from loop.settings.paths import HOLDOUT, MODEL

PIPELINE = dvc_yaml.of(ROOT)


def stages(target: Path) -> list[str]:
    return [command.split()[-1] for command in artifacts.upstream(PIPELINE, target)]


def test_a_file_is_made_by_the_stages_before_it_and_no_other():
    assert stages(HOLDOUT) == ["ingest", "validate", "examples"]
    assert stages(MODEL) == ["ingest", "validate", "examples", "train"]
    assert stages(Path("README.md")) == []


def test_stages_run_in_the_order_of_their_needs_however_they_are_listed():
    turned = PIPELINE[::-1]
    assert artifacts.upstream(turned, MODEL) == artifacts.upstream(PIPELINE, MODEL)


def test_a_stage_whose_output_is_stored_is_not_run_nor_what_it_needs():
    found = artifacts.upstream(PIPELINE, MODEL, lambda path: path.startswith("data/examples"))
    assert [command.split()[-1] for command in found] == ["train"]
    found = artifacts.upstream(PIPELINE, MODEL, lambda path: path == "data/valid")
    assert [command.split()[-1] for command in found] == ["examples", "train"]


def test_a_rebuild_with_another_hash_is_not_the_champion(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(
        artifacts, "run", lambda home, target, have: (home.path / target).write_text("other bits")
    )
    with pytest.raises(LoopError, match="its rebuild has md5") as refused:
        artifacts.rebuild(SimpleNamespace(path=tmp_path), None, "0" * 32, "main")
    assert "dvc push" in str(refused.value)


def test_a_rebuild_that_fails_says_why(tmp_path, monkeypatch):
    def fails(home, target, have):
        raise LoopError("train failed: no disk", "", "")

    monkeypatch.setattr(artifacts, "run", fails)
    with pytest.raises(LoopError, match="cannot be rebuilt: train failed: no disk"):
        artifacts.rebuild(SimpleNamespace(path=tmp_path), None, "0" * 32, "main")


def lacking(root: Path, error: Exception) -> artifacts.Stored:
    """Stored outputs of which none can be had."""

    def get(path: str, target: str, recursive: bool) -> None:
        if not Path(target).is_dir():
            Path(target).write_text("half of it")
        raise error

    stored = object.__new__(artifacts.Stored)
    stored.root, stored._files = root, SimpleNamespace(get=get, isdir=lambda path: not Path(path).suffix)
    stored._commit, stored._here = "0123456789abcdef", None
    return stored


def test_a_folder_that_cannot_be_had_stays_for_the_stage_that_makes_it(tmp_path):
    (tmp_path / "data/examples").mkdir(parents=True)
    assert not lacking(tmp_path, IsADirectoryError()).bring(Path("data/examples"))
    assert (tmp_path / "data/examples").is_dir()


def test_a_file_that_is_had_by_half_is_taken_away_and_why_is_said(tmp_path, capsys):
    assert not lacking(tmp_path, OSError("the wire was cut")).bring(MODEL)
    assert not (tmp_path / MODEL).exists()
    assert f"{MODEL} of commit 0123456789ab was not brought: the wire was cut" in capsys.readouterr().out


def test_what_nobody_pushed_is_no_news(tmp_path, capsys):
    assert not lacking(tmp_path, FileNotFoundError("no storage")).bring(MODEL)
    assert not capsys.readouterr().out
