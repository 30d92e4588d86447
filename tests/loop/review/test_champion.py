"""The champion: which stages make a file, and that a rebuild must come out with its hash."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from conftest import ROOT
from loop import params
from loop.errors import LoopError
from loop.paths import HOLDOUT, MODEL
from loop.review import champion
from loop.review.base import Base

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
BASE = Base("main", "a" * 40, "a" * 40)


def stages(target: Path) -> list[str]:
    return [command.split()[-1] for command in champion.upstream(PIPELINE, target)]


def test_a_file_is_made_by_the_stages_before_it_and_no_other():
    assert stages(HOLDOUT) == ["ingest", "validate", "examples"]
    assert stages(MODEL) == ["ingest", "validate", "examples", "train"]
    assert stages(Path("README.md")) == []


def test_stages_run_in_the_order_of_their_needs_however_they_are_listed():
    turned = dict(reversed(PIPELINE.items()))
    assert champion.upstream(turned, MODEL) == champion.upstream(PIPELINE, MODEL)


def test_a_stage_whose_output_is_stored_is_not_run_nor_what_it_needs():
    found = champion.upstream(PIPELINE, MODEL, lambda path: path.startswith("data/examples"))
    assert [command.split()[-1] for command in found] == ["train"]
    found = champion.upstream(PIPELINE, MODEL, lambda path: path == "data/valid")
    assert [command.split()[-1] for command in found] == ["examples", "train"]


def test_a_rebuild_with_another_hash_is_not_the_champion(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(
        champion, "_run", lambda home, target, have: (home.path / target).write_text("other bits")
    )
    with pytest.raises(LoopError, match="its rebuild has md5") as refused:
        champion._rebuild(BASE, SimpleNamespace(path=tmp_path), "0" * 32, None)
    assert "dvc push" in str(refused.value)


def test_a_rebuild_that_fails_says_why(tmp_path, monkeypatch):
    def fails(home, target, have):
        raise LoopError("train failed: no disk", "", "")

    monkeypatch.setattr(champion, "_run", fails)
    with pytest.raises(LoopError, match="cannot be rebuilt: train failed: no disk"):
        champion._rebuild(BASE, SimpleNamespace(path=tmp_path), "0" * 32, None)


def windows(train: tuple[str, str], holdout: tuple[str, str], as_of: str) -> params.Windows:
    return params.parse(
        "windows",
        {
            "since": train[0],
            "train": dict(zip(("from", "until"), train, strict=True)),
            "holdout": dict(zip(("from", "until"), holdout, strict=True)),
            "as_of": as_of,
        },
        params.Windows,
    )


JANUARY, FEBRUARY, MARCH, APRIL, MAY = (f"2020-{month:02}-01T00:00Z" for month in range(1, 6))


def test_the_judged_window_is_the_candidates_holdout_as_known_to_the_candidate():
    own = windows((JANUARY, FEBRUARY), (FEBRUARY, MARCH), MARCH)
    judged = champion._judged(windows((JANUARY, MARCH), (MARCH, APRIL), APRIL), own)
    assert (judged.holdout.since, judged.holdout.until) == tuple(map(params.instant, (MARCH, APRIL)))
    assert judged.as_of == params.instant(APRIL)
    assert judged.train == own.train


def test_the_judged_window_leaves_out_what_the_champion_was_trained_on():
    own = windows((JANUARY, APRIL), (APRIL, MAY), MAY)
    judged = champion._judged(windows((JANUARY, MARCH), (MARCH, MAY), MAY), own)
    assert judged.holdout.since == params.instant(APRIL)


def test_a_holdout_within_the_champions_training_leaves_nothing():
    own = windows((JANUARY, APRIL), (APRIL, MAY), MAY)
    with pytest.raises(LoopError, match="the champion was trained until 2020-04-01"):
        champion._judged(windows((JANUARY, MARCH), (MARCH, APRIL), MAY), own)
