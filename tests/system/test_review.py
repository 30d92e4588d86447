"""`loop review` on real repositories: what it decides, on what evidence, and that it leaves no trace."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pandas as pd
import pytest
import yaml

from conftest import BIN, ROOT, Repo, commands_in, copy, shared
from loop.production import branch, rollout_policy, transitions
from loop.production.state import Version
from loop.review.verdict import Verdict


@pytest.fixture(scope="session")
def changed(small_changed) -> Repo:
    """Here all is of the small problem."""
    return small_changed


@pytest.fixture(scope="session")
def reviewed(changed, tmp_path_factory) -> Repo:
    """The changed branch with its review in review/."""
    return shared(tmp_path_factory, "small-reviewed", lambda path: copy(changed, path).run("loop", "review"))


@pytest.fixture
def change(changed, tmp_path) -> Repo:
    """A copy of the changed branch, to do with as a test likes."""
    return copy(changed, tmp_path / "repo")


@pytest.fixture
def july(small_copy) -> Repo:
    """A branch on which the windows moved by four weeks."""
    small_copy.git("switch", "--quiet", "--create", "july")
    small_copy.set_param("windows.train.until", "2020-06-29T00:00Z")
    small_copy.set_param("windows.holdout", {"from": "2020-06-29T00:00Z", "until": "2020-07-27T00:00Z"})
    small_copy.set_param("windows.as_of", "2020-08-29T00:00Z")
    small_copy.run("loop", "run")
    small_copy.commit()
    return small_copy


def review(repo: Repo, against: str = "main", **env: str):
    """Exit code, verdict and what was said."""
    done = repo.run("loop", "review", "--against", against, check=False, **env)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, json.loads(repo.text("review/verdict.json")), done.stdout


def on_base(repo: Repo, edit) -> None:
    """Do something to main, and put the changed branch on top of it."""
    repo.git("switch", "--quiet", "main")
    edit()
    repo.commit()
    repo.git("switch", "--quiet", "change")
    repo.git("rebase", "--quiet", "main")


def state(repo: Repo) -> list[str]:
    """All that a review must leave as it was."""
    ask = (["status", "--porcelain"], ["branch", "--all", "-vv"], ["worktree", "list"], ["stash", "list"])
    return [repo.git(*question) for question in ask] + [repo.run("dvc", "status").stdout]


def forget_the_model(repo: Repo, commit: str = "main") -> None:
    """Take a commit's model out of the cache."""
    lock = yaml.safe_load(repo.git("show", f"{commit}:dvc.lock"))
    md5 = next(out["md5"] for out in lock["stages"]["train"]["outs"] if out["path"].endswith(".skops"))
    (repo.path / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}").unlink()


def test_a_small_change_is_equivalent_with_every_check_passed_and_nothing_left_behind(
    change, reviewed, tmp_path
):
    (tmp_path / "tmp").mkdir()
    before = state(change)
    code, verdict, output = review(change, TMPDIR=str(tmp_path / "tmp"))
    assert (code, verdict["verdict"]) == (0, "equivalent")
    assert {check["result"] for check in verdict["checks"]} == {"pass"}
    assert [row["name"] for row in verdict["changes"]["params"]] == ["train.model.alpha"]
    assert "stored predictions" in verdict["champion"]
    assert output.startswith("Equivalent: ")
    assert state(change) == before
    assert not list((tmp_path / "tmp").glob("loop-*"))
    again = json.loads(reviewed.text("review/verdict.json"))
    for one in (verdict, again):
        next(check for check in one["checks"] if check["name"] == "latency").update(figure=0, finding="")
    assert verdict == again, "the same commits give the same verdict"


def test_a_change_of_docs_is_not_judged_and_needs_no_result_of_the_pipeline(bare_copy):
    bare_copy.commit("docs")
    bare_copy.append("README.md", "\nOne more word.\n")
    (bare_copy.path / "docs/more.md").write_text("More.\n")
    code, verdict, output = review(bare_copy)
    assert (code, verdict["verdict"]) == (0, "no model change")
    assert output.startswith("No model change")
    assert verdict["changes"]["other"] == ["README.md", "docs/more.md"]


