"""Whether the best of many is better at all: the largest of many differences is large by luck alone."""

import numpy as np

from loop.stats.bootstrap import Floats


def p_value(gains: Floats, replicates: Floats) -> float:
    """How often luck alone makes the best of so many gains as large, though none is better.

    `gains` is (candidates,), each over the same rival on the same rows; `replicates` (candidates, replicates)
    are those of resampled clusters, the same draws for all. White 2000, "A Reality Check for Data Snooping",
    Econometrica 68. NaN where nothing is defined.
    """
    known = np.isfinite(gains) & np.isfinite(replicates).all(axis=1)
    if not known.any():
        return float("nan")
    luck = (replicates[known] - gains[known, None]).max(axis=0)
    return float((1 + (luck >= gains[known].max()).sum()) / (1 + len(luck)))
