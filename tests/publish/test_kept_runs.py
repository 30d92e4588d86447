"""The trusted half logs the run of an own branch's review; of a fork none, and what fails is a warning."""

import io
import zipfile
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import ROOT
from loop.base.errors import LoopError
from loop.github.commit_status import Gate
from loop.publish import artifact, publish
from model.test_run_file import SVG, content


@pytest.fixture
def case() -> Any:
    run = SimpleNamespace(id=5, sha="d" * 40, url="https://github.com/o/n/actions/runs/5", queued=False)
    return SimpleNamespace(run=run, pull=SimpleNamespace(number=7, own=True))


GATE = Gate("failure", "no look at this holdout is left")
FOUND: Any = SimpleNamespace(run=content(calibration=SVG), verdict=SimpleNamespace(verdict="equivalent"))


def test_a_review_of_an_own_branch_leaves_a_run_with_its_verdict_and_pull_request(case, tracker, capsys):
    publish._keep_run(case, FOUND, GATE)
    publish._keep_run(case, FOUND, GATE)
    (run,) = tracker.search_runs([tracker.get_experiment_by_name("loop").experiment_id])
    tags = run.data.tags
    assert (tags["verdict"], tags["pull_request"], tags["review_of"]) == ("equivalent", "7", "d" * 40)
    assert tags["gate"] == "failure", "a verdict that passes may have no look left"
    assert f"MLflow: run {run.info.run_id}" in capsys.readouterr().out


@pytest.mark.parametrize("which", ["a fork", "a queue", "no run", "no server"])
def test_what_may_not_or_cannot_be_logged_is_left(case, tracker, monkeypatch, which):
    found = FOUND
    match which:
        case "a fork":
            case.pull.own = False
        case "a queue":
            case.run.queued = True
        case "no run":
            found = SimpleNamespace(run={}, verdict=FOUND.verdict)
        case "no server":
            monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    publish._keep_run(case, found, GATE)
    assert tracker.get_experiment_by_name("loop") is None


def test_a_hostile_run_or_a_server_that_is_down_is_a_warning(case, tracker, monkeypatch, capsys):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    publish._keep_run(case, SimpleNamespace(run={"run.json": b"{"}, verdict=FOUND.verdict), GATE)
    assert "warning: MLflow has no run of this review" in capsys.readouterr().out
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/none/runs.db")
    publish._keep_run(case, FOUND, GATE)
    assert "warning: MLflow has no run of this review" in capsys.readouterr().out


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return out.getvalue()


def test_a_run_s_files_are_no_results_that_are_committed_and_others_beside_them_are_refused():
    files = {
        "review/verdict.json": (ROOT / "docs/example/verdict.json").read_bytes(),
        "reports/metrics.json": b"{}",
    }
    files |= {f"review/{name}": text for name, text in content(calibration=SVG).items()}
    found = artifact.read(zipped(files))
    assert set(found.files) == {"reports/metrics.json"}
    assert set(found.run) == {"run.json", "figures/calibration.svg"}
    for strange in ("review/figures/a.png", "review/figures/x/a.svg", "review/other.json"):
        with pytest.raises(LoopError, match="which no review makes"):
            artifact.read(zipped({**files, strange: b""}))
