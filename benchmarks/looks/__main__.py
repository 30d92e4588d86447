"""Many candidates on one holdout: how often any of them passes by luck, with looks counted and without.

`python -m benchmarks.looks [PROBLEM...]` trains models alike (another seed, or another draw of the training
clusters) on the example, the second problem and an adopted one, and draws the holdout's clusters anew. In
each draw every model is a candidate, one look after the other. Gains are shifted so that in truth none is
better (or each is worse by the margin), whatever the models are worth. It writes benchmarks/looks.json, and a
table of docs/review.md.
"""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import adopted, scratch
from loop.base import files

ROOT = Path(__file__).parent.parent
RESULTS, PAGE = Path(__file__).with_suffix(".json"), ROOT / "docs/review.md"
MODELS = {"the second problem": 402, "wage.csv": 202, "the example": 60}
DRAWS, AT = 400, (1, 5, 20, 50)
COLUMNS = (
    *("problem", "looks", "any better, none is: uncounted", "counted"),
    *(
        "any let through, all are worse by the margin: uncounted",
        "counted",
        *(f"told at look {at}" for at in AT),
    ),
)
HEAD = f"| {' | '.join(COLUMNS)} |"
SCORE = """
import json, sys
from pathlib import Path
import numpy as np
from loop.calibrate import calibrate, luck
from loop.calibrate.luck import Trial
from loop.calibrate.workshop import workshop
from loop.data import features
from loop.stats import paired
from problem import metrics

if __name__ == "__main__":
    count = int(sys.argv[1])
    court = calibrate.court()
    with workshop(Path("calibration"), print) as shop:
        trial = Trial.of(Path("calibration/looks"), court.champion.train, court.champion.holdout)
        scores = trial.scores(shop, count, "models trained alike")
    metric = metrics.METRICS[court.policy.primary.metric]
    assert metric.rows and not metric.value, "the deciding metric is no mean of rows"
    holdout = court.champion.holdout
    label = holdout["label"].to_numpy(float)
    clusters = features.clusters(holdout, court.settings.cluster).factorize()[0]
    sums = [np.bincount(clusters, paired.loss(metric.better, metric.rows(label, one))) for one in scores]
    settings = court.settings
    np.savez("sums.npz", sums=np.array(sums), rows=np.bincount(clusters))
    print(json.dumps([settings.confidence, settings.replicates, court.policy.primary.margin]))
"""


def main(asked: list[str]) -> None:
    """Measure, and write the table."""
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with scratch.place() as folder:
        shipped = adopted._download(folder) if not asked or "wage.csv" in asked else {}
        for name in asked or MODELS:
            found[name] = _measured(folder / "work", name, shipped)
            files.write_json(RESULTS, found)
            print(name, json.dumps(found[name]), flush=True)
    page = PAGE.read_text(encoding="utf-8")
    table = re.escape(HEAD) + r"\n(\|.*\n)+"
    PAGE.write_text(re.sub(table, lambda _: _table(found), page), encoding="utf-8")


def _measured(folder: Path, name: str, shipped: adopted.Files) -> dict[str, Any]:
    from benchmarks.calibrated import problem

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    repo = problem(folder, name, shipped)
    adopted._said(repo, "run")
    (repo.path / "score.py").write_text(SCORE)
    told = repo.run("python", "score.py", str(MODELS[name])).stdout.splitlines()[-1]
    with np.load(repo.path / "sums.npz") as made:
        return simulated(made["sums"], made["rows"], *json.loads(told))


def simulated(
    sums: np.ndarray, rows: np.ndarray, confidence: float, replicates: int, margin: float
) -> dict[str, Any]:
    """Shares of draws in which any look passes; `sums` (models, clusters) of losses, `rows` (clusters,)."""
    from loop.stats import bootstrap, spending

    rng = np.random.default_rng(20260101)
    clusters, half = len(rows), len(sums) // 2
    kinds = [sums[:half], sums[half:]]  # by seed, and by draw: each is compared with its like
    wide = np.array([spending.times(look, clusters, confidence) for look in range(1, len(sums))])
    passed = np.zeros((DRAWS, 2, 2), dtype=bool)
    least: list[float] = []
    looks = 0
    for draw in range(DRAWS):
        world = rng.integers(0, clusters, clusters)  # days of another holdout like this one
        weight = bootstrap.weights(clusters, replicates, int(rng.integers(1 << 31)))
        gains = []
        for kind in kinds:
            rival = rng.integers(len(kind))
            gain = kind[rival] - np.delete(kind, rival, axis=0)
            gain = gain[gain.any(axis=1)]  # of a line, another seed makes the same model
            gains.append(gain - (gain.sum(axis=1) / rows.sum())[:, None] * rows)  # in truth none is better
        null = rng.permutation(np.concatenate(gains))[:, world]
        seen, of = rows[world], weight @ rows[world]
        at = null.sum(axis=1) / seen.sum()
        drawn = (null @ weight.T) / of
        low, high = np.array([bootstrap.interval(one, clusters, confidence) for one in drawn]).T
        for counted, by in enumerate((np.ones(len(at)), wide[: len(at)])):
            below, above = at + (low - at) * by, at + (high - at) * by
            passed[draw, 0, counted] = (below > 0).any()
            lost, kept = below - margin, above - margin
            passed[draw, 1, counted] = ((lost > 0) | ((lost >= -margin) & (kept <= margin))).any()
        least.extend(at - low)
        looks = max(looks, len(at))
    told = float(np.median(least))
    shares = passed.mean(axis=0)
    return {
        "looks": looks,
        "better": [float(share) for share in shares[0]],
        "let_through": [float(share) for share in shares[1]],
        "told": [told * float(wide[look - 1]) for look in AT],
        "margin": margin,
    }


def _table(found: dict[str, Any]) -> str:
    lines = [HEAD, "|---" * len(COLUMNS) + "|"]
    for name, one in found.items():
        shares = [f"{share:.1%}" for share in (*one["better"], *one["let_through"])]
        cells = (name, str(one["looks"]), *shares, *(f"{value:.2g}" for value in one["told"]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
