"""The params of a first model, and the losses of naive guesses that it must beat."""

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from loop.data import row_weights
from loop.init import label_tail
from loop.init.guessed import Guess
from loop.init.row_values import truth, weights
from loop.kit import models

TREES_MAX, ROWS_MAX = 300, 50_000  # of the trial that says how many trees
SMALL = 500  # rows below which a line says more than trees
NEWEST_MIN = 20  # rows of the newest fifth, from which on they make a guess of their own


def params(found: Guess, train: pd.Series) -> dict[str, float]:
    """The section `train.model`: of a line where rows are few, else of trees, as many as a trial says."""
    if len(train) < SMALL:
        return {"alpha": 1.0}
    made: dict[str, float] = {
        "learning_rate": 0.05 if len(found.classes) <= 5 else 0.1,
        "trees": max(20, TREES_MAX // max(1, len(found.classes) // 2)),
        "leaves": 15,
        "rows_per_leaf": max(20, min(100, len(train) // 100)),
        "l2": 1.0,
        "features_per_split": 0.5,
    }
    return made | {"trees": _trees(found, train, made)}


def _trees(found: Guess, train: pd.Series, made: dict[str, float]) -> int:
    """How many trees help rows that were not learnt from: a fifth of the training rows says when to stop."""
    label = train.iloc[:: max(1, len(train) // ROWS_MAX)]
    if found.task != "regression":  # a class of one row cannot be on both sides
        label = label[label.map(label.value_counts()) > 1]
    columns = {}
    for name in found.inputs:
        values = found.columns[name].values.loc[label.index]
        columns[name] = pd.factorize(values)[0] if found.columns[name].kind == "text" else values
    if not columns:
        return int(made["trees"]) // 3
    kind = HistGradientBoostingRegressor if found.task == "regression" else HistGradientBoostingClassifier
    trial = kind(
        learning_rate=made["learning_rate"],
        max_iter=int(made["trees"]),
        max_leaf_nodes=int(made["leaves"]),
        min_samples_leaf=int(made["rows_per_leaf"]),
        l2_regularization=made["l2"],
        max_features=made["features_per_split"],
        early_stopping=True,
        validation_fraction=0.2,
        n_iter_no_change=20,
        random_state=1,
        **({"loss": models.MIDDLE} if middle(found) else {}),
    )
    with threadpool_limits(1):  # the same number of trees on any number of cores
        inputs = pd.DataFrame(columns).to_numpy(np.float64, na_value=np.nan)
        inputs = inputs[:, ~np.isnan(inputs).all(axis=0)]  # trees refuse a column without any value
        trial.fit(inputs, label, weights(found, label.index))
    return max(20, int(trial.n_iter_ * 0.9) // 10 * 10)


def guessing(found: Guess, train: pd.Series) -> tuple[float, float]:
    """The loss of a model that only knows the mean, and the spread of the label."""
    weight = weights(found, train.index)
    if found.classes:
        counts = np.bincount(train.astype("int64"), weight)
        shares = np.sort(counts[counts > 0] / counts.sum())[::-1]
        return float(-(shares * np.log(shares)).sum()), float(np.sqrt((shares * (1 - shares)).mean()))
    if found.task == "binary":
        share = min(max(row_weights.mean(train.to_numpy(), weight), 1e-3), 1 - 1e-3)
        loss = -(share * np.log(share) + (1 - share) * np.log(1 - share))
        return float(loss), float(np.sqrt(share * (1 - share)))
    return float(train.std()) if squared(found) else off(found, train), float(train.std())


def off(found: Guess, train: pd.Series) -> float:
    """How far a guess of the mean is off, on average."""
    weight = weights(found, train.index)
    off = (train - row_weights.mean(train.to_numpy(), weight)).abs()
    return row_weights.mean(off.to_numpy(), weight)


def naive(found: Guess, train: pd.Series, holdout: pd.Series, decided: pd.Series) -> float:
    """What the holdout loses by a naive guess: one for all rows, from those that train or their newest."""
    newest = train[decided[train.index].rank(pct=True) > 0.8]
    known = [train, newest] if found.time and len(newest) >= NEWEST_MIN else [train]
    of = [weights(found, labels.index) for labels in (*known, holdout)]
    judged = holdout.to_numpy()
    if found.task == "regression":
        means = [row_weights.mean(labels.to_numpy(), one) for labels, one in zip(known, of[:-1], strict=True)]
        guesses = [*means, *(float(labels.median()) for labels in known)]
        if squared(found):
            return float(np.sqrt(min(row_weights.mean((judged - one) ** 2, of[-1]) for one in guesses)))
        return min(row_weights.mean(np.abs(judged - one), of[-1]) for one in guesses)
    kinds = max(2, len(found.classes))
    shares = [  # none is never
        np.bincount(labels.astype("int64"), one, kinds) / (1.0 if one is None else one.mean()) + 1.0
        for labels, one in zip(known, of[:-1], strict=True)
    ]
    losses = (-np.log((share / share.sum())[judged.astype(np.int64)]) for share in shares)
    return min(row_weights.mean(loss, of[-1]) for loss in losses)


def middle(found: Guess) -> bool:
    """Whether few rows hold so much of a number that its mean says little of any."""
    return (
        found.task == "regression"
        and not squared(found)
        and label_tail.share(truth(found).dropna().to_numpy()) > 0
    )


def squared(found: Guess) -> bool:
    """Whether most rows have one number, for which alone the absolute error is least."""
    return found.task == "regression" and label_tail.usual(truth(found).dropna().to_numpy())[1] > 0
