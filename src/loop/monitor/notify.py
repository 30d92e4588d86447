"""What a monitoring run found, as an issue: for what no retrain fixes, opened once while it is open.

Nobody but a person closes it. A retrain has a pull request; "nothing" and "warning" are in the report alone.
"""

import hashlib
import re

from loop.base.errors import LoopError
from loop.base.markup import plain, ready, render
from loop.base.warning import warn
from loop.github import issue, workflow_output
from loop.github.client import BOT, GitHub
from loop.monitor.report import text as report
from loop.monitor.schema import Decision, Finding

LABEL = "drift"
TITLES: dict[Decision, str] = {
    "broken feed": "The feed breaks its contract: nothing is retrained on it",
    "suspected feed fault": "The feed changed from one day to the next: nothing is retrained on it",
    "alert": "The model needs a person now",
    "loss": "The loss is beyond its limit, and no retrain is shown to help",
    "no data": "No data: nothing can be judged",
}
_MARK = re.compile(r"<!-- (?:told|reported) ([0-9a-f]{12}) -->")  # older versions wrote the first
_FIGURE = re.compile(r"(?<!\w)[-+]?\d[\d,.]*")  # not the digits of a name


def post(finding: Finding) -> None:
    """Leave the decision to the next job, and open its issue, or say there that the reason is another now.

    Outside of a workflow it prints what it would say. What GitHub refuses is a warning: the exit code says
    the same.
    """
    workflow_output.put(decision=finding.decision)
    title = TITLES.get(finding.decision)
    if title is None:
        return
    github = issue.here()
    if github is None:
        print(f"in a workflow an issue would say:\n\n{title}\n\n{_body(finding)}")
        return
    try:
        print(f"an issue says so: {_open_or_comment(github, title, finding)}", flush=True)
    except LoopError as error:
        warn(f"{title}, and no issue could say so: {error.found}")


def _open_or_comment(github: GitHub, title: str, finding: Finding) -> str:
    """The address of the issue; a comment is added to one that is open where the reason changed."""
    found = issue.find(github, title)
    if found is None:
        return issue.open_once(github, title, _body(finding), LABEL)
    talk = f"issues/{found['number']}/comments"
    texts = [str(found["body"] or "")]
    texts += [str(one["body"] or "") for one in github.pages(talk) if one["user"]["login"] == BOT]
    marks = [mark for text in texts for mark in _MARK.findall(text)]
    if marks[-1:] != [_fingerprint(finding)]:
        github.post_once(talk, body=_body(finding))
    return str(found["html_url"])


def _body(finding: Finding) -> str:
    """What the issue says: the report, and where it came from."""
    values = {
        "report": ready(report.markdown(finding, workflow_output.files_url())),
        "run": ready(workflow_output.run_url() or ""),
        "fingerprint": _fingerprint(finding),
    }
    return render("loop.monitor.report", "issue.md.j2", values)


def _fingerprint(finding: Finding) -> str:
    """Of the reason and the broken rules alone: figures of another day are not news."""
    reason = _FIGURE.sub("", plain(f"{finding.decision}: {finding.reason}"))
    rules = sorted(f"{one.table} {one.column} {one.rule}" for one in finding.breaches)
    return hashlib.sha256("\n".join([reason, *rules]).encode()).hexdigest()[:12]
