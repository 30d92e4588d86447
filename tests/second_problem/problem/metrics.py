"""How a model is judged: metrics, slices, subgroups, and what it must do whatever its figures are."""

from loop.kit import groups
from loop.kit.metrics import REGRESSION
from loop.kit.types import Behaviour

SCORE = "expected progression"  # what the score and the mean label are, in words
LABEL = "mean progression"
PRIMARY = "mae"
METRICS = REGRESSION
SLICE_METRICS = ("mae", "bias")
SLICES = {"clinic": groups.column("clinic")}
SUBGROUPS = SLICES
BEHAVIOURS = (
    Behaviour("the clinic does not matter", "the same", lambda visits: visits.assign(clinic="north")),
    Behaviour("a higher BMI", "not lower", lambda visits: visits.assign(bmi=visits["bmi"] + 5)),
)
GOLDEN = (("the first", ("p000",)), ("the second", ("p001",)), ("the third", ("p002",)))
