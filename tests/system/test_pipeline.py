"""The pipeline under real DVC: the same bits each time, no more work than an edit asks for, and recovery."""

import os
import re
import signal
import subprocess
import time

import pytest
import yaml

from conftest import BIN, ROOT, commands_in

RESULTS = (
    "dvc.lock",
    "reports/metrics.json",
    "models/card.md",
    "models/lineage.json",
    "reports/evaluation.html",
)


def lock(repo) -> dict:
    return yaml.safe_load(repo.text("dvc.lock"))


def stages_that_ran(done) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", done.stdout)


def test_what_is_committed_is_what_the_run_gives(finished):
    """A lock may be older than the code; where it names the same inputs, it names the same outputs."""
    committed, found = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"], lock(finished)["stages"]
    for name, stage in found.items():
        same = all(committed[name].get(part) == stage.get(part) for part in ("cmd", "deps", "params"))
        assert not same or committed[name]["outs"] == stage["outs"], f"stage {name}"


def test_an_edit_of_the_metrics_runs_evaluate_alone(small_copy):
    small_copy.append("src/problem/metrics.py", "# edited\n")
    assert stages_that_ran(small_copy.run("loop", "run")) == ["evaluate"]


def test_an_edit_of_the_seed_trains_anew_and_git_brings_the_old_model_back(small_copy, small_home):
    seed = yaml.safe_load(small_copy.text("params.yaml"))["train"]["seed"]
    small_copy.set_param("train.seed", seed + 1)
    assert stages_that_ran(small_copy.run("loop", "run")) == ["train", "evaluate"]
    assert small_copy.text("models/lineage.json") != small_home.text("models/lineage.json")
    small_copy.run("git", "checkout", "--quiet", "--", ".")
    small_copy.run("dvc", "checkout", "--quiet", "--force")
    assert stages_that_ran(small_copy.run("loop", "run")) == []
    assert small_copy.text("dvc.lock") == small_home.text("dvc.lock")


def test_a_step_by_step_run_ends_in_the_bits_of_a_run_from_nothing_with_five_threads_elsewhere(working_copy):
    """Edits that change no data: stages after them are not run again, and must not need to be."""
    working_copy.append("src/problem/schema.py", "# edited\n")
    working_copy.append("src/loop/data/features.py", "# edited\n")
    assert stages_that_ran(working_copy.run("loop", "run")) == ["validate", "examples", "evaluate"]
    step_by_step = {name: working_copy.text(name) for name in RESULTS}
    env = {"OMP_NUM_THREADS": "5", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    done = working_copy.run("loop", "run", "--force", **env)
    assert stages_that_ran(done) == ["ingest", "validate", "examples", "train", "evaluate"]
    assert {name: working_copy.text(name) for name in RESULTS} == step_by_step


@pytest.mark.parametrize(("stage", "draft"), [("ingest", "data/.raw.*.tmp"), ("train", "models/.model*.tmp")])
def test_an_interrupt_in_the_middle_is_recovered_by_the_next_run(working_copy, finished, stage, draft):
    seen = []
    while not seen:  # on a busy machine a file may come and go between two looks
        process = subprocess.Popen(
            ["loop", "run", "--force", "--single-item", stage],
            cwd=working_copy.path,
            env=working_copy.environment() | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        while process.poll() is None and not seen:
            time.sleep(0.005)
            seen = list(working_copy.path.glob(draft))
        if not seen:
            assert process.wait() == 0
    os.killpg(process.pid, signal.SIGINT)
    _, output = process.communicate(timeout=600)
    assert process.returncode in (1, 130)
    assert "Traceback" not in output
    assert "run the same command again" in output
    assert not commands_in(working_copy.path), "DVC would find itself locked out"
    assert not list(working_copy.path.glob(draft))
    working_copy.run("loop", "run")
    assert working_copy.text("dvc.lock") == finished.text("dvc.lock")


@pytest.mark.parametrize(("folder", "command"), [("data", "ingest"), ("models", "train")])
def test_a_disk_that_fills_up_is_reported_and_leaves_nothing_half_written(
    working_copy, tmp_path, folder, command
):
    target = working_copy.path / folder
    elsewhere = tmp_path / "kept"
    target.rename(elsewhere)
    target.mkdir()
    small = f"""mount -t tmpfs -o size=400k tmpfs {target} || exit 99
        {BIN}/loop {command} >/dev/null; code=$?; ls -A {target}; exit $code"""
    alone = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c", small]
    done = working_copy.run(*alone, check=False)
    if done.returncode == 99 or "unshare:" in done.stderr:
        pytest.skip("this kernel lets nobody mount: sysctl kernel.apparmor_restrict_unprivileged_userns=0")
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == "", "nothing half-written"
    target.rmdir()
    elsewhere.rename(target)
    assert working_copy.run("loop", "run").returncode == 0
