"""Whether a few rows hold much of a number to predict, so that its mean says little of any row."""

import numpy as np

MIDDLE = 0.9  # of what guessing the mean loses, that guessing the median loses where a tail is long
TAIL = 0.1  # of all there is, that 1 % of rows hold where a tail is long
USUAL = 0.5  # of rows that have one value, from which on it is the median, and the median of most rows alike


def share(label: np.ndarray) -> float:
    """What 1 % of rows hold of all there is, from 0 to 1; 0 where the tail is not long."""
    off_mean, off_middle = (np.abs(label - guess).mean() for guess in (label.mean(), np.median(label)))
    size = np.sort(np.abs(label))[::-1]
    held = float(size[: max(1, len(size) // 100)].sum() / size.sum()) if size.sum() else 0.0
    return 0.0 if off_middle > MIDDLE * off_mean or held < TAIL else held


def usual(label: np.ndarray) -> tuple[float, float]:
    """The value that half of the rows have or more, and their share; 0 as the share where none is."""
    values, counts = np.unique(label, return_counts=True)
    most = int(counts.argmax())
    held = float(counts[most] / counts.sum())
    return float(values[most]), held if held >= USUAL else 0.0
