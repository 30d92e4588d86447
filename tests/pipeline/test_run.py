"""run: refuses a bad params.yaml before anything runs, and ends by saying how good the model is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loop.base.errors import LoopError
from loop.pipeline import run
from loop.pipeline.run import summary
from loop.settings.paths import PARAMS
from loop.settings.yaml_file import load


def test_it_ends_with_what_was_trained_how_good_it_is_and_where_to_look(finished):
    output = finished.run("loop", "run").stdout
    card = json.loads(finished.text("models/card.json"))
    assert output.endswith(f"{summary(card)}\n"), "the README shows it to its end"
    assert "minimum requirements met" in output
    for part in ("trained on", "judged on", "95% interval", "reports/evaluation.html", "make ui"):
        assert part in output
    for metric in card["metrics"].values():
        assert f"{metric['value']:.4f}" in output


@pytest.mark.parametrize(
    ("made", "judged", "told"),
    [
        (None, None, "no model was trained yet"),
        ("a" * 64, None, "the model aaaaaaaaaaaa was not judged yet"),
        ("a" * 64, "b" * 64, "the model aaaaaaaaaaaa was not judged yet"),
    ],
)
def test_where_only_some_stages_ran_no_other_models_figures_are_shown(
    tmp_path, monkeypatch, made, judged, told
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    for name, sha256 in (("lineage", made), ("card", judged)):
        if sha256:
            (tmp_path / f"models/{name}.json").write_text(json.dumps({"model": {"sha256": sha256}}))
    assert run._told().startswith(told)


def test_a_large_figure_stands_apart_from_its_name():
    card = json.loads(Path("models/card.json").read_text())
    for metric in card["metrics"].values():
        metric |= {"title": "root mean squared error", "value": 123456.7}
    assert "error 123456.7000" in summary(card)


def test_a_second_run_runs_nothing_again(finished):
    assert "Running stage" not in finished.run("loop", "run").stdout


TYPOS = {
    "a section": ({"train": None, "trian": {"seed": 1}}, "`trian` is not a section; did you mean `train`?"),
    "a sign unseen": ({"train\xa0": {"seed": 1}}, r"`train\xa0` is not a section; did you mean `train`?"),
    "a key": ({"evaluate.replicate": 5}, "`evaluate.replicate` is not a key; did you mean `replicates`?"),
    "a type": ({"train.seed": "many"}, "`train.seed` is 'many'"),
    "a number out of range": ({"evaluate.confidence": 95}, "`evaluate.confidence` is 95"),
    "a cluster": ({"evaluate.cluster": "moth"}, "`evaluate.cluster` is 'moth', no column of the examples"),
    "a metric of the gate": (
        {"review.minimum_requirements": {"accuracy": {"limit": 0.9, "reason": "r"}}},
        "names `accuracy`, no metric",
    ),
    "a time": ({"windows.as_of": "2013-06-03"}, "has no time zone"),
    "a text": ({"card.owner": 3}, "`card.owner` is 3"),
    "a key that a stage reads": ({"monitor.accepted": None}, "`monitor.accepted` is missing"),
    "nothing left": ({"card": None}, "section `card` is missing"),
}


@pytest.mark.parametrize(("changes", "output"), TYPOS.values(), ids=TYPOS)
def test_a_typo_is_refused_before_anything_runs(working_copy, monkeypatch, changes, output):
    monkeypatch.chdir(working_copy.path)
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("DVC was started"))
    for key, value in changes.items():
        working_copy.set_param(key, value)
    with pytest.raises(LoopError) as refused:
        run.run([])
    assert refused.value.found.startswith("params.yaml")
    assert output in str(refused.value)


def test_a_typo_is_one_message_and_an_exit_code(working_copy):
    working_copy.set_param("evaluate.replicate", 5)
    done = working_copy.run("loop", "run", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml")
    assert "Traceback" not in done.stderr
    assert "Running stage" not in done.stdout


def test_an_edit_of_the_gates_policy_runs_nothing_and_is_judged_at_once(working_copy):
    card = json.loads(working_copy.text("models/card.json"))
    name, metric = next(iter(card["metrics"].items()))
    worse = {"lower": -1.0, "higher": 1.0}[metric["better"]] + metric["value"]
    working_copy.set_param("review.minimum_requirements", {name: {"limit": worse, "reason": "r"}})
    output = working_copy.run("loop", "run").stdout
    assert "Running stage" not in output
    assert f"minimum requirement breached: {metric['title']} {metric['value']}" in output


@pytest.fixture
def parsed(working_copy, monkeypatch):
    """The sections that were parsed, in a repository where nothing was checked yet."""
    monkeypatch.chdir(working_copy.path)
    run.CHECKED.unlink(missing_ok=True)
    names = []
    parse = run._parse
    monkeypatch.setattr(run, "_parse", lambda name, *rest: (names.append(name), parse(name, *rest)))
    return names


UNREAD = ["engine", "review", "serve", "monitor", "search"]  # by any stage


def test_sections_that_the_stages_took_are_not_parsed_again(parsed):
    values = load(PARAMS)
    assert run._accepted() == {name: values[name] for name in run.MODELS if name not in UNREAD}
    run.check_params()
    assert parsed == UNREAD


def test_the_same_file_is_checked_once_and_again_once_it_or_any_code_changes(working_copy, parsed):
    run.check_params()
    run.check_params()
    assert parsed == UNREAD
    working_copy.set_param("card.owner", "another")
    run.check_params()
    assert parsed == [*UNREAD, *UNREAD, "card"]
    (working_copy.path / "src/problem/more.py").write_text("")
    run.check_params()
    assert parsed == [*UNREAD, *UNREAD, "card", *UNREAD, "card"]


def test_what_was_refused_is_refused_again(working_copy, parsed):
    working_copy.set_param("serve.workers", 0)
    for _ in range(2):
        with pytest.raises(LoopError, match=r"serve\.workers"):
            run.check_params()
    working_copy.set_param("serve.workers", 1)
    run.check_params()


def test_a_lock_that_a_merge_left_torn_is_recorded_by_no_stage(working_copy, parsed):
    lock = working_copy.path / "uv.lock"
    lock.write_text(lock.read_text().replace("\n", "\n<<<<<<< HEAD\n=======\n>>>>>>> other\n", 1))
    with pytest.raises(LoopError, match=r"uv\.lock, line 2: a merge left both sides") as error:
        run.check_params()
    assert "`uv lock`" in error.value.todo


def test_where_nothing_can_be_written_it_is_checked_each_time(parsed, monkeypatch):
    monkeypatch.setattr(run, "CHECKED", Path("params.yaml/checked"))
    run.check_params()
    run.check_params()
    assert parsed == [*UNREAD, *UNREAD]


@pytest.mark.parametrize("name", sorted(set(run.MODELS) - run.MAY_LACK))
def test_a_section_that_is_missing_is_named_whatever_else_is_there(working_copy, parsed, name):
    working_copy.set_param(name, None)
    with pytest.raises(LoopError, match=rf"section `{name}` is missing"):
        run.check_params()
    assert parsed == []


def test_a_pipeline_with_nothing_to_do_starts_without_slow_libraries():
    """They cost more than all of DVC."""
    code = "import sys, loop.commands.command_line, loop.pipeline.run; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "pandas", "pydantic", "sklearn", "mlflow", "jinja2"} & set(loaded.split())


def test_what_checks_joins_and_moves_rows_or_weights_starts_without_what_only_models_need():
    """scikit-learn and what it loads cost a second of a processor each time."""
    reads = ("pipeline.ingest", "pipeline.validate", "pipeline.examples", "serve.collect", "release.plan")
    code = f"import sys, {', '.join(f'loop.{one}' for one in reads)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"sklearn", "scipy.stats", "skops", "matplotlib", "mlflow"} & set(loaded.split())


def test_a_folder_that_was_downloaded_and_not_cloned_is_refused_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "check_params", lambda: None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoopError, match="is in no git repository") as refused:
        run.run([])
    assert "git init" in refused.value.todo


def test_a_clone_without_its_pipeline_is_one_message(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "check_params", lambda: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    with pytest.raises(LoopError, match=r"dvc\.yaml is missing") as refused:
        run.run([])
    assert "git checkout dvc.yaml" in refused.value.todo


@pytest.mark.parametrize("name", [".dvc/tmp", "dvc.lock", "data/raw", "models"])
def test_a_clone_that_another_user_holds_is_one_message_before_anything_runs(tmp_path, monkeypatch, name):
    """As where root ran once, or on a checkout that can be read only: DVC says `unexpected error`."""
    monkeypatch.chdir(tmp_path)
    for folder in (".dvc/tmp", "data/raw", "models"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "dvc.lock").touch()
    stage = "{cmd: x, outs: [data/raw, models/model.skops]}"
    (tmp_path / "dvc.yaml").write_text(f"stages:\n  a: {stage}\n")
    place = tmp_path / name
    run._may_write()
    may = os.access
    monkeypatch.setattr("os.access", lambda path, how: may(path, how) and Path(path).absolute() != place)
    with pytest.raises(LoopError) as refused:
        run._may_write()
    assert refused.value.found.startswith(f"{place} cannot be written by ")
