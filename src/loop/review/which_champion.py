"""Which commit's model is the champion: main's, unless a rollback made production serve another."""

from loop.production import state
from loop.repo.commit import Commit
from loop.review.base import Base


def champion(base: Base) -> tuple[Base, list[str]]:
    """The commit to judge against, and a note where it is not the base's own.

    What a rollback took back is no champion, though the base still holds it: the model that serves is.
    Raises LoopError for a branch `production` that cannot be read.
    """
    now = state.read(state.ref())
    taken_back = {
        now.versions[one.version].model: one for one in now.state.refused if one.version in now.versions
    }
    serving, held = now.state.champion, Commit(base.commit).model()
    if serving is None or held == serving.model or held not in taken_back:
        return base, []
    gone = taken_back[held]
    note = (
        f"judged against version {serving.version} ({serving.commit[:12]}), which serves, and not against "
        f"version {gone.version}, which {base.name} holds: it was taken back on {gone.at:%Y-%m-%d}, "
        f"{gone.reason}"
    )
    return Base(f"version {serving.version}", serving.commit, base.merge_base), [note]
