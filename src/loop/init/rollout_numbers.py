"""How a new version takes over, by numbers of this problem: its label's unit, the rows of its days."""

from loop.init.cautious import Numbers, rounded
from loop.kit.models import Task
from loop.production.environments import ENVIRONMENTS
from loop.settings import params_text
from loop.settings.params_text import Keys, Value
from loop.settings.paths import POLICY

SHIFT = 0.1  # of the label's deviation, that the mean score may move
LOSS = 1.5  # times the margin of a review, that a canary may cost
SHARE = 0.7  # of the requests that a stage may hope for, which are enough
LEAST = 10  # rows of the challenger, however few come
TODO = "restore the file of the template"
STAGES = ((2.0, 1.0), (3.0, 0.05), (3.0, 0.25))  # days, and the challenger's share of requests


def policy(text: str, task: Task, n: Numbers) -> str:
    """The policy of the template with this problem's numbers in place of the example's; comments stay.

    None is larger than the template's where it counts rows: these are enough, and fewer come to a problem of
    few requests. Raises LoopError for a file without those keys.
    """
    values: dict[Keys, Value] = {("limits", "loss_max"): rounded(LOSS * n.row_margin)}
    if task == "regression":  # scores of the others are shares
        values[("limits", "score_shift_max")] = rounded(SHIFT * n.spread)
    for place, (days, share) in enumerate(STAGES):
        for name in ("rows_min", "labels_min"):
            keys = ("stages", place, "needs", name)
            values[keys] = _rows(text, keys, days * share, n)
    return params_text.edit(text, values, TODO, file=POLICY)


def environments(text: str, n: Numbers) -> str:
    """The template's chain, whose rehearsal asks for no more rows than a day may bring; as `policy`."""
    keys = ("rehearsal", "rows_min")
    return params_text.edit(text, {keys: _rows(text, keys, 1.0, n)}, TODO, file=ENVIRONMENTS)


def _rows(text: str, keys: Keys, days: float, n: Numbers) -> int:
    """As many as the template asks for, or as these days of all requests may be hoped to bring."""
    a_day = n.rows / max(1, (n.until - n.since).days)
    return min(int(params_text.value(text, keys)), max(LEAST, int(SHARE * days * a_day)))
