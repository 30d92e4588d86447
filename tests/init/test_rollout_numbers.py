"""How a new version takes over follows the problem: the unit of its label, the requests of a day."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import ROOT
from loop.base.errors import LoopError
from loop.init import cautious, data_file, rollout_numbers
from loop.init.guess import guess
from loop.init.guessed import Options

TEMPLATE = (ROOT / "deploy/policy.yaml").read_text(encoding="utf-8")


def policy(folder: Path, label: np.ndarray, days: int, text: str = TEMPLATE) -> dict:
    """The policy of rows that come evenly over so many days."""
    rng = np.random.default_rng(3)
    at = pd.date_range("2024-01-01", periods=len(label), freq=pd.Timedelta(days=days) / len(label))
    frame = pd.DataFrame(
        {"at": at.strftime("%Y-%m-%d %H:%M:%S"), "x": rng.normal(size=len(label)), "y": label}
    )
    frame.to_csv(folder / "rows.csv", index=False)
    found = guess(data_file.read(folder / "rows.csv"), Options(label="y", time="at"))
    return yaml.safe_load(rollout_numbers.policy(text, found.task, cautious.numbers(found)))


def needs(found: dict) -> list[tuple[int, int]]:
    return [(one["needs"]["rows_min"], one["needs"]["labels_min"]) for one in found["stages"]]


def test_limits_are_in_the_unit_of_the_label(tmp_path):
    label = np.random.default_rng(1).normal(50_000, 8_000, 600).round(2)
    large, small = (policy(tmp_path, label / unit, 300)["limits"] for unit in (1, 1000))
    assert large["score_shift_max"] == pytest.approx(800, rel=0.1)
    for name in ("score_shift_max", "loss_max"):
        assert large[name] == pytest.approx(1000 * small[name], rel=0.1)
    given = yaml.safe_load(TEMPLATE)["limits"]
    assert {**large, "score_shift_max": 0.05, "loss_max": given["loss_max"]} == given


def test_a_share_keeps_its_own_limit(tmp_path):
    label = (np.random.default_rng(1).random(600) < 0.3) * 1
    assert policy(tmp_path, label, 300)["limits"]["score_shift_max"] == 0.05


def test_a_stage_asks_for_no_more_rows_than_its_days_may_bring(tmp_path):
    label = np.random.default_rng(1).normal(size=4000).round(3)
    assert needs(policy(tmp_path, label, 1000)) == [(10, 0), (10, 10), (10, 10)]
    assert needs(policy(tmp_path, label, 40)) == [(140, 0), (10, 10), (52, 52)]
    assert needs(policy(tmp_path, label, 1)) == needs(yaml.safe_load(TEMPLATE))


def test_a_rehearsal_asks_for_no_more_rows_than_a_day_brings(tmp_path):
    label = np.random.default_rng(1).normal(size=4000).round(3)
    text = (ROOT / "deploy/environments.yaml").read_text(encoding="utf-8")
    for days, rows in ((1000, 10), (40, 70), (1, 1000)):
        policy(tmp_path, label, days)
        found = guess(data_file.read(tmp_path / "rows.csv"), Options(label="y", time="at"))
        written = yaml.safe_load(rollout_numbers.environments(text, cautious.numbers(found)))
        assert written["rehearsal"]["rows_min"] == rows
        assert written["chain"] == ["production"]


def test_comments_stay_and_a_file_without_the_keys_is_named(tmp_path):
    label = np.random.default_rng(1).normal(size=400)
    found = guess_of(tmp_path, label)
    text = rollout_numbers.policy(TEMPLATE, *found)
    assert [line.partition("#")[2] for line in text.splitlines()] == [
        line.partition("#")[2] for line in TEMPLATE.splitlines()
    ]
    with pytest.raises(LoopError, match=r"deploy/policy\.yaml cannot be changed"):
        rollout_numbers.policy(TEMPLATE.replace("loss_max", "loss"), *found)


def guess_of(folder: Path, label: np.ndarray):
    policy(folder, label, 100)
    found = guess(data_file.read(folder / "rows.csv"), Options(label="y", time="at"))
    return found.task, cautious.numbers(found)