def test_a_looser_policy_is_shown_and_judged_by_the_old_one(change):
    on_base(change, lambda: change.edit("params.yaml", "limit: 60.0", "limit: 6.0"))
    change.edit("params.yaml", "limit: 6.0", "limit: 600.0")
    code, verdict, output = review(change)
    assert (code, verdict["verdict"]) == (1, "worse")
    assert "minimum_requirements.mae" in output
    moved = {row["name"]: (row["old"], row["new"]) for row in verdict["changes"]["policy"]}
    assert moved == {"review.minimum_requirements.mae.limit": ("6.0", "600.0")}
    assert "the policy changes" in change.text("review/report.md")


def test_a_change_of_the_policy_alone_judges_no_model(bare_copy):
    bare_copy.commit("policy")
    bare_copy.edit("params.yaml", "limit: 0.68", "limit: 0.69")
    code, verdict, _ = review(bare_copy)
    assert (code, verdict["verdict"]) == (0, "no model change")
    assert [row["name"] for row in verdict["changes"]["policy"]] == [
        "review.minimum_requirements.roc_auc.limit"
    ]


def test_a_result_edited_by_hand_is_not_passed_over(small_copy):
    small_copy.commit("edited")
    (small_copy.path / "reports/golden.json").write_text("[]\n")
    code, verdict, _ = review(small_copy)
    assert (code, verdict["verdict"]) == (2, "inconclusive")


def test_code_that_does_not_load_is_inconclusive_and_leaves_no_older_verdict(small_copy):
    small_copy.commit("broken")
    review(small_copy)
    small_copy.append("src/problem/metrics.py", "\ndef (\n")
    done = small_copy.run("loop", "review", check=False)
    assert done.returncode == 2
    assert re.search(r"src/problem/metrics.py, line \d+: SyntaxError: ", done.stderr)
    found = Verdict.model_validate_json(small_copy.text("review/verdict.json"))
    assert found.verdict == "inconclusive"
    assert "SyntaxError" in found.sentence
    assert "SyntaxError" in small_copy.text("review/report.md")


