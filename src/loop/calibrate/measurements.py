"""What a calibration measures: models trained alike, past windows, days that a monitor learns from."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from loop.base import files
from loop.base.errors import LoopError
from loop.calibrate import court as courts
from loop.calibrate import luck
from loop.calibrate.court import Court
from loop.calibrate.knowledge import Window, naive
from loop.calibrate.luck import Pair, Trial
from loop.calibrate.workshop import Workshop
from loop.data import score_columns
from loop.data.features import DECIDED_AT
from loop.kit.types import Array
from loop.monitor.inputs import baseline
from loop.pipeline import evaluate
from loop.review import compare
from loop.settings.paths import HOLDOUT, PARAMS, TRAIN
from loop.settings.yaml_file import load

FOLDER = Path("calibration")  # what was measured, which git does not keep
PAIRS = 200  # of the check; half as many choose, among half as many models
PAST = (0.4, 0.6, 0.8)  # of the training time: where past windows begin
REPEATS, BLOCKS = 5, 4  # of the latency of a model beside itself
ROWS_MIN, LABELS_MIN = 50, 2  # to train and to judge on


@dataclass(frozen=True)
class Measurements:
    """What was measured.

    `chosen` are pairs judged within the training window, by which numbers are chosen; `checked` those judged
    on the holdout, which hold the numbers to their promise. `tables` are pairs of training and judged rows.
    """

    shop: Workshop  # of the models that were judged on the holdout
    chosen: list[Pair]
    checked: list[Pair]
    windows: list[Window]
    guesses: list[Window]
    golden: list[Array]
    tables: list[tuple[pd.DataFrame, pd.DataFrame]]
    slower: list[float]  # how often a model was slower than itself, each time
    past: pd.DataFrame  # training rows with out-of-fold scores, then the holdout with the champion's
    judged_clusters: int
    by_seed: bool  # whether the seed changes a score


def gather(court: Court, models: int, anywhere: Workshop) -> Measurements:
    """Measure all of it; what an earlier try has measured on the same data is taken as it is.

    Raises LoopError where the rows are too few to train on a part of them.
    """
    shop = anywhere.within(FOLDER / _key(court))
    train, holdout = court.champion.train, court.champion.holdout
    early, late = _split(train, court)
    wanted = evaluate.golden(train, holdout)[[*train]]
    fewer = models // 2
    inner = Trial.of(shop.folder / "within training", early, late, holdout, wanted)
    outer = Trial.of(shop.folder / "on the holdout", train, holdout, wanted)
    scores = inner.scores(shop, fewer, "models trained alike, within training")
    fresh = outer.scores(shop, models, "models trained alike, on the holdout")
    chosen = inner.pairs(shop, fewer, PAIRS // 2, "pairs of these")
    checked = outer.pairs(shop, models, PAIRS, "pairs of those on the holdout")
    own = score_columns.array(court.champion.predictions)
    _keep(outer.folder / "champion.npy", own)
    at = len(late)
    stale = scores[0][at : at + len(holdout)]
    windows = [
        _window("the end of training", late, scores[0][:at], court),
        _window("the holdout, by a model older by one window", holdout, stale, court),
        _window("the holdout", holdout, own, court),
    ]
    trained = [early, early, train]
    for name, before, rows in _past(train):
        place = Trial.of(shop.folder / f"window {name}", before, rows)
        (made,) = shop.each(f"window {name}", luck.fit_whole, [f"{place.folder.name}/whole.npy"])
        windows.append(_window(name, rows, np.load(made), court))
        trained.append(before)
    guesses = [
        _window(one.name, one.rows.examples, naive(before, len(one.rows.examples)), court)
        for one, before in zip(windows, trained, strict=True)
    ]
    return Measurements(
        shop=shop.within(outer.folder),
        chosen=chosen,
        checked=checked,
        windows=windows,
        guesses=guesses,
        golden=[one[len(one) - len(wanted) :] for one in fresh],
        tables=[(early, late), (train, holdout)],
        slower=_slower(court, shop),
        past=_with_scores(court, shop, own),
        judged_clusters=windows[0].rows.weight.shape[1],
        by_seed=luck.SEED in outer.kinds(),
    )


def _split(train: pd.DataFrame, court: Court) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The training rows before and in their newest part: as long as the holdout, or what has rows enough.

    Luck is measured there, so that it does not matter when a label came.
    """
    decided, windows = train[DECIDED_AT], court.champion.windows
    last = decided.max()
    span = min(windows.holdout.until - windows.holdout.since, (last - decided.min()) / 3)
    starts = [last - span, *decided.quantile([0.75, 2 / 3, 0.5])]
    for start in starts:
        early, late = (train[side].reset_index(drop=True) for side in (decided < start, decided >= start))
        if min(len(early), len(late)) >= ROWS_MIN and early["label"].nunique() >= LABELS_MIN:
            return early, late
    raise LoopError(
        f"{len(train):,} training rows: {len(early):,} of their first half, {len(late):,} of the other",
        f"{ROWS_MIN} rows to train on, as many later ones to judge, and two different labels",
        "take more rows, or keep the cautious numbers of params.yaml until there are",
    )


