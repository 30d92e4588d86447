"""MLflow's registry is a picture of git: drawn once it stays, lost it is drawn again, the same."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from mlflow import MlflowClient

from loop.base.errors import LoopError
from loop.history import registry
from loop.history.registry import FORGOTTEN
from loop.model import tracking
from loop.model.artifacts import Stored
from loop.model.run_entries import Entries, add
from loop.model.run_file import CLAIM
from loop.production import branch, transitions
from loop.settings.paths import EVALUATION
from support.states import NOW, STAGED, released, version

pytestmark = pytest.mark.slow  # a registry of MLflow


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def mlflow(clone, empty_runs, monkeypatch):
    """A registry of its own beside the clone."""
    shutil.copy(empty_runs, clone.parent)
    return use(monkeypatch, clone.parent / "mlflow.db")


def use(monkeypatch, path: Path) -> MlflowClient:
    uri = f"sqlite:///{path}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "loop")
    monkeypatch.delenv("MLFLOW_REGISTERED_MODEL_NAME", raising=False)
    return MlflowClient(uri)


def merged(number: int) -> str:
    """A commit of main with what a training writes."""
    for name, text in {
        "params.yaml": f"train: {{trees: {number}}}\n",
        "reports/metrics.json": json.dumps({"loss": {"value": number / 10, "low": 0, "high": 1}, "rows": 9}),
        "reports/slices.json": json.dumps(
            [{"cut": "shop", "slice": "north/east", "metric": "loss", "rows": 9, "value": number / 10}]
        ),
        "models/card.md": f"# Card {number}\n",
        "models/lineage.json": json.dumps({"model": {"sha256": f"{number:064x}"}}),
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    git("add", "--all")
    git("commit", "--quiet", "-m", f"Model {number}")
    return git("rev-parse", "HEAD")


@pytest.fixture
def three(clone):
    """Three versions, of which the third is on its way."""
    released(version(1, commit=merged(1)), version(2, commit=merged(2)))
    for _ in STAGED.stages:
        step(lambda state: transitions.advance(state, STAGED, NOW))
    released(version(3, commit=merged(3), pull=None, approver=None))
    return clone


def step(change):
    branch.change(lambda now: (change(now.state), "a transition", None), lambda _: {})


def picture(client: MlflowClient) -> dict[str, object]:
    """Everything that the registry says, but for times and ids of runs."""
    found = {int(one.version): one for one in client.search_model_versions("name='loop'")}
    runs = {number: client.get_run(one.run_id) for number, one in found.items()}
    return {
        "tags": {number: one.tags for number, one in found.items()},
        "aliases": {name: int(at) for name, at in client.get_registered_model("loop").aliases.items()},
        "params": {number: run.data.params for number, run in runs.items()},
        "metrics": {number: run.data.metrics for number, run in runs.items()},
        "commits": {number: run.data.tags["git_commit"] for number, run in runs.items()},
    }


def test_every_version_is_there_with_its_number_its_people_and_its_role(three, mlflow):
    done = registry.sync(branch.fetch())
    assert str(done) == (
        "registry: 3 versions of loop as git has them: 3 made, 0 tagged anew, champion is 2, challenger is 3"
    )
    seen = picture(mlflow)
    assert seen["aliases"] == {"champion": 2, "challenger": 3}
    assert {number: tags["state"] for number, tags in seen["tags"].items()} == {
        1: "retired",
        2: "champion",
        3: "challenger",
    }
    known = branch.fetch().versions
    assert seen["tags"][2] == {
        "commit": known[2].commit,
        "model_sha256": known[2].model,
        "lock_sha256": "0" * 64,
        "verdict": "better",
        "pull_request": "7",
        "author": "ann",
        "approver": "bob",
        "image": known[2].image,
        "released": "2026-01-05T12:00:00Z",
        "state": "champion",
        "data data/raw": "0" * 32,
    }
    assert not {"pull_request", "approver"} & seen["tags"][3].keys()


def test_a_run_that_nobody_has_is_made_of_what_git_has_of_it(three, mlflow):
    registry.sync(branch.fetch())
    seen, known = picture(mlflow), branch.fetch().versions
    assert seen["params"] == {number: {"train.trees": str(number)} for number in (1, 2, 3)}
    names = ("loss", "slice/shop/north_east/loss")
    assert seen["metrics"] == {number: dict.fromkeys(names, number / 10) for number in (1, 2, 3)}
    assert seen["commits"] == {number: one.commit for number, one in known.items()}
    run = mlflow.get_model_version("loop", "3").run_id
    assert {file.path for file in mlflow.list_artifacts(run, "report")} == {
        "report/card.md",
        "report/metrics.json",
        "report/slices.json",
    }
    found = mlflow.get_run(run)
    assert found.data.tags["verdict"] == "better"
    assert found.data.metrics["slice/shop/north_east/loss"] == 0.3
    assert {(one.dataset.name, one.dataset.digest) for one in found.inputs.dataset_inputs} == {
        ("raw", "0" * 32)
    }
    assert "dvc pull" in mlflow.get_run(run).data.tags["model_file"]


def test_it_holds_the_figures_where_a_cache_has_them_and_names_the_run_of_its_review(
    three, mlflow, monkeypatch
):
    def bring(stored: Stored, path: Path) -> bool:
        if path == EVALUATION:
            (stored.root / path).parent.mkdir()
            (stored.root / path).write_text("<svg/>")
        return path == EVALUATION

    monkeypatch.setattr(Stored, "bring", bring)
    reviewed = tracking.record("other", Entries(tags={CLAIM: f"{2:064x}", "pull_request": "7"}), start=True)
    registry.sync(branch.fetch())
    run = mlflow.get_run(mlflow.get_model_version("loop", "2").run_id)
    assert run.data.tags["run_of_review"] == reviewed
    assert "report/evaluation.html" in {one.path for one in mlflow.list_artifacts(run.info.run_id, "report")}
    assert "run_of_review" not in mlflow.get_run(mlflow.get_model_version("loop", "1").run_id).data.tags


def test_the_run_of_a_training_is_found_by_its_model(three, mlflow):
    known = tracking.record(f"{2:064x}", Entries(), start=True)
    registry.sync(branch.fetch())
    assert mlflow.get_model_version("loop", "2").run_id == known
    assert mlflow.get_run(known).data.tags["verdict"] == "better"


def test_a_second_time_changes_nothing(three, mlflow):
    registry.sync(branch.fetch())
    before = [dict(one) for one in mlflow.search_model_versions("name='loop'")]
    assert str(registry.sync(branch.fetch())).endswith("nothing to do")
    assert [dict(one) for one in mlflow.search_model_versions("name='loop'")] == before
    experiment = mlflow.get_experiment_by_name("loop").experiment_id
    assert len(mlflow.search_runs([experiment])) == 3


def test_a_lost_registry_is_drawn_again_the_same(three, mlflow, monkeypatch):
    registry.sync(branch.fetch())
    step(lambda state: transitions.abort(state, "it crashes", NOW))
    registry.sync(branch.fetch())
    before = picture(mlflow)
    anew = use(monkeypatch, three.parent / "another.db")
    registry.sync(branch.fetch())
    assert picture(anew) == before


def test_aliases_and_tags_follow_a_rollback_and_the_way_forth_again(three, mlflow):
    registry.sync(branch.fetch())
    first = branch.fetch().versions[1]
    step(lambda state: transitions.back(state, first, "it hurts", NOW))
    registry.sync(branch.fetch())
    seen = picture(mlflow)
    assert seen["aliases"] == {"champion": 1}
    assert [(seen["tags"][number]["state"]) for number in (1, 2, 3)] == ["champion", "refused", "refused"]
    assert seen["tags"][2]["refused_because"] == "it hurts"
    second = branch.fetch().versions[2]
    step(lambda state: transitions.back(state, second, "it did not", NOW))
    registry.sync(branch.fetch())
    seen = picture(mlflow)
    assert seen["aliases"] == {"champion": 2}
    assert "refused_because" not in seen["tags"][2]


def test_what_others_tagged_and_pointed_at_stays(three, mlflow):
    registry.sync(branch.fetch())
    mlflow.set_model_version_tag("loop", "1", "note", "theirs")
    mlflow.set_registered_model_alias("loop", "demo", "1")
    mlflow.set_model_version_tag("loop", "2", "verdict", "superb")
    assert registry.sync(branch.fetch()).tagged == [2]
    seen = picture(mlflow)
    assert seen["tags"][1]["note"] == "theirs"
    assert seen["tags"][2]["verdict"] == "better"
    assert seen["aliases"]["demo"] == 1


def test_a_version_that_another_made_is_left_alone_and_named(three, mlflow):
    mlflow.create_registered_model("loop")
    mlflow.create_model_version("loop", "s3://somewhere/model", tags={"mine": "yes"})
    with pytest.raises(
        LoopError, match="version 1 of loop in MLflow is not the one that git released"
    ) as error:
        registry.sync(branch.fetch())
    assert "MLFLOW_REGISTERED_MODEL_NAME" in str(error.value)
    assert mlflow.get_model_version("loop", "1").tags == {"mine": "yes"}
    aliases = mlflow.get_registered_model("loop").aliases
    assert {name: int(at) for name, at in aliases.items()} == {"champion": 2, "challenger": 3}, "all else"


def test_a_version_that_git_does_not_know_is_named_after_all_else_is_done(three, mlflow):
    registry.sync(branch.fetch())
    mlflow.create_model_version("loop", "s3://somewhere/model")
    step(lambda state: transitions.abort(state, "it crashes", NOW))
    with pytest.raises(LoopError, match="version 4 of loop in MLflow was never released"):
        registry.sync(branch.fetch())
    assert "challenger" not in mlflow.get_registered_model("loop").aliases


@pytest.mark.parametrize(
    ("number", "found"),
    [(2, "version 2 of loop is gone from MLflow"), (3, "MLflow numbers the next version 4, git 3")],
)
def test_a_number_that_mlflow_will_not_give_again_is_reported_and_nothing_wrong_is_left(
    three, mlflow, number, found
):
    registry.sync(branch.fetch())
    mlflow.delete_model_version("loop", str(number))
    with pytest.raises(LoopError, match=found) as error:
        registry.sync(branch.fetch())
    assert "delete the model loop in MLflow" in str(error.value)
    left = [int(one.version) for one in mlflow.search_model_versions("name='loop'")]
    assert sorted([*left, number]) == [1, 2, 3]
    mlflow.delete_registered_model("loop")
    assert registry.sync(branch.fetch()).made == [1, 2, 3]


def test_an_alias_never_names_a_version_that_is_not_git_s(three, mlflow):
    registry.sync(branch.fetch())
    mlflow.delete_registered_model("loop")
    mlflow.create_registered_model("loop")
    for _ in range(2):
        mlflow.create_model_version("loop", "s3://somewhere/model")
    mlflow.set_registered_model_alias("loop", "champion", "2")
    with pytest.raises(LoopError):
        registry.sync(branch.fetch())
    assert "champion" not in mlflow.get_registered_model("loop").aliases


def test_a_commit_that_this_clone_does_not_have_stops_it_before_anything_is_made(clone, mlflow):
    released(version(1))
    with pytest.raises(LoopError, match="git fetch --unshallow"):
        registry.sync(branch.fetch())
    assert not mlflow.search_registered_models()


def test_a_registry_that_does_not_answer_says_so_in_time(three, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(LoopError, match="does not answer"):
        registry.sync(branch.fetch())


def test_a_production_without_a_version_makes_an_empty_model(clone, mlflow):
    assert str(registry.sync(branch.fetch())).endswith("nothing to do")
    assert mlflow.get_registered_model("loop").aliases == {}


def test_a_run_that_was_only_taken_in_is_no_version_s_run(three, mlflow):
    """It says itself which model it is of: whoever made it could name any."""
    client, experiment = tracking.connect()
    client.create_run(experiment, tags={"claimed_model_sha256": f"{2:064x}"})
    registry.sync(branch.fetch())
    run = mlflow.get_run(mlflow.get_model_version("loop", "2").run_id)
    assert run.data.tags["made_from"] == "git"


def test_what_this_checkout_measured_of_a_training_goes_with_it_to_the_server(
    three, mlflow, empty_runs, monkeypatch
):
    """As in a release: the job trains with its own file of runs, then tells the server."""
    own = Path(shutil.copy(empty_runs, "mlflow.db")).absolute()
    # In one process MLflow keeps the file that it opened by a relative name, in whatever folder that was.
    monkeypatch.setattr(tracking, "LOCAL", f"sqlite:///{own}")
    client = MlflowClient(tracking.LOCAL)
    found = Entries(
        metrics={"train_seconds": 7.0}, series={"process_cpu_percent": [(0.5, 90.0), (1.5, 99.0)]}
    )
    run = client.create_run(client.create_experiment("loop"), tags={"model_sha256": f"{2:064x}"}).info.run_id
    add(client, run, found)
    registry.sync(branch.fetch())
    told = mlflow.get_run(mlflow.get_model_version("loop", "2").run_id)
    assert told.data.metrics["train_seconds"] == 7.0
    points = mlflow.get_metric_history(told.info.run_id, "system/process_cpu_percent")
    assert [one.value for one in points] == [90.0, 99.0]
    assert points[1].timestamp - points[0].timestamp == 1000


def test_versions_that_learned_from_one_who_was_forgotten_are_tagged_and_stay_so(clone, mlflow):
    released(*(version(one, commit=merged(one), model=f"{one}" * 64) for one in (1, 2)))
    registry.sync(branch.fetch())
    assert registry.tag_forgotten() == []
    model = branch.fetch().version(2).model
    entries = [
        {"person": day, "day": day, "trained models": [f"{model[:12]} (version 2)"]}
        for day in ("2026-02-01", "2026-01-09")
    ]
    FORGOTTEN.parent.mkdir(exist_ok=True)
    FORGOTTEN.write_text(json.dumps(entries))
    assert registry.tag_forgotten() == [2]
    tags = picture(mlflow)["tags"]
    assert [tags[number].get("learned_from_forgotten") for number in (1, 2)] == [None, "2026-02-01"]
    assert "nothing to do" in str(registry.sync(branch.fetch()))
    FORGOTTEN.unlink()
    registry.sync(branch.fetch())
    assert "learned_from_forgotten" not in picture(mlflow)["tags"][2]


@pytest.mark.parametrize("text", ["[{", "{}", "1", '[{"day": "2026-02-01"}]', "[1]"])
def test_a_record_of_erasures_that_is_none_is_one_message(clone, text):
    FORGOTTEN.parent.mkdir()
    FORGOTTEN.write_text(text)
    with pytest.raises(LoopError, match=r"forgotten\.json"):
        registry.forgotten()
