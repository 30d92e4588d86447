"""A label of several classes goes the whole way: init, run, review, serve, log, monitor, contract."""

import json

import numpy as np
import pandas as pd
import pytest

from conftest import Repo, copy, copy_sources

CLASSES = ["buy", "call back", 'it\'s 100% "odd"', "leave"]


def tickets(rows: int = 4000) -> pd.DataFrame:
    """Calls of half a year and what became of each; one outcome is rare, and has a difficult name."""
    rng = np.random.default_rng(3)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(
        np.sort(rng.uniform(0, 160 * 24 * 60, rows)), unit="min"
    )
    channel = rng.choice(["web", "phone", "shop"], rows, p=[0.5, 0.3, 0.2])
    one, two = rng.normal(size=(2, rows)).round(3)
    lean = np.column_stack([one + (channel == "web"), 0.5 * two, -2 + 0 * one, two - one])
    place = (lean + rng.gumbel(size=lean.shape)).argmax(axis=1)
    return pd.DataFrame(
        {
            "ticket": np.arange(rows) + 1000,
            "created_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "channel": channel,
            "one": one,
            "two": two,
            "outcome": np.array(CLASSES)[place],
        }
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Repo:
    """The repository in which tickets took the place of the example, whose pipeline has run."""
    folder = tmp_path_factory.mktemp("desk")
    tickets().to_csv(folder / "tickets.csv", index=False)
    repo = copy_sources(folder / "repo")
    repo.git("config", "user.name", "ann")
    repo.git("config", "user.email", "ann@desk.example")
    repo.said = repo.run("loop", "init", str(folder / "tickets.csv"), "--label", "outcome").stdout
    repo.run("loop", "run")
    return repo


def test_the_label_is_taken_for_classes_and_the_number_of_the_ticket_for_the_key(desk):
    assert "task: multiclass" in desk.said
    assert "key: ticket" in desk.said


def test_the_model_beats_the_shares_of_classes_and_each_class_has_figures_of_its_own(desk):
    found = json.loads(desk.text("reports/metrics.json"))
    shares = tickets()["outcome"].value_counts(normalize=True)
    assert found["log_loss"]["value"] < -(shares * np.log(shares)).sum()
    assert {f"recall of {name}" for name in CLASSES} <= set(found)
    slices = pd.DataFrame(json.loads(desk.text("reports/slices.json")))
    assert set(slices.loc[slices["cut"] == "outcome", "slice"]) == set(CLASSES)


def test_a_prediction_holds_a_probability_for_each_class(desk):
    found = pd.read_parquet(desk.path / "data/predictions.parquet")
    scores = np.array(found["scores"].tolist())
    assert scores.shape == (len(found), len(CLASSES))
    assert np.allclose(scores.sum(axis=1), 1)
    assert (found["score"] == scores.max(axis=1)).all()


def test_a_worse_model_is_called_worse(desk, tmp_path):
    repo = copy(desk, tmp_path / "repo")
    repo.commit()
    repo.git("switch", "--quiet", "--create", "change")
    repo.set_param("train.model.trees", 2)
    repo.run("loop", "run")
    assert repo.run("loop", "review", check=False).returncode == 1
    found = json.loads(repo.text("review/verdict.json"))
    assert found["verdict"] == "worse"
    assert found["calibration"]["candidate"]


def test_a_file_is_scored_by_class(desk, tmp_path):
    desk.run("loop", "score", "data/examples/holdout.parquet", str(tmp_path / "scores.csv"))
    found = pd.read_csv(tmp_path / "scores.csv")
    by_class = found[[f"score of {name}" for name in CLASSES]]
    assert by_class.sum(axis=1).to_numpy() == pytest.approx(1)
    assert (found["decision"] == np.array(CLASSES)[by_class.to_numpy().argmax(axis=1)]).all()


def test_it_is_monitored_and_what_matters_adds_up(desk, tmp_path):
    repo = copy(desk, tmp_path / "repo")
    repo.commit()
    repo.run("loop", "monitor", "--now", "2024-06-09", check=False)
    found = json.loads(repo.text("monitor/finding.json"))
    assert found["decision"] in {"nothing", "warning"}
    assert found["matured"]["rows"] > 0
    assert sum(one["importance"] for one in found["features"]) == pytest.approx(1, abs=0.01)
    assert found["curves"][-1]["label_mean"] == pytest.approx(found["curves"][-1]["score_mean"], abs=0.15)
    assert found["curves"][-1]["decision_share"] is None
    assert found["curves"][-1]["estimate"] == pytest.approx(found["curves"][-1]["loss"], abs=0.15)


def test_its_own_tests_and_those_of_any_problem_pass(desk):
    done = desk.run("python", "-m", "pytest", "-q", "tests/contract", "tests/problem", check=False, CI="true")
    assert done.returncode == 0, done.stdout[-3000:]
