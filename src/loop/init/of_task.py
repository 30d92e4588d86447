"""What a problem's files say of its task: metrics and limits, what the score is in words, contracts."""

from dataclasses import dataclass

from loop.init.cautious import Numbers, bounds, listed
from loop.init.guessed import Guess

SHOWN_MAX = 5  # classes up to which each has metrics of its own

Guard = tuple[str, float, str]  # metric, margin, reason
OF_PROBABILITIES: tuple[Guard, ...] = (
    ("calibration_bias", 0.03, "no drift to one side; not calibrated"),
    ("calibration_error", 0.03, "scores are read as probabilities; not calibrated"),
)


@dataclass(frozen=True)
class OfTask:
    """Texts and numbers that differ by task; `score`, `label` and `raw_label` are contracts as code."""

    what: str
    use: str
    metrics: str
    primary: str
    slice_metrics: tuple[str, ...]
    score_words: str
    label_words: str
    decision: str
    score: str
    label: str
    raw_label: str
    guards: tuple[Guard, ...]
    bias: str
    golden_limit: float
    jump: tuple[str, float]


def of(found: Guess, n: Numbers) -> OfTask:
    """What is said of the task that was found."""
    return {"binary": _binary, "multiclass": _multiclass, "regression": _regression}[found.task](found, n)


def _recall(found: Guess, n: Numbers) -> float:
    """How much the mean recall may lose: more than two rows of the rarest class make it lose by luck."""
    shares = found.label.values.value_counts(normalize=True)
    rarest = max(1.0, float(shares.min()) * n.holdout_rows)
    return two(min(0.25, max(0.03, 2 / (len(shares) * rarest))))


def two(value: float) -> float:
    """To two digits that count."""
    return float(f"{value:.2g}")


def _category(found: Guess) -> str:
    if listed(found.label):
        return f"contracts.category({found.label.listed!r}, nullable=True)"
    return "contracts.text(nullable=True)"


def _binary(found: Guess, n: Numbers) -> OfTask:
    is_so = f"{found.label.name} is {found.positive}"
    return OfTask(
        what=f"how likely it is that {is_so}",
        use=f"Say how likely it is that {is_so}.",
        metrics="BINARY",
        primary="log_loss",
        slice_metrics=("log_loss", "roc_auc", "calibration_bias"),
        score_words=f"probability of {found.label.name} = {found.positive}",
        label_words=f"share of {found.label.name} = {found.positive}",
        decision="the decision is yes from this score on; null for none",
        score="contracts.probability()",
        label="contracts.yes_or_no()",
        raw_label=_category(found),
        guards=(
            ("roc_auc", 0.02, "an order that is worse helps nobody; not calibrated"),
            *OF_PROBABILITIES,
        ),
        bias="calibration_bias",
        golden_limit=0.33,
        jump=("roc_auc", 0.15),
    )


def _multiclass(found: Guess, n: Numbers) -> OfTask:
    few = len(found.classes) <= SHOWN_MAX
    return OfTask(
        what=f"which {found.label.name} it is",
        use=f"Say how likely each {found.label.name} is.",
        metrics="{**MULTICLASS, **by_class(CLASSES)}" if few else "MULTICLASS",
        primary="log_loss",
        slice_metrics=("log_loss", "accuracy"),
        score_words=f"probability of the likeliest {found.label.name}",
        label_words=f"share of rows whose {found.label.name} is the likeliest one",
        decision="the decision is the likeliest class, whatever its score",
        score="contracts.probability()",
        label="contracts.class_of(CLASSES)",
        raw_label="contracts.category(CLASSES, nullable=True)",
        guards=(
            ("mean_recall", _recall(found, n), "a class that is found less is lost; not calibrated"),
            *OF_PROBABILITIES,
        ),
        bias="calibration_bias",
        golden_limit=0.33,
        jump=("accuracy", 0.25),
    )


def _regression(found: Guess, n: Numbers) -> OfTask:
    low, high = bounds(found.label)
    span, primary = high - low, "rmse" if n.squared else "mae"
    return OfTask(
        what=f"what {found.label.name} is to be expected",
        use=f"Say what {found.label.name} is to be expected.",
        metrics="REGRESSION",
        primary=primary,
        slice_metrics=(primary, "bias"),
        score_words=f"expected {found.label.name}",
        label_words=f"mean {found.label.name}",
        decision="a number is no decision",
        score=f"contracts.number({low - span:g}, {high + span:g})",
        label=f"contracts.number({low:g}, {high:g})",
        raw_label=f"contracts.number({low:g}, {high:g}, nullable=True)",
        guards=(("bias", two(0.05 * n.spread), "no drift to one side; not calibrated"),),
        bias="bias",
        golden_limit=two(n.spread),
        jump=(primary, two(0.4 * n.guess_loss)),
    )
