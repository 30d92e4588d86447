"""What a name of a side means: git's names first, then versions of production and runs of MLflow."""

import subprocess
from types import SimpleNamespace

import pytest

from loop.base.errors import LoopError, UsageError
from loop.compare import sides
from loop.model import tracking


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A repository of three commits: without a dvc.lock, then with two models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/runs.db")
    git("init", "--quiet", "--initial-branch", "main")
    commits = [commit(tmp_path, {"a.txt": "a"})]
    for sha256 in ("1" * 64, "2" * 64):
        lineage = f'{{"model": {{"sha256": "{sha256}"}}}}'.replace('":"', '": "')
        commits.append(commit(tmp_path, {"dvc.lock": f"# {sha256}", "models/lineage.json": lineage}))
    return commits


def git(*arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.example")
    return subprocess.run(
        ["git", *who, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(root, files) -> str:
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    git("add", "--all")
    git("commit", "--quiet", "--message", "a")
    return git("rev-parse", "HEAD")


def run_of(sha256: str, tag: str = "model_sha256") -> str:
    client, experiment = tracking.connect()
    return client.create_run(experiment, tags={tag: sha256, **tracking.git_state()}).info.run_id


def test_branches_tags_and_commits_are_names(clone):
    git("tag", "v7")
    for name in ("main", "v7", clone[2][:9], "HEAD"):
        assert sides.named(name).commit == clone[2]
    assert sides.named("HEAD~1").commit == clone[1]
    assert sides.named("main").title == f"main ({clone[2][:12]})"


def test_a_run_is_the_commit_that_holds_its_model(clone):
    git("checkout", "--quiet", clone[0])
    mine = run_of("1" * 64)
    git("checkout", "--quiet", "main")
    assert sides.named(mine).commit == clone[1], "made before its commit, as a run of changed files is"
    assert sides.named(mine[:8]).commit == clone[1]
    lost = run_of("3" * 64)
    with pytest.raises(LoopError, match="which no commit here holds"):
        sides.named(lost)


def test_a_name_that_is_none_says_which_there_are(clone):
    with pytest.raises(UsageError, match="did you mean `main`"):
        sides.named("mian")
    with pytest.raises(UsageError, match="production has no version 3"):
        sides.named("version 3")


def test_a_version_is_named_in_full_or_by_its_number_where_git_knows_no_such_name(clone, monkeypatch):
    monkeypatch.setattr(sides.log, "versions", lambda ref: {3: SimpleNamespace(commit=clone[1])})
    assert {sides.named(name).commit for name in ("version 3", "Version  3", "3")} == {clone[1]}
    with pytest.raises(UsageError, match="git knows no such name"):
        sides.named("4")
    git("tag", "3", clone[2])
    assert sides.named("3").commit == clone[2]


def test_a_commit_without_a_lock_is_refused(clone):
    with pytest.raises(LoopError, match=r"which has no dvc\.lock"):
        sides.named(clone[0])


def test_a_run_that_was_taken_in_is_the_commit_that_holds_the_model_it_claims(clone):
    assert sides.named(run_of("1" * 64, "claimed_model_sha256")).commit == clone[1]


def test_what_several_runs_are_called_is_refused(clone):
    for _ in range(2):
        run = run_of("1" * 64)
        tracking.connect()[0].set_tag(run, "mlflow.runName", "twin")
    with pytest.raises(LoopError, match="2 runs of MLflow are called"):
        sides.named("twin")
