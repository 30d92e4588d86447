"""The champion: which stages make a file, and that a rebuild must come out with its hash."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from conftest import ROOT
from loop.base.errors import LoopError
from loop.repo.git import git
from loop.review import champion
from loop.review.base import Base
from loop.settings import params

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
BASE = Base("main", "a" * 40, "a" * 40)


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


@pytest.mark.parametrize("stored", [True, False], ids=["is stored", "is gone"])
def test_a_table_that_a_dvc_file_tracks_is_the_champions_own_or_the_changes_where_that_is_gone(
    stored, tmp_path, monkeypatch
):
    """After an erasure no cache has the table that the champion was trained on."""
    home, here = tmp_path / "home", tmp_path / "here"
    for folder, text in ((home, "then"), (here, "now")):
        folder.mkdir()
        (folder / "rows.csv.dvc").write_text(text)
    (here / "rows.csv").write_text("ours")
    git("init", "--quiet", cwd=home)
    git("add", "--all", cwd=home)
    monkeypatch.chdir(here)

    def bring(path: Path) -> bool:
        if stored:
            (home / path).write_text("its own")
        return stored

    told = champion._tables(SimpleNamespace(path=home), SimpleNamespace(bring=bring))
    assert (home / "rows.csv").read_text() == ("its own" if stored else "ours")
    assert (home / "rows.csv.dvc").read_text() == ("then" if stored else "now")
    assert bool(told) is not stored
