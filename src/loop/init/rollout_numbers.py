"""How a new version takes over, by numbers of this problem: its label's unit, the rows of its days."""

from loop.init.cautious import Numbers, rounded
from loop.kit.models import Task
from loop.settings import params_text
from loop.settings.params_text import Keys, Value
from loop.settings.paths import POLICY

SHIFT = 0.1  # of the label's deviation, that the mean score may move
LOSS = 1.5  # times the margin of a review, that a canary may cost
SHARE = 0.7  # of the requests that a stage may hope for, which are enough
LEAST = 10  # rows of the challenger, however few come
STAGES = ((2.0, 1.0), (3.0, 0.05), (3.0, 0.25))  # days, and the challenger's share of requests


def edited(text: str, task: Task, n: Numbers) -> str:
    """The policy of the template with this problem's numbers in place of the example's; comments stay.

    None is larger than the template's where it counts rows: these are enough, and fewer come to a problem of
    few requests. Raises LoopError for a file without those keys.
    """
    a_day = n.rows / max(1, (n.until - n.since).days)
    values: dict[Keys, Value] = {("limits", "loss_max"): rounded(LOSS * n.margin)}
    if task == "regression":  # scores of the others are shares
        values[("limits", "score_shift_max")] = rounded(SHIFT * n.spread)
    for place, (days, share) in enumerate(STAGES):
        rows = max(LEAST, int(SHARE * days * share * a_day))
        for name in ("rows_min", "labels_min"):
            keys = ("stages", place, "needs", name)
            given = int(params_text.value(text, keys))
            values[keys] = min(given, rows)
    return params_text.edit(text, values, "restore the file of the template", file=POLICY)
