"""The candidate: results of one piece, or nothing is judged."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from loop.base.errors import LoopError
from loop.data.features import known
from loop.kit.types import Behaviour
from loop.review import behaviour_checks, candidate, champion
from loop.review.base import Base
from problem import metrics

TOLD = {
    "a command that changed": (["changed command"], ["its command was changed"]),
    "a dep that changed": ([{"changed deps": {"src/a.py": "modified"}}], ["src/a.py was changed"]),
    "a dep of code that is gone": ([{"changed deps": {"src/a.py": "deleted"}}], ["src/a.py is gone"]),
    "a param": (
        [{"changed deps": {"params.yaml": {"train": "modified"}}}],
        ["params.yaml train was changed"],
    ),
    "data that were not pulled": ([{"changed deps": {"data/raw": "deleted"}}], []),
    "an output that was not pulled": ([{"changed outs": {"data/raw": "deleted"}}], []),
    "an output that no cache here has": ([{"changed outs": {"data/raw": "not in cache"}}], []),
    "an output that was edited": ([{"changed outs": {"a.json": "modified"}}], ["a.json was changed"]),
}


@pytest.mark.parametrize(("report", "stale"), TOLD.values(), ids=TOLD)
def test_what_dvc_says_is_stale_unless_it_was_merely_not_pulled(report, stale):
    assert candidate._stale(report) == stale


@pytest.mark.parametrize("forged", [[0.1, 0.2, 0.31], [0.1, 0.2], [0.1, 0.2, np.nan]])
def test_predictions_that_are_not_the_models_own_are_refused(forged):
    mine = SimpleNamespace(
        predictions=pd.DataFrame({"score": forged}),
        holdout=pd.DataFrame({"a": range(3)}),
        score=lambda examples: np.array([0.1, 0.2, 0.3]),
    )
    with pytest.raises(LoopError, match=r"are not what models/model\.skops predicts"):
        candidate._agree(mine)


def test_a_model_does_not_see_the_label_when_it_scores():
    frame = pd.DataFrame({"a": [1], "label": [1], "label_known_at": [2]})
    assert list(known(frame)) == ["a"]
    assert list(known(frame[["a"]])) == ["a"]


def behaviours(*figures: float):
    """A policy, a candidate and behaviours whose scores move by these figures."""
    limit = SimpleNamespace(limit=0.0, reason="why")
    policy = SimpleNamespace(behaviour=SimpleNamespace(invariance=limit, direction=limit))
    scored = SimpleNamespace(holdout=pd.DataFrame({"a": [0.0, 0.0]}), score=lambda f: f["a"].to_numpy())
    moves = [Behaviour(str(by), "not lower", lambda frame, by=by: frame.assign(a=by)) for by in figures]
    return policy, scored, moves


@pytest.mark.parametrize("figures", [(float("nan"), 0.1), (0.1, float("nan"))])
def test_a_behaviour_that_is_undefined_is_not_hidden_by_another(figures, monkeypatch):
    policy, scored, moves = behaviours(*figures)
    monkeypatch.setattr(metrics, "BEHAVIOURS", moves)
    assert {g.name: g.result for g in behaviour_checks._behaviour(policy, scored)}[
        "behaviour.direction"
    ] == "inconclusive"


@pytest.mark.parametrize(
    ("figures", "result"), [((0.1, 0.2), "pass"), ((0.1, -0.2), "fail"), ((-0.2, 0.1), "fail")]
)
def test_the_worst_behaviour_decides(figures, result, monkeypatch):
    policy, scored, moves = behaviours(*figures)
    monkeypatch.setattr(metrics, "BEHAVIOURS", moves)
    assert {g.name: g.result for g in behaviour_checks._behaviour(policy, scored)}[
        "behaviour.direction"
    ] == result


LOCK = {
    "stages": {"train": {"params": {"params.yaml": {"train": {"seed": 1}, "windows.train": {"from": "a"}}}}}
}


def test_a_champion_whose_params_were_edited_after_it_was_made_is_not_one(monkeypatch):
    params = {"train": {"seed": 1}, "windows": {"train": {"from": "a"}, "holdout": {}}}
    monkeypatch.setattr(Base, "yaml", lambda self, path, commit=None: params)
    base = Base("main", "a" * 40, "a" * 40)
    champion._as_trained(base, LOCK)
    params["windows"]["train"] = {"from": "b"}
    with pytest.raises(LoopError, match=r"older than its params.yaml: train had another `windows.train`"):
        champion._as_trained(base, LOCK)


@pytest.mark.parametrize("lock", [None, [], {}, {"stages": []}])
def test_a_lock_that_is_none_is_reported(lock, monkeypatch):
    monkeypatch.setattr(Base, "yaml", lambda self, path, commit=None: lock)
    with pytest.raises(LoopError, match=r"dvc\.lock on main is not a lock of DVC"):
        champion._lock(Base("main", "a" * 40, "a" * 40))
