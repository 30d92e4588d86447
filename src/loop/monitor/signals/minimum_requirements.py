"""Whether the model has become so bad that a person must act at once: breached minimum requirements."""

import numpy as np
import pandas as pd

from loop.data import row_weights, score_columns
from loop.data.features import DECIDED_AT
from loop.settings import params
from loop.settings.monitor_settings import Settings
from loop.settings.params import Resampling
from loop.settings.review_policy import Policy
from loop.stats import bootstrap
from problem import metrics


def breached(matured: pd.DataFrame, settings: Settings) -> list[str]:
    """The minimum requirements of the policy that the newest matured rows breach for certain, each as a text.

    For certain: the whole interval by days lies beyond the limit. Too few rows break nothing.
    """
    if len(matured) < settings.rows_min:
        return []
    resampling = params.section("evaluate", Resampling)
    policy = params.section("review", Policy)
    codes, names = pd.factorize(matured[DECIDED_AT].dt.floor("D"))
    weight = bootstrap.weights(len(names), resampling.replicates, resampling.seed)
    label, score = matured["label"].to_numpy(np.float64), score_columns.array(matured)
    texts = []
    for name, minimum in policy.minimum_requirements.items():
        metric = metrics.METRICS[name]
        of = bootstrap.statistic(metric, label, score, codes, len(names), row_weight=row_weights.of(matured))
        found = bootstrap.estimate(of, codes, weight, resampling.confidence)
        beyond = {
            "higher": found.high < minimum.limit,
            "lower": found.low > minimum.limit,
            "zero": found.low > minimum.limit or found.high < -minimum.limit,
        }[metric.better]
        if beyond:
            texts.append(
                f"{metric.title} is {found.value:.3f} [{found.low:.3f}, {found.high:.3f}], "
                f"and worse than {minimum.limit:g} no model may ship ({minimum.reason})"
            )
    return texts
