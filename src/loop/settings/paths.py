"""Where the stages read and write, relative to the repository's root: the names in dvc.yaml."""

from pathlib import Path

RAW = Path("data/raw")
VALID = Path("data/valid")
EXAMPLES = Path("data/examples")
TRAIN = EXAMPLES / "train.parquet"
HOLDOUT = EXAMPLES / "holdout.parquet"
PREDICTIONS = Path("data/predictions.parquet")

MODEL = Path("models/model.skops")
LINEAGE = Path("models/lineage.json")
REFERENCE = Path("models/reference.json")
CARD = Path("models/card.md")
CARD_JSON = Path("models/card.json")

VALIDATION = Path("reports/validation.json")
METRICS = Path("reports/metrics.json")
SLICES = Path("reports/slices.json")
GOLDEN = Path("reports/golden.json")
EVALUATION = Path("reports/evaluation.html")
PLOTS = Path("reports/plots")

REVIEW = Path("review")

PARAMS = Path("params.yaml")
POLICY = Path("deploy/policy.yaml")  # how a new version takes over
BEGUN = Path("loop-version.json")  # there from the commit on that put a problem in place of the example
PIPELINE = Path("dvc.yaml")
PIPELINE_LOCK = Path("dvc.lock")
ENVIRONMENT_LOCK = Path("uv.lock")