def _past(train: pd.DataFrame) -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Past windows: name, the rows before, and those up to the next; those that have rows enough."""
    first, last = train[DECIDED_AT].min(), train[DECIDED_AT].max()
    starts = [first + share * (last - first) for share in PAST]
    found = []
    ends = [*starts[1:], last]
    for start, end in zip((at.floor("D") for at in starts), (at.ceil("D") for at in ends), strict=True):
        before = _before(train, start)
        rows = train[(train[DECIDED_AT] >= start) & (train[DECIDED_AT] < end)].reset_index(drop=True)
        enough = min(len(before), len(rows)) >= ROWS_MIN
        if enough and min(before["label"].nunique(), rows["label"].nunique()) >= LABELS_MIN:
            found.append((f"{start:%Y-%m-%d} to {end:%Y-%m-%d}", before, rows))
    return found


def _before(train: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """What a model of that instant would have been trained on."""
    return train[(train[DECIDED_AT] < at) & (train["label_known_at"] <= at)].reset_index(drop=True)


def _window(name: str, rows: pd.DataFrame, scores: Array, court: Court) -> Window:
    return Window(name, compare.rows(rows, (scores, scores), court.settings))


def _with_scores(court: Court, shop: Workshop, own: Array) -> pd.DataFrame:
    """The training rows, each scored by a model that had not seen its days, and the holdout."""
    train = court.champion.train
    days = max(1, (train[DECIDED_AT].max() - train[DECIDED_AT].min()).days // baseline.BLOCKS_MAX)
    block = baseline.blocks(train, days)
    scores: list[Array] = []
    places: list[Array] = []
    names = []
    for number in sorted(block.unique()):
        inside = (block == number).to_numpy()
        place = Trial.of(shop.folder / f"block {number}", train[~inside], train[inside])
        names.append(f"{place.folder.name}/whole.npy")
        places.append(np.flatnonzero(inside))
    scores = [
        np.load(path) for path in shop.each("models that had not seen a block of days", luck.fit_whole, names)
    ]
    folds = np.concatenate(scores)[np.argsort(np.concatenate(places))]
    rows = pd.concat([train, court.champion.holdout], ignore_index=True)
    return rows.join(score_columns.columns(np.concatenate([folds, own]), rows.index))


def _slower(court: Court, shop: Workshop) -> list[float]:
    """Ratios of the model's own median latency in one half of the blocks to that in the other."""

    def measured(folder: Path, name: str) -> None:
        model = court.champion.model
        one, other = map(np.median, courts.seconds([model, model], court.champion.holdout, BLOCKS))
        files.write_json(folder / name, float(max(one / other, other / one)))

    here = replace(shop, pool=None)  # one after the other: beside each other they would measure each other
    names = [f"latency-{number}.json" for number in range(REPEATS)]
    found = here.each("latency of the model beside itself", measured, names)
    return [json.loads(path.read_text()) for path in found]


def _keep(path: Path, scores: Array) -> None:
    with files.replacing(path) as draft, draft.open("wb") as stream:
        np.save(stream, scores)


def _key(court: Court) -> str:
    """What the measurements rest on: rows, code of the problem, and how models are fitted and resampled."""
    policy, values = court.policy, load(PARAMS)
    rest = {
        "rows": [files.md5(TRAIN), files.md5(HOLDOUT)],
        "code": [files.md5(path) for path in sorted(Path("src/problem").rglob("*.py"))],
        "params": [values["train"], values["evaluate"]],
        "judged by": [policy.primary.metric, sorted(policy.guards), policy.slices.alpha],
    }
    return hashlib.sha256(json.dumps(rest, sort_keys=True, default=str).encode()).hexdigest()[:12]
