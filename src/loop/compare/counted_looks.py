"""A change that is compared with main was judged on the holdout: this clone counts it, as a review does."""

from loop.base import files
from loop.compare.same_rows import Both, Made
from loop.repo import default_branch, dvc_lock, git
from loop.repo.commit import Commit
from loop.review import base, holdout_looks
from loop.review.holdout_looks import MINUTE, Look
from loop.settings.params import Window
from loop.settings.paths import MODEL, PIPELINE_LOCK, PREDICTIONS


def keep(found: Both) -> None:
    """Remember the looks that a comparison took: one for each side that is no commit of main.

    None where neither is main's model: that compares no candidate with a champion.
    """
    main = base.commit_named(default_branch.name())
    champion = dvc_lock.outs(Commit(main).yaml(PIPELINE_LOCK)).get(str(MODEL)) if main else None
    sides = (found.first, found.second)
    if champion not in [one.md5 for one in sides]:
        return
    rows = holdout_looks.decided(found.rows.examples["decided_at"])
    window = Window.model_validate({"from": rows[0], "until": rows[-1] + MINUTE})
    for one in sides:
        if one.md5 != champion and not _released(one, main):
            usual = next(other.windows.holdout for other in sides if other.md5 == champion)
            holdout_looks.keep(Look(one.md5, window, scores=_scores(one), rows=rows, usual=usual))


def _released(one: Made, main: str | None) -> bool:
    return bool(main and one.side.commit and git.is_ancestor(one.side.commit, main))


def _scores(one: Made) -> str:
    """The hash of its predictions for its own holdout, as its review names them."""
    if one.side.commit is None:
        return files.md5(PREDICTIONS)
    return str(dvc_lock.outs(Commit(one.side.commit).yaml(PIPELINE_LOCK)).get(str(PREDICTIONS), ""))
