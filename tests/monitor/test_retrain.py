"""`loop retrain` on a laptop: a branch with one commit, made and judged in a worktree of main."""

import json
import shutil

import pytest
import yaml

from conftest import ROOT, Repo, copy, copy_sources
from monitor import literal

SECOND = ROOT / "tests/second_problem"
NOW = "2020-05-20T00:00Z"
MADE = ["dvc.lock", "models/lineage.json", "models/card.json", "models/card.md", "reports"]


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Repo:
    """A repository of the small problem, whose champion was trained until February."""
    repo = copy_sources(tmp_path_factory.mktemp("small") / "repo")
    for name in ["src/problem", *MADE]:
        repo.run("rm", "-rf", name)
    problem = repo.path / "src/problem"
    shutil.copytree(SECOND / "problem", problem, ignore=shutil.ignore_patterns("__pycache__"))
    text = (SECOND / "params.yaml").read_text()
    text = text.replace('until: "2020-03-22T00:00Z"', 'until: "2020-03-07T00:00Z"')
    text = text.replace("final_after_days: 7", "final_after_days: 31")
    text = text.replace("window_days: 14", "window_days: 28")
    (repo.path / "params.yaml").write_text(text)
    repo.run("loop", "run")
    repo.commit()
    return repo


@pytest.fixture
def repo(small, tmp_path) -> Repo:
    """A copy, to change at will."""
    return copy(small, tmp_path / "repo")


def windows(repo: Repo, commit: str) -> dict:
    return yaml.safe_load(repo.git("show", f"{commit}:params.yaml"))["windows"]


def test_a_retrain_is_one_commit_on_a_branch_and_the_working_tree_stays(repo):
    repo.append("README.md", "my own edit\n")
    repo.append("params.yaml", "# my own note\n")
    literal.write(repo.path, now=NOW)
    before = repo.git("status", "--porcelain"), repo.git("rev-parse", "HEAD")
    done = repo.run("loop", "retrain")
    assert "git merge retrain/2020-05-20" in done.stdout
    assert (repo.git("status", "--porcelain"), repo.git("rev-parse", "HEAD")) == before
    assert repo.git("rev-list", "--count", "main..retrain/2020-05-20") == "1"
    told = repo.git("log", "-1", "--format=%s%n%(trailers)", "retrain/2020-05-20").split("\n")
    assert told[:2] == ["Retrain on rows until 2020-03-22", "Retrain: 2020-05-20T00:00Z"]
    assert len(repo.git("worktree", "list").split("\n")) == 1
    # the windows moved, the lock follows, and the champion's results are new
    assert windows(repo, "retrain/2020-05-20") == {
        "since": "2020-01-01T00:00Z",
        "train": {"from": "2020-01-01T00:00Z", "until": "2020-03-22T00:00Z"},
        "holdout": {"from": "2020-03-22T00:00Z", "until": "2020-04-19T00:00Z"},
        "as_of": NOW,
    }
    changed = set(repo.git("diff", "--name-only", "main", "retrain/2020-05-20").split())
    assert {"params.yaml", "dvc.lock", "models/lineage.json", "reports/metrics.json"} <= changed
    assert all(name.startswith(("params.yaml", "dvc.lock", "models/", "reports/")) for name in changed)
    assert json.loads(repo.text("monitor/review/verdict.json"))["candidate"]["dirty"] is False
    # merged, nothing is out of date and the cache has it all
    repo.git("stash", "--quiet")
    repo.git("merge", "--quiet", "retrain/2020-05-20")
    repo.run("dvc", "checkout")
    assert "up to date" in repo.run("dvc", "status").stdout
    # the same again is not made twice
    assert "main's champion is" in repo.run("loop", "retrain", check=False).stderr


def test_a_refused_retrain_is_kept_by_a_name_that_remembers_it(repo):
    repo.set_param("review.minima.mae.limit", 1.0)  # nothing is good enough
    repo.commit()
    literal.write(repo.path, now=NOW)
    done = repo.run("loop", "retrain")
    assert "worse: minima" in done.stdout
    assert repo.git("branch", "--list", "retrain/*").split() == ["retrain/2020-05-20-refused"]
    again = repo.run("loop", "retrain")
    assert "the branch retrain/2020-05-20-refused is there" in again.stdout


def test_a_pipeline_that_fails_leaves_no_branch_and_says_the_stage(repo):
    repo.set_param("validate.limits.visits_per_day_min", 5)
    repo.commit()
    literal.write(repo.path, now=NOW)
    done = repo.run("loop", "retrain", check=False)
    assert done.returncode == 1
    assert "does not run on the new windows: raw data" in done.stderr
    assert not repo.git("branch", "--list", "retrain/*")
    assert len(repo.git("worktree", "list").split("\n")) == 1


@pytest.mark.parametrize(
    ("prepare", "arguments", "said"),
    [
        (lambda repo: (repo.path / "monitor/finding.json").unlink(), [], "finding.json is missing"),
        (lambda repo: (repo.path / "monitor/finding.json").write_text("{}"), [], "is no finding"),
        (lambda _: None, ["--now", "2020-05-27T00:00Z"], "is of 2020-05-20T00:00Z"),
        (lambda _: None, ["--open"], "not in a workflow"),
        (lambda repo: repo.git("branch", "retrain"), [], "a branch is called retrain"),
        (lambda repo: literal.write(repo.path, now="2020-04-06T00:00Z"), [], "rows that are newer"),
    ],
    ids=["no finding", "no such schema", "another instant", "no workflow", "no room", "no newer rows"],
)
def test_what_cannot_be_acted_on_says_what_to_do_and_changes_nothing(repo, prepare, arguments, said):
    literal.write(repo.path, now=NOW)
    prepare(repo)
    before = repo.git("for-each-ref")
    done = repo.run("loop", "retrain", *arguments, check=False, GITHUB_TOKEN="")
    assert done.returncode == 1
    assert said in done.stderr
    assert "to do:" in done.stderr
    assert repo.git("for-each-ref") == before
