"""How far the reviews said that scores would move, from one version's model to another's.

Each review of another model leaves a look on the branch `looks`: of which model, beside which, by how much
the mean score moved. Between two versions several were merged: the shifts of the looks on the way add up.
"""

from loop.data import score_columns
from loop.production.state import Version
from loop.repo import dvc_lock
from loop.repo.commit import Commit
from loop.review import holdout_looks
from loop.settings.paths import MODEL, PIPELINE_LOCK


def shift(champion: Version, version: Version) -> tuple[float, ...] | None:
    """The mean score of a version less the champion's, for each class, as announced; zero for the same model.

    None where no review, or chain of reviews, compared the one with the other.
    """
    start, end = _md5(version), _md5(champion)
    if start == end:
        return (0.0,) * max(1, len(score_columns.CLASSES))
    beside = {one.model: one for one in holdout_looks.announced()}
    total, at, passed = None, start, set[str]()
    while at != end:
        if at in passed or at not in beside:
            return None
        passed.add(at)
        said = beside[at].shift
        total = said if total is None else tuple(a + b for a, b in zip(total, said, strict=False))
        at = beside[at].champion
    return total


def _md5(version: Version) -> str:
    return dvc_lock.outs(Commit(version.commit).yaml(PIPELINE_LOCK)).get(str(MODEL), "")
