"""A retrain brought to GitHub: a pull request with its evidence, or an issue that says why there is none.

GitHub lets the runs of what a workflow opens wait for a person's click, so the comment and the status `gate`
come from here, and nobody has to click. `gate` is set last: a pull request without it was cut short, counts
for nothing, and gives way to the next one.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from loop.base.errors import LoopError
from loop.base.markup import plain, ready, render
from loop.base.warning import warn
from loop.github import comment, commit_status, issue, pull_request, workflow_output
from loop.github.client import GitHub
from loop.github.commit_status import Gate
from loop.github.pull_request import FORBIDDEN, Change
from loop.model import tracking
from loop.monitor.inputs import past_retrains
from loop.monitor.inputs.past_retrains import LABEL, PREFIX
from loop.monitor.report import text as report
from loop.monitor.schema import Finding
from loop.repo import default_branch, dvc_lock, remote
from loop.repo.commit import Commit
from loop.retrain import challenger
from loop.retrain.challenger import Challenger
from loop.review import holdout_looks
from loop.review.holdout_looks import Look
from loop.settings.params import Windows, parse
from loop.settings.paths import MODEL, PARAMS, PIPELINE_LOCK, PREDICTIONS

LONGEST = 60_000  # bytes; GitHub refuses a body of more than 65,536 signs, and CML gets it as one argument
MAY_NOT = "A retrain is ready, and Actions may not open its pull request"


@dataclass(frozen=True)
class Retrain:
    """What is to be retrained: the ref of main, the windows that it moves to, and why, as of when."""

    main: str
    windows: Windows
    finding: Finding
    at: pd.Timestamp


def main(github: GitHub, retrain: Retrain) -> None:
    """Retrain and propose it, unless the same or one of a later day is open already.

    Raises LoopError when it cannot be made or GitHub refuses something; the next run then fixes it.
    """
    older = []
    for day, one in past_retrains.pulls(github, "open"):
        if one["base"]["ref"] != default_branch.name():
            continue
        newer = day > f"{retrain.at:%Y-%m-%d}"
        if (newer or _same(one, retrain.windows)) and past_retrains.has_gate(github, one["head"]["sha"]):
            found = "a newer one is open:" if newer else "the same retrain is open already,"
            print(f"nothing to do: {found} {one['html_url']}")
            return
        if not newer:
            older.append(one)
    _propose(github, retrain, older)


def _propose(github: GitHub, retrain: Retrain, older: list[dict[str, Any]]) -> None:
    """Make it, judge it, and open it in place of older ones, or say why it is not opened."""
    _sweep(github)
    print(challenger.subject(retrain.windows), flush=True)
    made = challenger.make(retrain.main, retrain.windows, retrain.at)
    print(f"{made.verdict.verdict}: {plain(made.verdict.sentence)}", flush=True)
    if not made.passes:
        print(f"an issue says so: {_refused(github, retrain, made)}")
        _keep_run(made)
        return
    runs = [one for one in older if past_retrains.of_a_run(one["head"]["ref"])]
    own = [str(one["html_url"]) for one in older if one not in runs]
    url = _open(github, retrain, made, own)
    if url is None:
        return
    pull_request.label(github, url, LABEL)
    for one in runs:
        _supersede(github, one, url)
    _judge(github, number := int(url.rpartition("/")[2]), made)
    _keep_run(made, pull_request=str(number), gate="success")
    print(f"a person may merge it: {url}")


def _keep_run(made: Challenger, **tags: str) -> None:
    """The run in MLflow where a server is set; else it travels in the artifact, beside the review."""
    if tracking.server():
        challenger.keep_run(made, review=workflow_output.run_url(), **tags)


def _same(pull: dict[str, Any], moved: Windows) -> bool:
    """Whether an open pull request moves the windows to where this one would."""
    remote.to_remote("fetch", "--quiet", "--no-tags", "origin", f"refs/heads/{pull['head']['ref']}")
    try:
        values = Commit(pull["head"]["sha"]).yaml(PARAMS)
        return parse("windows", values["windows"], Windows) == moved
    except (LoopError, KeyError, TypeError):  # it cannot be read: it is another
        return False


def _sweep(github: GitHub) -> None:
    """Take away branches that a run left without a pull request: it was cut short."""
    known = {one["head"]["ref"] for _, one in past_retrains.pulls(github, "all")}
    text = remote.to_remote("ls-remote", "origin", f"refs/heads/{PREFIX}*").out.split()[1::2]
    for name in (ref.removeprefix("refs/heads/") for ref in text):
        if past_retrains.of_a_run(name) and name not in known:
            _delete(name)


def _delete(name: str) -> None:
    done = remote.to_remote("push", "--quiet", "origin", f":refs/heads/{name}")
    if done.code:
        warn(f"the branch {name} has no pull request and could not be deleted")


def _open(github: GitHub, retrain: Retrain, made: Challenger, own: list[str]) -> str | None:
    """The address of the new pull request, which links people's own; None where Actions may open none."""
    run = f"{os.environ.get('GITHUB_RUN_ID', '0')}-{os.environ.get('GITHUB_RUN_ATTEMPT', '1')}"
    name = f"{PREFIX}{retrain.at:%Y-%m-%d}-{run}"
    change = Change(name, challenger.subject(retrain.windows), _text(retrain, made, "open", name, own))
    try:
        with pull_request.clone(made.commit) as place:
            return pull_request.open(github, place, change)
    except LoopError as error:
        if url := pull_request.find(github, name):  # only the answer was lost
            return url
        _delete(name)
        if FORBIDDEN not in error.found:
            raise
    warn("Actions may not open pull requests: an issue says which setting to turn on")
    url = issue.open_once(github, MAY_NOT, _text(retrain, made, "may not"), LABEL)
    print(f"an issue says so: {url}")
    return None


