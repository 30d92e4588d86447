"""What a search found as a branch: a commit on HEAD that changes params.yaml, as a text, and nothing else."""

import tempfile
import textwrap
from pathlib import Path

from loop.base.errors import LoopError
from loop.repo import remote
from loop.repo.commit import Commit
from loop.repo.git import commit_of, git
from loop.search.space import Values
from loop.settings import params_text, yaml_file
from loop.settings.params_text import Keys
from loop.settings.paths import PARAMS
from loop.settings.search_settings import Value

PREFIX = "search/"


def make(name: str, values: Values, why: str) -> str:
    """The name of the branch, made unless the same one is there; the working tree stays as it is.

    Only what differs from HEAD's params.yaml is written. Raises LoopError where git has no commit yet, and
    where params.yaml there cannot be edited as a text.
    """
    head = commit_of("HEAD")
    text = Commit(head).text(PARAMS) if head else None
    if head is None or text is None:
        raise LoopError(
            f"HEAD has no {PARAMS}",
            "a commit to change",
            "commit what you have, then run `loop search` again",
        )
    branch = f"{PREFIX}{name}"
    if commit_of(f"refs/heads/{branch}"):
        return branch
    there = yaml_file.parse(text).get("train", {}).get("model", {})
    moved: dict[Keys, Value] = {
        ("train", "model", key): value for key, value in values.items() if there.get(key) != value
    }
    by_hand = ", ".join(f"{key}: {value}" for key, value in values.items())
    changed = params_text.edit(text, moved, f"write them by hand under train.model: {by_hand}")
    told = "\n".join(textwrap.wrap(why, 72, break_on_hyphens=False))
    commit = _committed(head, changed, f"Search: {', '.join(str(key) for *_, key in moved)}\n\n{told}\n")
    git("branch", branch, commit)
    return branch


def _committed(head: str, text: str, message: str) -> str:
    blob = git("hash-object", "-w", "--stdin", text=text)
    mode = git("ls-tree", head, "--", str(PARAMS)).split(maxsplit=1)[0]
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        git("read-tree", head, env=index)
        git("update-index", "--cacheinfo", f"{mode},{blob},{PARAMS}", env=index)
        tree = git("write-tree", env=index)
    who = remote.commits_as(*remote.committer())
    return git(*who, "commit-tree", tree, "-p", head, "-F", "-", text=message)
