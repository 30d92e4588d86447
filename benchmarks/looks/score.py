"""In a scratch repository of the problem, `python score.py COUNT` trains models alike and draws worlds.

Prints what `draws.simulated` found, and on the way how far it is, on standard error.
"""

import json
import sys
from functools import partial
from pathlib import Path

import draws  # beside this file, in the scratch repository

from loop.calibrate import calibrate
from loop.calibrate.luck import Trial
from loop.calibrate.workshop import workshop
from loop.data import features
from loop.stats import paired
from problem import metrics

if __name__ == "__main__":
    court = calibrate.court()
    with workshop(Path("calibration"), partial(print, file=sys.stderr)) as shop:
        trial = Trial.of(Path("calibration/looks"), court.champion.train, court.champion.holdout)
        scores = trial.scores(shop, int(sys.argv[1]), "models trained alike")
    metric = metrics.METRICS[court.policy.primary.metric]
    assert metric.rows, "the deciding metric is no mean of rows"
    assert not metric.value, "the deciding metric is no mean of rows"
    holdout, settings = court.champion.holdout, court.settings
    label = holdout["label"].to_numpy(float)
    clusters = features.clusters(holdout, settings.cluster).factorize()[0]
    found = draws.simulated(
        scores,
        lambda one: paired.loss(metric.better, metric.rows(label, one)),
        clusters,
        settings.confidence,
        settings.replicates,
        court.policy.primary.margin,
    )
    print(json.dumps(found))