def test_stored_predictions_that_are_not_what_the_lock_names_are_not_used(change):
    lock = yaml.safe_load(change.git("show", "main:dvc.lock"))
    outs = {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
    md5 = outs["data/predictions.parquet"]
    cached = change.path / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
    before = json.loads(change.git("show", "main:reports/metrics.json"))["mae"]["value"]
    forged = pd.read_parquet(cached).assign(score=150.0)
    cached.chmod(0o644)
    forged.to_parquet(cached, index=False)
    _, verdict, _ = review(change)
    assert "by its own code" in verdict["champion"]
    assert verdict["metrics"][0]["champion"] == pytest.approx(before, abs=1e-6)


def test_moved_windows_are_judged_on_the_new_holdout_by_the_champions_own_code(july):
    before = state(july)
    code, verdict, _ = review(july)
    assert code in (0, 2)  # a quiet month: nothing is certain to be worse
    assert "by its own code" in verdict["champion"]
    assert verdict["holdout"]["since"] == "2020-06-29"
    assert verdict["changes"]["drift"]
    assert state(july) == before


def test_a_holdout_that_the_champion_was_trained_on_cannot_be_judged(july):
    july.git("switch", "--quiet", "--create", "back", "main")
    july.append("src/problem/metrics.py", "# edited\n")
    july.run("loop", "run")
    code, verdict, _ = review(july, "july")
    assert (code, verdict["verdict"]) == (2, "inconclusive")
    assert "the champion was trained until 2020-06-29" in verdict["sentence"]


def test_a_champion_in_no_cache_is_rebuilt_by_its_own_lock_to_the_bit(change):
    def another_lock() -> None:
        change.append("uv.lock", "# another lock\n")

    on_base(change, another_lock)
    change.edit("uv.lock", "# another lock\n", "")
    forget_the_model(change)
    code, verdict, _ = review(change, PATH=f"{BIN}:{ROOT}/.tools/bin:{os.environ['PATH']}")
    assert (code, verdict["verdict"]) == (0, "equivalent"), verdict["sentence"]
    assert "rebuilt from its commit, to the bit" in verdict["champion"]


def test_a_champion_that_does_not_load_is_not_passed_over(change):
    def broken() -> None:
        change.edit("src/problem/model.py", '"""The model: ', 'raise RuntimeError("gone")\n"""The model: ')

    on_base(change, broken)
    change.edit("src/problem/model.py", 'raise RuntimeError("gone")\n', "")
    code, verdict, _ = review(change)
    assert (code, verdict["verdict"]) == (2, "inconclusive")
    assert "gone" in verdict["sentence"]


def test_a_champion_that_needs_another_python_is_not_passed_over(change):
    def newer() -> None:
        for file in ("pyproject.toml", "uv.lock"):
            text = change.text(file)
            start = text.index("requires-python = ")
            end = text.index("\n", start)
            (change.path / file).write_text(f'{text[:start]}requires-python = ">=3.99"{text[end:]}')

    original = {file: change.text(file) for file in ("pyproject.toml", "uv.lock")}
    on_base(change, newer)
    for file, text in original.items():
        (change.path / file).write_text(text)
    code, verdict, _ = review(change, PATH=f"{BIN}:{ROOT}/.tools/bin:{os.environ['PATH']}")
    assert (code, verdict["verdict"]) == (2, "inconclusive")
    assert "environment" in verdict["sentence"]
    assert "use a Python that its commit allows" in verdict["todo"]


def test_results_that_are_out_of_date_are_not_judged(change):
    change.edit("params.yaml", "alpha: 11.0", "alpha: 12.0")
    code, verdict, output = review(change)
    assert (code, verdict["verdict"]) == (2, "inconclusive")
    assert "loop run" in output


def test_data_that_broke_their_contract_are_refused_by_that_check(small_copy):
    small_copy.commit("burst")
    small_copy.set_param("validate.limits.rows_per_day_min", 100)
    small_copy.run("loop", "run", check=False)
    code, verdict, output = review(small_copy)
    assert (code, verdict["verdict"]) == (1, "worse")
    assert [(check["name"], check["result"]) for check in verdict["checks"]] == [("contract", "fail")]
    assert "at least 100 rows" in output


class FirstTime:
    """A main that never had a dvc.lock, and a branch that brings the first."""

    def __init__(self, repo: Repo) -> None:
        made = {name: repo.text(name) for name in ("dvc.lock",)}
        shutil.rmtree(repo.path / ".git")
        repo.git("init", "--quiet", "--initial-branch=main")
        (repo.path / "dvc.lock").unlink()
        repo.commit()
        repo.git("switch", "--quiet", "--create", "first")
        for name, text in made.items():
            (repo.path / name).write_text(text)
        repo.commit()


def test_without_any_champion_yet_the_checks_that_need_none_decide(small_copy):
    FirstTime(small_copy)
    code, verdict, _ = review(small_copy)
    assert (code, verdict["verdict"]) == (0, "better")
    names = {check["name"] for check in verdict["checks"]}
    assert "minimum_requirements.mae" in names
    assert not {"primary", "latency", "slices"} & names


def test_without_any_champion_yet_the_minimum_requirements_refuse(small_copy):
    small_copy.edit("params.yaml", "limit: 60.0", "limit: 6.0")
    FirstTime(small_copy)
    code, verdict, output = review(small_copy)
    assert (code, verdict["verdict"]) == (1, "worse")
    assert "minimum_requirements.mae" in output


def on_main(edit):
    """A base that is main after an edit, while the branch stays as it is."""

    def make(repo: Repo) -> str:
        repo.git("switch", "--quiet", "main")
        edit(repo)
        repo.commit()
        repo.git("switch", "--quiet", "change")
        return "main"

    return make


lost_lock = on_main(lambda repo: (repo.path / "dvc.lock").unlink())
unknown_key = on_main(
    lambda repo: repo.edit("params.yaml", "    shared_min: 0.99", "    shared_min: 0.99\n    shared_max: 1.0")
)
too_few_rows = on_main(lambda repo: repo.edit("params.yaml", "    rows_min: 50\n", "    rows_min: 1000000\n"))
no_yaml = on_main(lambda repo: repo.edit("params.yaml", "review:\n", "review: [\n"))
no_policy = on_main(lambda repo: repo.set_param("review", None))


def stranger(repo: Repo) -> str:
    tree = repo.git("write-tree")
    commit = repo.git("commit-tree", "-m", "stranger", tree)
    repo.git("branch", "stranger", commit)
    return "stranger"


BASES = {
    "a base whose dvc.lock is gone": (lost_lock, "dvc.lock was taken away from main"),
    "a policy with an unknown key": (unknown_key, "`review.holdout.shared_max` is not a key"),
    "a holdout smaller than the policy asks for": (too_few_rows, "holdout.rows_min"),
    "a base whose params are not YAML": (no_yaml, "is not YAML in commit"),
    "a base without a policy": (no_policy, "lacks the section `review`"),
    "a base of another history": (stranger, "share no commit"),
}


@pytest.mark.parametrize(("make", "says"), BASES.values(), ids=BASES)
def test_what_cannot_be_compared_is_reported_and_is_no_pass(change, make, says):
    code, verdict, output = review(change, make(change))
    assert (code, verdict["verdict"]) == (2, "inconclusive")
    assert says in output
    assert says in verdict["sentence"]
    assert verdict["todo"]


def test_a_base_that_git_does_not_know_is_wrong_usage_and_no_verdict(change):
    done = change.run("loop", "review", "--against", "mian", check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --against mian: git knows no such name; did you mean `main`?\n")
    assert not (change.path / "review/verdict.json").exists()


def test_a_shallow_clone_learns_how_to_be_deepened(changed, tmp_path):
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", f"file://{changed.path}", tmp_path / "shallow"], check=True
    )
    code, verdict, output = review(Repo(tmp_path / "shallow"))
    assert (code, verdict["verdict"]) == (2, "inconclusive")
    assert "git fetch --unshallow" in output


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_a_review_that_is_ended_leaves_nothing_behind(change, tmp_path, sign):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    before = state(change)
    on = change.environment() | {"TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [BIN / "loop", "review"],
        cwd=change.path,
        env=on,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait(lambda: any("loop.scorer" in command for command in commands_in(temporary)))
    process.send_signal(sign)
    process.wait(timeout=600)
    wait(lambda: not list(temporary.glob("loop-*")))
    assert not commands_in(temporary)
    assert state(change) == before


def wait(until, seconds: float = 600) -> None:
    """Until something holds, for a bounded time."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.05)


def rerun(repo: Repo):
    done = repo.run("loop", "review", "--rerun", check=False)
    assert "Traceback" not in done.stderr
    return done, json.loads(repo.text("review/verdict.json"))


def test_a_rerun_of_a_change_of_docs_is_no_model_change_and_leaves_the_lock_to_the_byte(small_copy):
    before = small_copy.text("dvc.lock")
    small_copy.git("switch", "--quiet", "--create", "docs")
    small_copy.append("README.md", "\nOne more word.\n")
    small_copy.commit()
    done, verdict = rerun(small_copy)
    assert (done.returncode, verdict["verdict"]) == (0, "no model change")
    assert small_copy.text("dvc.lock") == before


def test_results_that_a_rerun_does_not_make_are_refused_with_the_stage(change):
    """A forged metric with a lock that names it, and a file edited by hand: the report's figures are ours."""
    honest = json.loads(change.text("reports/metrics.json"))
    was = hashlib.md5(change.text("reports/metrics.json").encode()).hexdigest()  # noqa: S324 - DVC's
    forged = change.text("reports/metrics.json").replace(f"{honest['mae']['value']}", "3.0")
    (change.path / "reports/metrics.json").write_text(forged)
    change.edit("dvc.lock", was, hashlib.md5(forged.encode()).hexdigest())  # noqa: S324
    change.edit("reports/golden.json", ".", ".0")
    change.commit()
    done, verdict = rerun(change)
    assert (done.returncode, verdict["verdict"]) == (1, "worse")
    (check,) = [check for check in verdict["checks"] if check["result"] == "fail"]
    assert check["name"] == "rerun"
    assert check["finding"].startswith("stage evaluate: reports/metrics.json is ")
    assert "stage evaluate: reports/golden.json on the branch is not what" in check["finding"]
    assert json.loads(change.text("reports/metrics.json")) == honest
    assert verdict["candidate"]["dirty"] is False, "what the run made is not a change that nobody committed"


def test_a_rerun_of_broken_code_is_inconclusive_and_says_the_stage_and_why(change):
    change.append("src/problem/model.py", "\n\nundefined_name\n")
    change.commit()
    done, verdict = rerun(change)
    assert (done.returncode, verdict["verdict"]) == (2, "inconclusive")
    assert verdict["sentence"].startswith("src/problem/model.py, line ")
    assert verdict["sentence"].endswith(": NameError: name 'undefined_name' is not defined")
    assert Verdict.model_validate_json(change.text("review/verdict.json")).candidate.commit


def test_a_rerun_in_which_a_stage_fails_is_inconclusive_and_names_the_stage(change):
    change.append("src/problem/model.py", "\n\ndef build(params, seed):\n    return no_such_name\n")
    change.commit()
    done, verdict = rerun(change)
    assert (done.returncode, verdict["verdict"]) == (2, "inconclusive")
    assert verdict["sentence"].startswith("stage train failed: src/problem/model.py, line ")
    assert verdict["sentence"].endswith(": NameError: name 'no_such_name' is not defined")


def test_a_rerun_does_not_overwrite_a_lock_that_is_not_committed(change):
    change.append("dvc.lock", "# mine\n")
    before = change.text("dvc.lock")
    _, verdict = rerun(change)
    assert "is not committed" in verdict["sentence"]
    assert change.text("dvc.lock") == before


def test_after_a_rollback_the_judge_compares_with_the_model_that_serves(change, monkeypatch):
    """Main holds a change that production went back from; the branch reverts it."""
    good, bad = change.git("rev-parse", "main"), change.git("rev-parse", "change")
    monkeypatch.chdir(change.path)
    now = pd.Timestamp("2026-01-05", tz="UTC")
    versions = [released(change, number, commit) for number, commit in ((1, good), (2, bad))]
    straight = rollout_policy.read().model_copy(update={"stages": []})
    for one in versions:
        branch.change(
            lambda seen, one=one: (transitions.enter(seen.state, one, straight, now), "", one), lambda _: {}
        )
    branch.change(
        lambda seen: (transitions.back(seen.state, versions[0], "it hurts", now), "", None), lambda _: {}
    )
    change.git("switch", "--quiet", "main")
    change.git("merge", "--quiet", "change")
    change.git("switch", "--quiet", "--create", "take-back")
    change.git("revert", "--no-edit", f"{good}..{bad}")
    change.run("dvc", "checkout", "--force")
    code, verdict, output = review(change)
    assert (code, verdict["verdict"]) == (0, "equivalent"), output
    assert verdict["champion"].startswith("version 1, ")
    assert any("version 2, which main holds" in note for note in verdict["notes"])
    assert verdict["metrics"][0]["champion"] == verdict["metrics"][0]["candidate"]


def released(repo: Repo, number: int, commit: str) -> Version:
    """A version of a commit, as a release would write it down."""
    sha256 = json.loads(repo.git("show", f"{commit}:models/lineage.json"))["model"]["sha256"]
    return Version(
        version=number,
        commit=commit,
        model=sha256,
        image=None,
        released=pd.Timestamp("2026-01-05", tz="UTC"),
        lock="0" * 64,
        data={},
        verdict="better",
        pull=None,
        author=None,
        approver=None,
    )
