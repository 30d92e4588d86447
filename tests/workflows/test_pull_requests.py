"""The shipped workflows, executed: what each kind of pull request leads to, as GitHub recorded it."""

import io
import json
import shutil
import zipfile

import pytest
import yaml

from conftest import ROOT
from loop.github.client import GitHub
from loop.release import approvals
from workflows.actions.cache.cache import entry
from workflows.double import BOT, FORK, NAME, git
from workflows.test_actions import save

SET_UP = "      - uses: ./.github/actions/setup\n"
RESTORE = """\
      - uses: actions/cache/restore@55cc8345863c7cc4c66a329aec7e433d2d1c52a9
        with: {path: .dvc/cache, key: dvc-none, restore-keys: dvc-}
"""
RESULTS = {"dvc.lock", "models/card.json", "models/card.md", "models/lineage.json", "reports/metrics.json"}


def comment(github, number: int) -> str:
    """The one comment of a pull request."""
    (output,) = github.comments_on(number)
    return output


@pytest.fixture(scope="module")
def better(github, runner, tmp_path_factory):
    """A params change that is better, reviewed and published."""
    from workflows.conftest import Change

    made = Change(github, tmp_path_factory.mktemp("better"), "learn-faster")
    made.repo.edit("params.yaml", "alpha: 1000.0", "alpha: 10.0")
    made.sha = made.push()
    made.run = runner.review(made.number, "review")
    made.done = runner.publish(made.run)
    return made


def test_a_better_model_is_commented_and_passes_the_gate_on_the_commit_and_on_the_bots(github, better):
    assert better.done.code == 0, better.done.log[-3000:]
    assert comment(github, better.number).startswith("## Better: this change may become the champion")
    assert [state for state, _ in github.gates(better.sha)] == ["success"]
    assert better.head() != better.sha
    assert [state for state, _ in github.gates(better.head())] == ["success"]


def test_a_release_finds_the_run_behind_the_gate_of_the_head_and_behind_no_other(github, better, at_main):
    there = GitHub.of_this_run()
    assert approvals._gate(there, better.head(), None) == ("better", [])
    publish = max(github.artifacts)
    kept, github.artifacts[better.run] = github.artifacts[better.run], [("review", b"another")]
    assert approvals._gate(there, better.head(), None)[1], "its artifact is not the one that was judged"
    github.artifacts[better.run] = kept
    (told,) = github.artifacts.pop(publish)
    assert approvals._gate(there, better.head(), None)[1]
    github.artifacts[publish] = [told]


def test_the_branch_gets_the_lock_and_the_metrics_of_the_run_in_one_commit_that_skips_no_checks(
    github, better
):
    repo = github.repo()
    assert git(repo, "rev-parse", f"{better.head()}^") == better.sha
    changed = set(git(repo, "diff", "--name-only", better.sha, better.head()).split())
    assert changed >= RESULTS
    assert all(path == "dvc.lock" or path.startswith(("models/", "reports/")) for path in changed)
    output = git(repo, "log", "-1", "--format=%an%n%B", better.head())
    assert output.startswith(BOT)
    assert "[skip ci]" not in output
    assert f"Made by the review of {better.sha}" in output


def test_the_lock_on_the_branch_is_what_dvc_finds_up_to_date(github, better, runner, tmp_path):
    git(tmp_path, "clone", "--quiet", "--branch", better.branch, str(github.repo()), "work")
    lock = yaml.safe_load((tmp_path / "work/dvc.lock").read_text())
    assert lock["stages"]["train"]["params"]["params.yaml"]["train"]["model"]["alpha"] == 10.0
    done = better.repo.run("dvc", "--cd", str(tmp_path / "work"), "repro", "--allow-missing", "--dry")
    assert "up to date" in done.stdout


def test_the_comment_names_the_bots_commit(github, better):
    assert better.head() in comment(github, better.number)


def test_publishing_the_same_run_again_changes_nothing(github, runner, better):
    before, head = github.comments_on(better.number), better.head()
    done = runner.publish(better.run)
    assert done.code == 0, done.log[-3000:]
    assert github.comments_on(better.number)[0].splitlines()[0] == before[0].splitlines()[0]
    assert len(github.comments_on(better.number)) == 1
    assert better.head() == head
    assert [state for state, _ in github.gates(head)] == ["success", "success"]


def test_the_artifact_holds_the_review_the_lock_and_small_results_and_nothing_else(github, better):
    ((name, content),) = github.artifacts[better.run]
    names = set(zipfile.ZipFile(io.BytesIO(content)).namelist())
    assert name == "review"
    assert {"review/verdict.json", "review/report.md", "review/report.html", "dvc.lock"} <= names
    assert not [one for one in names if one.endswith((".skops", ".parquet"))]


