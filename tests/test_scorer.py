"""The scorer: the same predictions as the pipeline, and one time for each single prediction asked."""

import json
import subprocess

import pandas as pd
import pytest

from conftest import BIN
from loop.base import files


def ask(repo, *questions: dict) -> list[dict]:
    done = subprocess.run(
        [BIN / "python", "-m", "loop.scorer"],
        cwd=repo.path,
        env=repo.environment(),
        input="".join(json.dumps(question) + "\n" for question in questions),
        capture_output=True,
        text=True,
        timeout=1200,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_it_scores_as_the_pipeline_does_and_times_what_was_asked(finished, tmp_path):
    holdout = str(finished.path / "data/examples/holdout.parquet")
    ready, scored, timed = ask(
        finished, {"score": holdout, "to": str(tmp_path / "found.parquet")}, {"time": holdout, "rows": 7}
    )
    assert ready == {"ready": 2}
    stored = files.read_table(finished.path / "data/predictions.parquet")
    pd.testing.assert_frame_equal(files.read_table(tmp_path / "found.parquet"), stored, check_exact=True)
    assert scored == {"rows": len(stored)}
    assert len(timed["seconds"]) == 7
    assert all(0 < seconds < 5 for seconds in timed["seconds"])


def test_a_refit_on_the_training_rows_is_the_model_itself(finished, tmp_path):
    train, holdout = (str(finished.path / f"data/examples/{name}.parquet") for name in ("train", "holdout"))
    _, fitted = ask(finished, {"fit": train, "on": holdout, "to": str(tmp_path / "found.parquet")})
    stored = files.read_table(finished.path / "data/predictions.parquet")
    pd.testing.assert_frame_equal(files.read_table(tmp_path / "found.parquet"), stored, check_exact=True)
    assert fitted == {"rows": len(stored)}


def test_it_says_what_the_estimator_looks_at_and_makes_what_no_example_has(finished, tmp_path):
    """Hour, weekday and scheduled duration come out of instants: no column of an example holds them."""
    holdout = finished.path / "data/examples/holdout.parquet"
    _, asked = ask(finished, {"look": str(holdout), "seed": 1})
    weights, made = asked["looked"]["weights"], asked["looked"]["made"]
    assert sum(weights.values()) == pytest.approx(1)
    assert set(made) == {"hour", "weekday", "block_minutes"}
    assert max(weights, key=weights.get) == "hour"
    assert weights.keys() - made.keys() <= set(files.read_table(holdout).columns)
    _, done = ask(finished, {"make": str(holdout), "columns": made, "to": str(tmp_path / "made.parquet")})
    found, examples = files.read_table(tmp_path / "made.parquet"), files.read_table(holdout)
    assert done == {"rows": len(examples)}
    block = (examples["scheduled_arrival"] - examples["scheduled_departure"]).dt.total_seconds() / 60
    pd.testing.assert_series_equal(found["block_minutes"], block, check_names=False)
