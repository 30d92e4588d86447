"""How a model is judged: metrics, slices, subgroups, and what it must do whatever its figures are."""

import pandas as pd

from loop.kit import groups
from loop.kit.metrics import REGRESSION
from loop.kit.types import Behaviour, Kpi
from problem.source import outcomes

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
KPI = Kpi("visits in three weeks", "visits", "lower", outcomes, final_after=pd.Timedelta(days=21))
GOLDEN = (  # by what names no person
    ("the first", {"day": "2020-01-01", "clinic": "east", "age": 59.0}),
    ("the second", {"day": "2020-01-01", "clinic": "north", "age": 48.0}),
    ("the third", {"day": "2020-01-01", "clinic": "west", "age": 72.0}),
)
