"""The one comment of a pull request, by CML where CML does right, else by the same words ourselves.

`cml comment update` reads the first thirty comments only, and edits the last that carries its mark,
whoever wrote it. So it is asked to only where that one is ours, or nobody has one.
"""

import re
import tempfile
from pathlib import Path
from typing import Any

from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.github.client import BOT, GitHub
from loop.github.cml import cml

MARK = "review"
FIRST = 30  # comments that CML reads
TRIES = 3
_MARKED = re.compile(rf'!\[\]\(https://cml\.dev/watermark\.png#[0-9a-fA-F]+ "CML watermark {MARK}"\)')


def put(github: GitHub, number: int, sha: str, body: str) -> None:
    """Make a pull request's comment say `body`, of a commit. Raises LoopError when GitHub refuses it."""
    text = f'{body}\n\n![](https://cml.dev/watermark.png#{sha} "CML watermark {MARK}")'
    comments, ours = _listed(github, number)
    marked = [comment for comment in comments[:FIRST] if _marked(comment)]
    edits = marked[-1] if marked else None  # what `cml comment update` would edit
    if edits is not ours and ours is not None:
        _rest(github, number, text, ours)
        return
    action = "update" if edits is ours else "create"  # a stranger's with the mark stays the stranger's
    try:
        _cml(github, number, body, action)
    except LoopError as error:
        print(f"note: {plain(error.found)}; the comment is written by REST")
        _rest(github, number, text, _listed(github, number)[1])


def _listed(github: GitHub, number: int) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Every comment, and the newest of them that is ours."""
    comments = list(github.pages(f"issues/{number}/comments"))
    mine = [one for one in comments if _marked(one) and one["user"]["login"] == BOT]
    return comments, mine[-1] if mine else None


def _marked(comment: dict[str, Any]) -> bool:
    return bool(_MARKED.search(comment["body"] or ""))


def _rest(github: GitHub, number: int, text: str, ours: dict[str, Any] | None) -> None:
    """The same by REST; where an answer is lost, the comments are read again before another try."""
    for left in reversed(range(TRIES)):
        if ours is not None:
            github.patch(f"issues/comments/{ours['id']}", body=text)
            return
        try:
            github.post_once(f"issues/{number}/comments", body=text)
            return
        except LoopError:
            if not left:
                raise
            ours = _listed(github, number)[1]


def _cml(github: GitHub, number: int, body: str, action: str) -> None:
    """One call of CML; a second `create` may be a second comment, a second `update` may not."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.md")
        report.write_text(body, encoding="utf-8")
        target = ("--no-publish", f"--target=pr/{number}", f"--watermark-title={MARK}", str(report))
        for left in reversed(range(TRIES if action == "update" else 1)):
            try:
                cml(github, "comment", action, *target)
                return
            except LoopError:
                if not left:
                    raise
