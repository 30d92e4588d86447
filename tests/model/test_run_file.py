"""A run that travels as files is logged as it was, once; what is none, or would act, is refused whole."""

import hashlib
import json
import shutil

import pytest
from mlflow.entities import Dataset, DatasetInput

from loop.base.errors import LoopError
from loop.model import run_file, tracking
from loop.model.run_entries import Entries, Input

SHA = "ab" * 32
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><g clip-path="url(#a)"><text>50 % &lt;x&gt;</text></g></svg>'
RUN = {
    "schema_version": 1,
    "model_sha256": SHA,
    "git_commit": "c" * 40,
    "git_dirty": False,
    "started": 1_700_000_000_000,
    "verdict": "better",
    "params": {"train.seed": "1"},
    "metrics": {"loss": 0.5, "slice/shop/north/loss": 0.25},
    "hashes": {"data data/train.parquet": "0" * 32, "uv_lock_sha256": "1" * 64},
    "inputs": [{"name": "train", "context": "training", "source": "data/t", "md5": "0" * 32, "rows": 9}],
    "series": {"process_cpu_percent": [[0.0, 10.0], [1.5, 20.0]]},
}


def content(run: dict | None = None, **figures: str) -> dict[str, bytes]:
    found = {"run.json": json.dumps(RUN if run is None else run).encode()}
    return found | {f"figures/{name}.svg": svg.encode() for name, svg in figures.items()}


def test_a_run_leaves_and_comes_back_as_it_was_and_a_second_time_changes_nothing(tracker, tmp_path):
    entries = Entries(
        params={"train.seed": 1},
        metrics={"loss": 0.5},
        tags={"data data/t": "0" * 32},
        texts={"figures/calibration.svg": SVG},
        inputs=[Input("train", "training", "data/t", "0" * 32, 9)],
        series={"process_cpu_percent": [(0.0, 10.0), (1.5, 20.0)]},
        started=1_700_000_000_000,
    )
    tracking.record(SHA, entries, start=True)
    theirs = Dataset("theirs", "1", "http", '{"url": "https://x"}')
    own = tracking.find(*tracking.connect(), SHA).info.run_id
    tracker.log_inputs(own, [DatasetInput(theirs, [])])  # by code of the problem: not of DVC
    assert run_file.leave(tmp_path / "review", SHA, "better")
    home = run_file.read(tmp_path)
    run, new = run_file.take_in(home, {"pull_request": "7"})
    assert new
    assert run_file.take_in(home, {"pull_request": "7"}) == (run, False)
    found = tracker.get_run(run)
    assert found.data.params == {"train.seed": "1"}
    assert found.data.metrics == {"loss": 0.5, "system/process_cpu_percent": 20.0}
    points = tracker.get_metric_history(run, "system/process_cpu_percent")
    assert [(one.timestamp, one.value) for one in points] == [
        (1_700_000_000_000, 10.0),
        (1_700_000_001_500, 20.0),
    ]
    tags = found.data.tags
    assert (tags["verdict"], tags["pull_request"], tags["data data/t"]) == ("better", "7", "0" * 32)
    assert [one.dataset.digest for one in found.inputs.dataset_inputs] == ["0" * 32]
    assert [one.path for one in tracker.list_artifacts(run, "figures")] == ["figures/calibration.svg"]
    assert tags["claimed_model_sha256"] == SHA
    mine = tracking.find(*tracking.connect(), SHA)
    assert mine.info.run_id != run, "the registry builds on no run that only says which model it is of"


def test_a_run_of_another_checkout_leaves_from_that_one_s_own_file(
    empty_runs, tracker, tmp_path, monkeypatch
):
    home = tmp_path / "other"
    home.mkdir()
    shutil.copy(empty_runs, home / "mlflow.db")
    with monkeypatch.context() as there:
        there.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home}/mlflow.db")
        tracking.record(SHA, Entries(metrics={"loss": 0.5}), start=True)
    (home / "dvc.lock").write_text("stages: {}\n")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "ours")
    assert run_file.leave(tmp_path / "review", SHA, "better", home)
    left, _ = run_file.checked(run_file.read(tmp_path))
    assert left.metrics == {"loss": 0.5}
    assert left.hashes["dvc_lock_sha256"] == hashlib.sha256(b"stages: {}\n").hexdigest()
    assert tracker.get_experiment_by_name("ours") is None


