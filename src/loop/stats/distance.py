"""How far a window's counts lie from a baseline's: five distances, none of which grows with rows.

Counts are (bins,) or (windows, bins), the missing in the last; a baseline and its windows broadcast against
each other, and the result has a value for each window, NaN where a side has no row. All but `missing` and
`ks` count the missing as a bin of its own.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[Any]

FLOOR = 1e-4  # share of an empty bin in the PSI, so that the logarithm stays finite
COARSE = 10  # bins of a number in the PSI and in Cramer's V


def distances(baseline: Counts, window: Counts, *, ordered: bool) -> dict[str, Floats]:
    """All five by name; `ordered` for numbers, of which PSI and V take ten bins. KS of categories is NaN."""
    coarse = deciles(baseline, window) if ordered else (baseline, window)
    between = ks(baseline, window)
    return {
        "psi": psi(*coarse),
        "ks": between if ordered else np.full_like(between, np.nan),
        "jensen_shannon": jensen_shannon(baseline, window),
        "chi_square": chi_square(*coarse),
        "missing": missing(baseline, window),
    }


def deciles(baseline: Counts, window: Counts) -> tuple[Counts, Counts]:
    """Both with neighbouring bins added up to ten, each a tenth of the baseline; missing stays apart.

    A bin goes where its mid-rank in the baseline lies (in all baselines together if there are many).
    """
    known = np.asarray(baseline, np.float64).reshape(-1, np.shape(baseline)[-1])[:, :-1].sum(axis=0)
    ranks = (np.cumsum(known) - known / 2) / max(known.sum(), 1)
    place = np.append(np.minimum((ranks * COARSE).astype(np.int64), COARSE - 1), COARSE)
    into = np.equal(place[:, None], np.arange(COARSE + 1)).astype(np.float64)
    return np.asarray(baseline, np.float64) @ into, np.asarray(window, np.float64) @ into


def psi(baseline: Counts, window: Counts) -> Floats:
    """Population stability index: the sum of (q - p) ln(q / p) over bins, of shares p and q.

    Symmetric; a share counts as at least 0.0001 (Siddiqi 2006, "Credit Risk Scorecards", chapter 8).
    """
    was, now = (np.maximum(share, FLOOR) for share in (_shares(baseline), _shares(window)))
    return np.asarray(((now - was) * np.log(now / was)).sum(axis=-1))


def ks(baseline: Counts, window: Counts) -> Floats:
    """Kolmogorov-Smirnov: the largest difference of the distribution functions, the missing left out.

    Taken at the edges of the bins: too small by the largest share of the baseline within one at most.
    """
    was, now = (_shares(np.asarray(side)[..., :-1]) for side in (baseline, window))
    return np.asarray(np.abs(np.cumsum(now - was, axis=-1)).max(axis=-1, initial=0) + 0 * (now + was).sum(-1))


def jensen_shannon(baseline: Counts, window: Counts) -> Floats:
    """Jensen-Shannon distance, base 2: the square root of the divergence, in [0, 1] (Lin 1991)."""
    was, now = _shares(baseline), _shares(window)
    middle = (was + now) / 2
    divergence = (_kullback(was, middle) + _kullback(now, middle)) / 2
    return np.asarray(np.sqrt(np.maximum(divergence, 0)))


def chi_square(baseline: Counts, window: Counts) -> Floats:
    """Cramer's V of bin against side, both sides with the same weight: in [0, 1], whatever their rows.

    chi2 / n of a table of two rows of shares is half the sum of (p - q)^2 / (p + q) (Cramer 1946, 21.9).
    """
    was, now = _shares(baseline), _shares(window)
    both = was + now
    terms = np.divide((was - now) ** 2, both, out=np.zeros_like(both), where=both != 0)
    return np.asarray(np.sqrt(terms.sum(axis=-1) / 2))


def missing(baseline: Counts, window: Counts) -> Floats:
    """The window's share of missing rows less the baseline's: above zero where more is missing."""
    return np.asarray(_shares(window)[..., -1] - _shares(baseline)[..., -1])


def _shares(counts: Counts) -> Floats:
    rows = np.sum(counts, axis=-1, keepdims=True, dtype=np.float64)
    return np.asarray(np.divide(counts, rows, out=np.full(np.shape(counts), np.nan), where=rows > 0))


def _kullback(share: Floats, middle: Floats) -> Floats:
    ratio = np.divide(share, middle, out=np.ones_like(middle), where=share != 0)
    return np.asarray((share * np.log2(ratio)).sum(axis=-1))