def _supersede(github: GitHub, older: dict[str, Any], url: str) -> None:
    """Close an older one with a comment about the newer."""
    text = f"Superseded by {url}, which is trained on newer rows. This branch is left as it is."
    github.post_once(f"issues/{older['number']}/comments", body=text)
    github.patch(f"pulls/{older['number']}", state="closed")
    print(f"#{older['number']} is superseded")


def _judge(github: GitHub, number: int, made: Challenger) -> None:
    """The look is counted, then the review's comment, then `gate`: no success without its evidence."""
    outs, said = dvc_lock.outs(Commit(made.commit).yaml(PIPELINE_LOCK)), made.verdict.look
    look = Look(outs[str(MODEL)], made.windows.holdout, number, scores=outs.get(str(PREDICTIONS), ""))
    holdout_looks.publish(look.told(said.champion, said.shift, said.rows) if said else look)
    run = workflow_output.run_url() or ""
    text = f"`{commit_status.NAME}` is **success** for {made.commit[:12]} · [the run]({run})"
    comment.put(github, number, made.commit, f"{made.report.rstrip()}\n\n{text}\n")
    gate = Gate("success", f"{made.verdict.verdict}: {made.verdict.sentence}")
    commit_status.put(github, made.commit, gate, run)


def _refused(github: GitHub, retrain: Retrain, made: Challenger) -> str:
    """The address of the issue about a retrain that is not proposed."""
    title = past_retrains.refused_title(f"{retrain.at:%Y-%m-%d}")
    return issue.open_once(github, title, _text(retrain, made, "refused"), LABEL)


def _text(retrain: Retrain, made: Challenger, case: str, branch: str = "", own: Iterable[str] = ()) -> str:
    """What the pull request says, or an issue in its place: why, how to make it again, the review."""
    again = [f"loop monitor --now {retrain.at:%Y-%m-%dT%H:%MZ}", "loop retrain"]
    if branch:
        again = [f"git fetch origin {branch}", "git switch --detach FETCH_HEAD", "make review"]
    values = {
        "case": case,
        "drifted": any(one.confirmed for one in retrain.finding.signals),
        "verdict": made.verdict,
        "own": map(ready, own),
        "finding": ready(report.markdown(retrain.finding, workflow_output.files_url()).strip()),
        "again": again,
        "run": ready(workflow_output.run_url() or ""),
        "report": ready(made.report.strip()),
    }
    return _capped(render("loop.retrain", "retrain.md.j2", values).strip())


def _capped(text: str) -> str:
    """A text that GitHub takes, cut after a line, with a note."""
    raw = text.encode()
    if len(raw) <= LONGEST:
        return text
    whole = raw[:LONGEST].decode(errors="ignore").rpartition("\n")[0]
    return f"{whole}\n\n_Cut here, because it would be too long; the run's artifacts have all of it._\n"