def test_one_that_broke_off_is_completed_in_its_own_run(tracker, monkeypatch):
    with monkeypatch.context() as dying:
        dying.setattr(type(tracker), "log_text", lambda *_: (_ for _ in ()).throw(ConnectionError("gone")))
        with pytest.raises(ConnectionError):
            run_file.take_in(content(calibration=SVG), {})
    run, new = run_file.take_in(content(calibration=SVG), {})
    assert new
    assert len(tracker.search_runs([tracker.get_run(run).info.experiment_id])) == 1


def test_a_model_that_nothing_trained_here_leaves_no_run(tracker, tmp_path):
    assert not run_file.leave(tmp_path / "review", SHA, "better")
    assert not (tmp_path / "review").exists()
    with pytest.raises(LoopError, match=r"holds no run\.json") as refused:
        run_file.read(tmp_path)
    assert "download the artifact" in refused.value.todo


WRONG = {
    "an unknown key": ({"tags": {}}, "`tags` is not a key"),
    "a text for a number": ({"metrics": {"loss": "1"}}, "metrics.loss"),
    "a tag of MLflow's own": ({"hashes": {"mlflow.note.content": "x"}}, "has a hash of mlflow.note.content"),
    "a hash that the registry asks for": ({"hashes": {"model_sha256": SHA}}, "has a hash of model_sha256"),
    "a name with markup": ({"metrics": {"<b>": 1.0}}, "metrics"),
    "too many points": ({"series": {"cpu": [[0.0, 1.0]] * 2001}}, "series.cpu"),
    "a huge param": ({"params": {"a": "x" * 6001}}, "params.a"),
    "a time beyond": ({"started": 10**14}, "started"),
    "another version": ({"schema_version": 2}, "another version"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_run_is_refused_by_its_key(wrong):
    changed, reason = WRONG[wrong]
    with pytest.raises(LoopError, match=reason):
        run_file.checked(content({**RUN, **changed}))


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"metrics": NaN}', b"[" * 100_000, b"\xff"])
def test_what_is_no_json_of_a_run_is_refused(text):
    with pytest.raises(LoopError):
        run_file.checked({"run.json": text})


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        "<foreignObject/>",
        '<g onload="alert(1)"/>',
        '<use href="https://evil/x"/>',
        '<use xmlns:x="http://www.w3.org/1999/xlink" x:href="data:image/svg+xml;base64,x"/>',
        '<g style="fill: url(https://evil)"/>',
        "<style>@import 'https://evil';</style>",
        "<style>g { fill: \\75rl(x) }</style>",
        "<style><g/>@import 'https://evil';</style>",
        "<style>a { }<g/>g { fill: 1 }</style>",
        "<style>g { background: image-set('https://evil' 1x) }</style>",
        "<style>@font-face { src: local(x) }</style>",
        "<g style=\"background: image('//evil')\"/>",
        '<g xml:base="https://evil/"><use href="#x"/></g>',
        "<!--><script>alert(1)</script>-->",
        "<!---><script>alert(1)</script>-->",
        "<image/>",
        "<g>",
    ],
)
def test_a_figure_that_runs_or_fetches_something_is_refused(inside):
    assert run_file.checked(content(calibration=SVG))
    with pytest.raises(LoopError, match="no mere drawing"):
        run_file.checked(content(calibration=SVG.replace("</svg>", f"{inside}</svg>")))


def test_a_figure_that_declares_entities_is_refused_before_they_unfold():
    bomb = '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + SVG.replace("50", "&b;")
    with pytest.raises(LoopError, match="declares something"):
        run_file.checked(content(calibration=bomb))


@pytest.mark.parametrize("name", ["figures/../x.svg", "figures/.svg", "figures/a.png", "x/a.svg", "a.svg"])
def test_a_file_that_no_run_makes_is_refused(name):
    with pytest.raises(LoopError, match="which no run makes"):
        run_file.checked({**content(), name: SVG.encode()})


def test_links_and_large_files_are_not_followed_or_read(tmp_path):
    (tmp_path / "run.json").write_bytes(content()["run.json"])
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/a.svg").symlink_to("/etc/hostname")
    with pytest.raises(LoopError, match="no regular file"):
        run_file.read(tmp_path)
    (tmp_path / "figures/a.svg").unlink()
    with (tmp_path / "figures/a.svg").open("wb") as large:
        large.truncate(run_file.LARGEST + 1)
    with pytest.raises(LoopError, match="2,000,001 bytes"):
        run_file.read(tmp_path)


def test_the_figures_of_an_evaluation_are_mere_drawings(finished):
    figures = list(finished.path.glob("mlruns/*/*/artifacts/figures/*.svg"))
    assert len(figures) >= 4
    run_file.checked(content(**{path.stem: path.read_text() for path in figures}))
