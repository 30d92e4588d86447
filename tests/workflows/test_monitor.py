"""`monitor.yml`, executed on a small problem whose world moves for good: what each week leads to."""

import io
import os
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, Repo, copy, shared
from loop.monitor import notify
from loop.retrain import challenger, retrain
from loop.retrain.challenger import Verdict
from support import literal
from support.small_problem import small
from workflows.act import Done, Runner
from workflows.double import BOT, NAME, git, serve

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/monitor.yml").read_text())


def test_the_workflow_starts_on_schedule_and_by_hand_and_one_at_a_time():
    assert WORKFLOW[True].keys() == {"schedule", "workflow_dispatch"}
    assert WORKFLOW["concurrency"] == {"group": "monitor", "cancel-in-progress": False}
    assert WORKFLOW["jobs"]["retrain"]["if"] == "needs.monitor.outputs.decision == 'retrain'"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A small problem on a GitHub of our own: its labels move up for good in July, and its main is of May."""
    repo = copy(shared(tmp_path_factory, "small", small), tmp_path_factory.mktemp("small") / "repo")
    with serve(tmp_path_factory.mktemp("github")) as double:
        double.settings.workflow["can_approve_pull_request_reviews"] = True
        git(repo.path, "push", "--quiet", str(double.repo()), "main")
        double.home = repo.path
        yield Runner(double, tmp_path_factory.mktemp("runner"))


def run(world: Runner, now: str, number: int, *jobs: str) -> Done:
    """The workflow, started by hand for an instant; jobs that are named run with their own rights alone."""
    payload = {"inputs": {"now": now}, "ref": "refs/heads/main", "repository": {"full_name": NAME}}
    main = world.double.tip("main")
    given = {"GITHUB_RUN_ID": str(number), "GITHUB_RUN_ATTEMPT": "1"}
    return world.act("monitor.yml", "workflow_dispatch", payload, sha=main, jobs=jobs, **given)


def held(world: Runner, number: int, name: str) -> set[str]:
    """The files of an artifact of a run."""
    contents = [content for one, content in world.double.artifacts[number] if one == name]
    return {one for content in contents for one in zipfile.ZipFile(io.BytesIO(content)).namelist()}


def test_a_quiet_month_is_a_report_and_nothing_else(world):
    done = run(world, "2020-08-10T00:00Z", 301, "monitor")
    assert done.code == 0, done.log[-3000:]
    assert held(world, 301, "monitor") == {"finding.json", "report.md", "report.html"}
    assert not world.double.pulls
    assert not world.double.issues


def test_a_broken_feed_is_a_red_run_and_an_issue_with_its_report(world):
    main, repo = world.double.tip("main"), Repo(world.double.home)
    fewer = 'visits[(visits["visited_at"] < "2020-12-10") | (visits.index % 4 > 0)]'
    own = 'SOURCE = Requests("visits", _visits'
    lost = f"def _fewer():\n    visits = _visits()\n    return {fewer}\n\n\n"
    repo.edit("src/problem/source.py", own, lost + own.replace("_visits", "_fewer"))
    git(repo.path, "commit", "--quiet", "--all", "-m", "a source that loses rows since December")
    git(repo.path, "push", "--quiet", str(world.double.repo()), "HEAD:main")
    done = run(world, "2021-01-04T00:00Z", 302, "monitor")
    git(repo.path, "reset", "--quiet", "--hard", main)
    git(repo.path, "push", "--quiet", "--force", str(world.double.repo()), "HEAD:main")
    assert done.code != 0
    (issue,) = world.double.issues
    assert issue["title"] == notify.TITLES["broken feed"]
    assert "| table | column | rule | rows |" in issue["body"]
    assert held(world, 302, "monitor") >= {"finding.json", "report.md"}
    assert not world.double.pulls


def test_drift_that_hurts_is_a_pull_request_judged_by_the_workflow(world):
    done = run(world, "2021-01-04T00:00Z", 303)
    assert done.code == 0, done.log[-3000:]
    double, repo = world.double, world.double.repo()
    (pull,) = double.pulls
    assert (pull["branch"], pull["labels"]) == ("retrain/2021-01-04-303-1", ["retrain"])
    assert git(repo, "log", "-1", "--format=%an", pull["branch"]) == BOT
    assert git(repo, "rev-list", "--count", f"main..{pull['branch']}") == "1"
    changed = set(git(repo, "diff", "--name-only", "main", pull["branch"]).split())
    assert {"params.yaml", "dvc.lock", "models/lineage.json", "reports/metrics.json"} <= changed
    assert all(
        one in ("params.yaml", "dvc.lock") or one.startswith(("models/", "reports/")) for one in changed
    )
    moved = yaml.safe_load(git(repo, "show", f"{pull['branch']}:params.yaml"))["windows"]
    assert moved["holdout"] == {"from": "2020-11-06T00:00Z", "until": "2020-12-04T00:00Z"}
    sha = double.tip(pull["branch"])
    assert [state for state, _ in double.gates(sha)] == ["success"]
    assert held(world, 303, f"gate-{sha}") == {"gate.json"}, "a release asks for it"
    (output,) = double.comments_on(pull["number"])
    assert output.startswith("## Better")
    kept = {one for one in held(world, 303, "review") if not one.startswith("figures/")}
    assert kept == {"report.html", "report.md", "verdict.json", "run.json"}, "no MLflow: its run is there"
    assert not [token for token in double.tokens if token in done.log]


def test_no_new_data_is_a_red_run_and_an_issue(world):
    done = run(world, "2022-01-03T00:00Z", 305, "monitor")
    assert done.code != 0
    assert notify.TITLES["no data"] in [one["title"] for one in world.double.issues]


def test_what_it_made_is_in_the_cache_of_the_clone_whose_working_tree_stays(world, monkeypatch, tmp_path):
    repo = copy(Repo(world.double.home), tmp_path / "laptop")
    repo.append("params.yaml", "# a note of my own\n")
    literal.write(repo.path, now="2021-01-04T00:00Z")
    before = repo.git("status", "--porcelain"), repo.git("rev-parse", "HEAD")

    def reviewed(home, _base) -> Verdict:  # the workflow's own run has the real one
        (home.path / "review").mkdir()
        (home.path / "review/report.md").write_text("## Better")
        return Verdict(schema_version=2, verdict="better", sentence="as it is")

    monkeypatch.setattr(challenger, "_review", reviewed)
    monkeypatch.setattr(sys, "executable", str(Path(os.environ["WARM_BIN"], "python")))
    monkeypatch.chdir(repo.path)
    assert retrain.main(None, proposed=False) == 0
    assert (repo.git("status", "--porcelain"), repo.git("rev-parse", "HEAD")) == before
    assert len(repo.git("worktree", "list").split("\n")) == 1
    repo.git("stash", "--quiet")
    repo.git("merge", "--quiet", "retrain/2021-01-04")
    repo.run("dvc", "checkout")
    assert "up to date" in repo.run("dvc", "status").stdout