def test_no_log_shows_a_token(github, better):
    log = github.runs[better.run]["log"]
    assert not [token for token in github.tokens if token in log + better.done.log]


def test_an_entry_of_the_merge_queue_is_judged_against_what_it_is_built_on_and_gets_its_gate(
    github, runner, better, change
):
    """It stands behind another: against main it would be judged for both, and its gate would be an error."""
    docs = change()
    docs.repo.append("README.md", "\nAhead in the queue.\n")
    docs.push()
    sha, before = (
        github.enqueue(better.number, github.enqueue(docs.number)),
        github.comments_on(better.number),
    )
    run = runner.review_queued(better.number, sha, "review")
    assert github.runs[run]["conclusion"] == "success", github.runs[run]["log"][-3000:]
    done = runner.publish(run)
    assert done.code == 0, done.log[-3000:]
    assert [state for state, _ in github.gates(sha)] == ["success"]
    assert github.comments_on(better.number) == before
    (receipt,) = [name for name, _ in github.artifacts[max(github.artifacts)]]
    assert receipt == f"gate-{sha}"


@pytest.fixture(scope="module")
def sly(github, runner, tmp_path_factory):
    """A worse model from a fork, whose pull request loosens the policy by which it would be refused."""
    from workflows.conftest import Change

    branch = "x;touch${IFS}pwned;$(touch${IFS}pwned)"
    made = Change(github, tmp_path_factory.mktemp("sly"), branch, FORK)
    made.repo.edit("params.yaml", "alpha: 1000.0", "alpha: 100000.0")
    made.repo.edit("params.yaml", "margin: 2.0", "margin: 900.0")
    made.sha = made.push()
    pull = next(pull for pull in github.pulls if pull["number"] == made.number)
    pull["title"] = "`touch pwned` $(touch pwned)"
    made.run = runner.review(made.number, "review")
    start = len(github.writes)
    made.done = runner.publish(made.run)
    made.writes = github.writes[start:]
    return made


def test_a_worse_model_fails_the_run_and_the_gate_and_its_comment_says_which_gate(github, sly):
    assert github.runs[sly.run]["conclusion"] == "failure"
    output = comment(github, sly.number)
    assert output.startswith("## Worse: this change may not become the champion")
    assert "primary" in output
    ((state, why),) = github.gates(sly.sha)
    assert state == "failure"
    assert why.startswith("worse: ")


def test_a_loosened_policy_does_not_let_a_worse_model_pass(github, sly):
    assert github.gates(sly.sha)[0][0] == "failure"
    assert "judged by the one of `main`" in comment(github, sly.number)


def test_a_loosened_policy_alone_judges_no_model_and_is_shown(github, runner, change):
    loose = change()
    loose.repo.edit("params.yaml", "margin: 2.0", "margin: 900.0")
    sha = loose.push()
    runner.publish(runner.review(loose.number, "review"))
    assert github.gates(sha) == [
        ("success", "no model change: this change touches the policy, not the model")
    ]
    assert "`900.0`" in comment(github, loose.number)


def test_a_change_of_docs_is_no_model_change_and_nothing_is_committed(github, runner, change):
    docs = change()
    (docs.repo.path / "docs/more.md").write_text("More.\n")
    sha = docs.push()
    run = runner.review(docs.number, "review")
    runner.publish(run)
    assert github.gates(sha) == [
        ("success", "no model change: this change touches nothing that a stage reads")
    ]
    assert docs.head() == sha
    assert "Running stage" not in github.runs[run]["log"]


def test_code_that_does_not_run_is_inconclusive_and_the_comment_says_the_error(github, runner, change):
    broken = change()
    broken.repo.append("src/problem/model.py", "\n\nno_such_name\n")
    sha = broken.push()
    run = runner.review(broken.number, "review")
    assert github.runs[run]["conclusion"] == "failure"
    runner.publish(run)
    assert github.gates(sha)[0][0] == "error"
    output = comment(github, broken.number)
    assert output.startswith("## Inconclusive: a person decides")
    assert "name 'no_such_name' is not defined" in output
    assert broken.head() == sha


def test_a_test_that_the_change_breaks_fails_the_gate_whatever_the_verdict(github, runner, change):
    rude = change()
    rude.repo.append("tests/settings/test_yaml_file.py", "\n\ndef test_no():\n    raise AssertionError\n")
    sha = rude.push()
    run = runner.review(rude.number)
    github.jobs[run] = [{"steps": [{"name": "Tests that changed", "conclusion": "failure"}]}]
    runner.publish(run)
    assert github.gates(sha) == [("failure", "the run ended as failure; failed: Tests that changed")]
    assert "Failed: Tests that changed." in comment(github, rude.number)


