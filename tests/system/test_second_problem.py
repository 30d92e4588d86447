"""Another problem in place of this one: five files and a params.yaml, no change to the machinery."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from conftest import ROOT, Repo, copy, copy_sources
from loop.base import files
from problem import metrics, source

SECOND = ROOT / "tests/second_problem"
MADE = ["dvc.lock", "models/lineage.json", "models/card.json", "models/card.md", "reports"]


@pytest.fixture(scope="module")
def adopted(tmp_path_factory) -> Repo:
    """A copy of the repository that holds the second problem, and has run it once."""
    repo = copy_sources(tmp_path_factory.mktemp("adopted") / "repo")
    for name in ["src/problem", *MADE]:
        repo.run("rm", "-rf", name)
    shutil.copytree(
        SECOND / "problem", repo.path / "src/problem", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy2(SECOND / "params.yaml", repo.path)
    repo.run("loop", "run")
    return repo


def name_on_card(folder: Path) -> str:
    return yaml.safe_load((folder / "params.yaml").read_text())["card"]["name"]


def spoken(word: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", text) is not None


def words_of_the_first() -> list[str]:
    """What this repository's own problem is called, its tables and keys too, but for words of anyone."""
    words = [name_on_card(ROOT), metrics.SCORE, metrics.LABEL, *source.TIME, *source.KEY]
    pages = [*SECOND.rglob("*.py"), SECOND / "params.yaml", *ROOT.glob("src/loop/**/templates/*")]
    common = "\n".join(path.read_text() for path in pages)
    return [word for word in words if not spoken(word, common)]


def test_the_machinery_is_as_it_was(adopted):
    changed = adopted.run("git", "status", "--porcelain", "--untracked-files=all").stdout.split("\n")
    names = {line[3:].split("/")[0] for line in changed if line and not line[3:].startswith("src/problem/")}
    assert names == {"params.yaml", "dvc.lock", "models", "reports"}


def test_the_model_is_a_good_deal_better_than_predicting_the_mean(adopted):
    train, holdout = (
        files.read_table(adopted.path / f"data/examples/{name}.parquet")["label"]
        for name in ("train", "holdout")
    )
    of_the_mean = (holdout - train.mean()).abs().mean()
    mae = json.loads(adopted.text("reports/metrics.json"))["mae"]
    assert 0.5 * of_the_mean < mae["value"] < 0.8 * of_the_mean
    assert mae["low"] < mae["value"] < mae["high"]


def test_a_metric_of_means_is_of_the_right_size(adopted):
    found = json.loads(adopted.text("reports/metrics.json"))
    assert found["mae"]["value"] < found["rmse"]["value"] < 2 * found["mae"]["value"]


@pytest.mark.parametrize("page", ["reports/evaluation.html", "models/card.md"])
def test_report_and_card_speak_of_this_problem_and_of_no_other(adopted, page):
    output = adopted.text(page)
    assert name_on_card(SECOND) in output
    assert "mean absolute error" in output
    assert "clinic" in output
    assert not [word for word in words_of_the_first() if spoken(word, output)]


def test_the_contract_suite_holds_and_the_stages_name_the_code_that_they_run(adopted):
    structure = "tests/test_structure.py::test_{}"
    statements = [
        "tests/contract",
        structure.format("the_problem_imports_nothing_of_the_machinery_but_the_kit"),
        structure.format("a_stage_lists_all_the_code_that_it_runs_and_no_other"),
    ]
    done = adopted.run("python", "-m", "pytest", "-q", *statements, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.fixture(scope="module")
def watched(adopted, tmp_path_factory) -> Repo:
    """A copy of it that is committed, to be looked after."""
    repo = copy(adopted, tmp_path_factory.mktemp("watched") / "repo")
    repo.commit()
    return repo


@pytest.mark.parametrize(
    ("now", "code", "decisions"),
    [("2020-04-20", 0, {"nothing", "warning"}), ("2020-05-20", 5, {"no data"})],
)
def test_it_is_looked_after_though_labels_take_a_month(watched, now, code, decisions):
    done = watched.run("loop", "monitor", "--now", now, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    found = json.loads(watched.text("monitor/finding.json"))
    assert found["decision"] in decisions
    assert found["matured"]["until"] == f"{pd.Timestamp(now) - pd.Timedelta(days=31):%Y-%m-%d}"
    assert found["matured"]["rows"] > 0
    assert found["kpi"]["fault"] == ""
    assert sum(week["rows"] for week in found["kpi"]["weeks"]) > 0
    assert {one["estimate"] for one in found["curves"]} == {None}, "no probabilities, no expected loss"
    loss = next(one for one in found["signals"] if one["name"] == "loss")
    assert loss["title"] == "mean absolute error"
    for name in ("finding.json", "report.md", "report.html"):
        output = watched.text(f"monitor/{name}")
        assert not [word for word in words_of_the_first() if spoken(word, output)]


def test_a_change_of_it_is_reviewed_like_any_other(adopted, tmp_path):
    shutil.copytree(adopted.path, tmp_path / "repo", symlinks=True)
    repo = Repo(tmp_path / "repo")
    repo.commit()
    repo.git("switch", "--quiet", "--create", "change")
    repo.set_param("train.model.alpha", 11.0)
    repo.run("loop", "run")
    done = repo.run("loop", "review", check=False)
    verdict = json.loads(repo.text("review/verdict.json"))
    assert (done.returncode, verdict["verdict"]) == (0, "equivalent"), done.stdout
    assert "mean absolute error" in done.stdout
    assert repo.text("review/report.md").count("```mermaid") == 2, "gains, and calibration of amounts"
    assert {check["result"] for check in verdict["checks"]} == {"pass"}
