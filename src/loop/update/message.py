"""What an update says of itself: as the message of its commit, which is the text of its pull request too."""

import re
from collections.abc import Sequence

from markupsafe import Markup

from loop.base.markup import code, ready, render
from loop.update.three_way import Outcome
from loop.update.versions import Version, parse

NAMED = 40  # files of a kind, of which more are counted alone
NEWS = "\n\n## What is new\n"
LONGEST = 50_000  # signs, so that GitHub takes it with what is added
_SECTION = re.compile(r"^(?=## )", re.MULTILINE)
_HEAD = re.compile(r"## \[?v?(\d+\.\d+\.\d+)\b")


def text(
    versions: tuple[str, str],
    only: Sequence[str],
    became: Outcome,
    *,
    migrations: Sequence[str],
    todo: Sequence[str],
    changes: str,
) -> str:
    """From, to, what a person does, what became of the files, formats, and what is new."""
    kinds = {
        "replaced by the template's": became.replaced,
        "new": became.added,
        "removed by the template": became.removed,
        "edited here and by the template, merged: read these": became.merged,
        "edited here, and left so": became.kept,
        "removed here, and left so": became.gone,
    }
    first = [
        "`make setup`, `make run` and `make review` say on your machine what the review will say",
        *(["Read the merged files: two edits that do not touch may still not fit"] if became.merged else []),
    ]
    values = {
        "from": versions[0],
        "to": versions[1],
        "parts": len(only),
        "todo": [*todo, *first],
        "outcome": [(what, len(found), _listed(found)) for what, found in kinds.items() if found],
        "migrations": list(migrations),
        "changes": ready(changes.strip()),
    }
    whole = render("loop.update", "update.md.j2", values).strip()
    return whole if len(whole) <= LONGEST else whole[:LONGEST].rpartition("\n")[0] + "\n\n_Cut here._"


def _listed(paths: Sequence[str]) -> Markup:
    return ready(f" ({', '.join(map(code, paths))})" if len(paths) <= NAMED else "")


def short(whole: str) -> str:
    """A text without what is new, which may be long: for a terminal."""
    return whole.partition(NEWS)[0]


def changes(changelog: str, since: Version) -> str:
    """The sections of a changelog that are of later versions than one."""
    sections = [(_HEAD.match(part), part) for part in _SECTION.split(changelog)]
    return "\n".join(f"#{part.strip()}\n" for head, part in sections if head and parse(head[1]) > since)


def following(branch: str, *, workflows: bool) -> str:
    """What a person does next, as commands."""
    lines = [
        f"branch  {branch}, one commit, whose message says what is new; the working tree is as it was",
        f"next    git switch {branch} && make run && make review",
        *(f"        {line}" for line in pushing(branch)),
    ]
    if workflows:
        lines.append(
            "note    it changes workflows: GitHub takes the push from who may change them alone;\n"
            "        with gh: `gh auth refresh --scopes workflow`"
        )
    return "\n".join(lines)


def pushing(branch: str) -> list[str]:
    """The commands that make a pull request of a branch."""
    return [f"git push origin {branch}", f"gh pr create --head {branch} --fill"]