def test_a_fork_gets_comment_and_status_though_its_token_reads_only_and_nothing_is_pushed(
    github, runner, sly
):
    """The branch's name and the pull request's title hold shell, and nothing of them is run."""
    assert sly.done.code == 0, sly.done.log[-3000:]
    assert github.gates(sly.sha)[0][0] == "failure"
    output = comment(github, sly.number)
    assert output.startswith("## Worse")
    assert "`make run`" in output
    assert "nothing is pushed to a fork" in output
    assert sly.head() == sly.sha
    assert not [write for write in sly.writes if "graphql" in write[1]]
    pushed = {write[1].partition(".git/")[0] for write in sly.writes if write[0] == "PUSH"}
    assert pushed == {f"/{NAME}"}  # the count of looks, here
    assert not list(runner.folder.rglob("pwned*"))


def test_results_that_main_committed_come_out_again(github, runner):
    done = runner.act("reproduce.yml", "push", {"ref": "refs/heads/main"}, sha=github.tip("main"))
    assert done.code == 0, done.log[-3000:]
    assert "Running stage 'train'" in done.log


@pytest.mark.parametrize("restores", [False, True])
def test_what_an_earlier_commit_of_a_pull_request_saved_writes_nothing_into_its_review(
    github, runner, change, tmp_path, restores
):
    """Shown by the same workflow with a step that restores: there it does."""
    outside, docs = tmp_path / "home/.bashrc", change()
    docs.repo.append("docs/data.md", f"\n{docs.branch}\n")
    if restores:
        docs.repo.edit(".github/workflows/review.yml", SET_UP, SET_UP + RESTORE)
    docs.push()
    for ref in (f"refs/pull/{docs.number}/merge", "refs/heads/main"):
        save(entry(runner.caches, ref, "dvc-poison"), str(outside), "echo planted")
    runner.review(docs.number, "review")
    assert outside.exists() is restores


def test_the_gate_is_closed_on_a_new_head_and_never_reopened_by_that(github, runner, change):
    new = change()
    new.repo.append("README.md", f"\n{new.branch}\n")
    sha = new.push()
    event = {"action": "opened", "number": new.number, "pull_request": github.pull(new.number)}
    for _ in range(2):
        done = runner.act("gate.yml", "pull_request_target", event, sha=github.tip("main"))
        assert done.code == 0, done.log[-3000:]
    assert github.gates(sha) == [("pending", "the review has not ended yet")]


def test_a_new_title_starts_no_review_and_a_new_base_does(github, runner, change):
    """A pull request that gets main as its base later must not escape the review."""
    docs = change()
    docs.repo.append("docs/data.md", f"\n{docs.branch}\n")
    docs.push()
    event = {"action": "edited", "number": docs.number, "pull_request": github.pull(docs.number)}
    for changes, runs in (({"title": {"from": "old"}}, False), ({"base": {"ref": {"from": "old"}}}, True)):
        run = github.run(docs.number)
        done = runner.act(
            "review.yml",
            "pull_request",
            {**event, "changes": changes},
            sha=github.pull(docs.number)["head"]["sha"],
            jobs=("review",),
            GITHUB_RUN_ID=str(run),
        )
        assert done.code == 0, done.log[-3000:]
        assert (run in github.artifacts) is runs


def test_no_job_of_any_workflow_could_be_taken_for_the_gate():
    for file in (ROOT / ".github/workflows").glob("*.yml"):
        for key, job in yaml.safe_load(file.read_text())["jobs"].items():
            assert job.get("name", key) != "gate", file.name


def test_the_linters_of_checks_pass_on_these_sources(github, runner, bare_copy, tmp_path):
    known = tmp_path / "mypy"  # what `make lint` has seen of the same files need not be seen again
    if (ROOT / ".mypy_cache").is_dir():
        shutil.copytree(ROOT / ".mypy_cache", known)
    git(bare_copy.path, "push", "--quiet", str(github.repo()), "HEAD:refs/heads/sources")
    pull = {"pull_request": {"number": 1}}
    sha = github.tip("sources")
    done = runner.act("checks.yml", "pull_request", pull, sha=sha, jobs=("lint",), MYPY_CACHE_DIR=str(known))
    assert done.code == 0, done.log[-3000:]
    assert "No findings to report" in done.log


def test_the_verdict_in_the_artifact_is_the_one_that_is_published(github, better):
    ((_, content),) = github.artifacts[better.run]
    verdict = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("review/verdict.json"))
    assert verdict["candidate"]["commit"] == better.sha
    assert verdict["base"]["commit"] == github.tip("main")
    assert {check["name"]: check["result"] for check in verdict["checks"]}["rerun"] == "pass"
