"""`loop search` on the small problem: a branch with the best params, and nothing lost by a kill."""

import re
import signal
import subprocess
import time

import pytest

from conftest import PATIENCE, Repo, commands_in, copy
from loop.settings.yaml_file import parse

SPACE = "alpha: {low: 0.1, high: 1000.0, log: true}"


@pytest.fixture(scope="module")
def searched(small_home, tmp_path_factory) -> tuple[Repo, str]:
    """Searched once, and what it said."""
    repo = copy(small_home, tmp_path_factory.mktemp("searched") / "repo")
    return repo, repo.run("loop", "search", "--trials", "8").stdout


def test_the_best_params_are_a_commit_on_a_branch_and_the_tree_stays_as_it_was(searched):
    repo, said = searched
    (branch,) = re.findall(r"^branch (\S+) holds", said, re.MULTILINE)
    assert repo.git("status", "--porcelain") == ""
    assert repo.git("diff", "--name-only", f"HEAD...{branch}") == "params.yaml"
    assert repo.git("rev-parse", f"{branch}^") == repo.git("rev-parse", "HEAD")
    before, after = (repo.git("show", f"{at}:params.yaml") for at in ("HEAD", branch))
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert len(changed) == 1
    (best,) = re.findall(r"^ *\d+ .* (\S+)$", said, re.MULTILINE)[:1]
    assert parse(after)["train"]["model"]["alpha"] == float(best)


def test_it_says_whether_the_best_is_told_from_the_params_as_they_are(searched):
    repo, said = searched
    assert "8 trials: 8 complete" in said
    assert "(as they are)" in said
    (p,) = re.findall(r"of 7 other trials look so good in ([\d.]+)% of cases", said)
    assert ("it is told from" in said) == (float(p) < 5)
    page = repo.text("search/report.html")
    assert page.count("<svg") == 3
    assert f"{p}% of cases" in page


def test_each_trial_is_a_run_below_that_of_the_search(searched):
    repo, _ = searched
    code = (
        "from loop.model import tracking; c, e = tracking.connect();"
        "print(*sorted(r.info.run_name for r in c.search_runs([e]) if 'trial' in r.data.tags))"
    )
    assert len(re.findall(r"trial \d+", repo.run("python", "-c", code).stdout)) == 8


def test_again_it_tries_nothing_anew_and_with_more_trials_it_goes_on(searched):
    repo, said = searched
    again = repo.run("loop", "search", "--trials", "8").stdout
    assert "8 trials of an earlier try taken up" in again
    assert "of 8, best" not in again
    assert again[again.index("8 trials: ") :] == said[said.index("8 trials: ") :]
    assert "9 of 9, best" in repo.run("loop", "search", "--trials", "9").stdout


def test_a_kill_loses_nothing_and_two_at_once_are_one_too_many(small_copy):
    command = ["python", "-m", "loop.cli", "search", "--processes", "1"]
    first = subprocess.Popen(
        command, cwd=small_copy.path, env=small_copy.environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        for line in first.stdout or ():
            if " of 12" in line:
                break
        other = small_copy.run("loop", "search", check=False)
        assert other.returncode == 1
        assert f"another search runs here (process {first.pid})" in other.stderr
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=PATIENCE)
    _ended(small_copy)
    said = small_copy.run("loop", "search", "--trials", "4").stdout
    (taken,) = re.findall(r"(\d+) trials? of an earlier try taken up", said)
    assert int(taken) >= 1
    assert int(re.findall(r"^(\d+) trials: ", said, re.MULTILINE)[0]) >= max(4, int(taken))


def _ended(repo: Repo) -> None:
    """Wait until no process of the search is left: they end with their parent."""
    while any("spawn_main" in command for command in commands_in(repo.path)):
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("alpha: {low: 0.1", "alhpa: {low: 0.1", "search.space.alhpa is no plain param of train.model"),
        ("alpha: {low: 0.1", "alpha: {low: 20.0", "does not hold train.model.alpha, which is 10.0"),
        (
            SPACE,
            "alpha: {low: 0.0, high: 20.0}",
            "which the model refuses",
        ),
        ("folds: 2", "folds: 200", "fold 1 of 200 has"),
    ],
)
def test_a_space_that_cannot_be_is_refused_before_anything_is_trained(small_copy, old, new, found):
    small_copy.edit("params.yaml", old, new)
    done = small_copy.run("loop", "search", check=False)
    assert done.returncode == 1
    assert found in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((small_copy.path / "search").glob("*/scores/*"))


def test_a_trial_that_crashes_is_one_of_those_that_failed(small_copy):
    small_copy.edit(
        "src/problem/model.py",
        "    numbers = [",
        '    if params.alpha > 100:\n        raise ValueError("too stiff")\n    numbers = [',
    )
    small_copy.edit("params.yaml", SPACE, "alpha: {choices: [10.0, 200.0]}")
    said = small_copy.run("loop", "search", "--trials", "6").stdout
    assert re.search(r"trials? [\d, ]+ failed: ValueError: too stiff", said)
    assert "does better in" in said
    assert "branch" not in said
