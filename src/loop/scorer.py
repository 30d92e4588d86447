"""`python -m loop.scorer`: the model of this checkout, asked for scores and for how fast it is.

The contract between commits: whatever runs this module reads only what it writes, so a champion
is scored by its own code in its own environment. One JSON object a line, in and out:
{"score": EXAMPLES, "to": PREDICTIONS} writes key, decided_at and score of each example
(with classes, `scores` too);
{"fit": ROWS, "on": EXAMPLES, "to": PREDICTIONS} does the same by a model fitted on ROWS instead, which is
then forgotten; {"time": EXAMPLES, "rows": N} gives the seconds of each of N single predictions.
Of version 2: {"look": EXAMPLES, "seed": N} gives what the estimator looks at, with the importance of each,
or null where it is no Pipeline; {"make": EXAMPLES, "columns": MADE, "to": TABLE} writes what it makes.
"""

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from loop.base import files
from loop.base.errors import guard
from loop.data import features, score_columns
from loop.kit.types import Array
from loop.model import estimator_inputs, lineage, model_file
from loop.settings import params
from loop.settings.paths import MODEL
from problem import model as problem_model
from problem import source

VERSION = 2  # of the questions that are understood


def score(model: Any, examples: pd.DataFrame) -> pd.DataFrame:
    """The predictions for the examples, one row each: key, decided_at, score."""
    return predictions(examples, problem_model.score(model, features.known(examples)))


def predictions(examples: pd.DataFrame, scores: Array) -> pd.DataFrame:
    """Scores of the examples as a frame of predictions."""
    keys = examples[[*source.KEY, features.DECIDED_AT]]
    return pd.concat([keys, score_columns.columns(scores, examples.index)], axis="columns")


def refit(rows: pd.DataFrame) -> Any:
    """Another model by the code and params of this checkout, fitted on `rows` with their labels."""
    from loop.pipeline import train as training

    return training.train(rows, params.section("train", training.Params))


def seconds(model: Any, examples: pd.DataFrame, rows: int) -> list[float]:
    """How long each of `rows` single predictions takes, spread evenly over the examples."""
    examples = features.known(examples)
    step = max(1, len(examples) // rows)
    singles = [examples.iloc[[at]] for at in range(0, len(examples), step)][:rows]
    found = []
    for single in singles:
        started = perf_counter()
        problem_model.score(model, single)
        found.append(perf_counter() - started)
    return found


def main() -> None:
    """Load the model that the lineage names, then answer until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # a library that prints may not break the protocol
    model = model_file.read(MODEL, lineage.load()["model"]["sha256"], problem_model.TRUSTED)
    print(json.dumps({"ready": VERSION}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if "fit" in asked:
            found = score(refit(files.read_table(Path(asked["fit"]))), files.read_table(Path(asked["on"])))
            files.write_table(Path(asked["to"]), found)
            answer: dict[str, Any] = {"rows": len(found)}
        elif "look" in asked:
            looked = estimator_inputs.looked_at(model, files.read_table(Path(asked["look"])), asked["seed"])
            answer = {"looked": vars(looked) if looked else None}
        elif "make" in asked:
            found = estimator_inputs.made(model, files.read_table(Path(asked["make"])), asked["columns"])
            files.write_table(Path(asked["to"]), found)
            answer = {"rows": len(found)}
        elif "score" in asked:
            found = score(model, files.read_table(Path(asked["score"])))
            files.write_table(Path(asked["to"]), found)
            answer = {"rows": len(found)}
        else:
            answer = {"seconds": seconds(model, files.read_table(Path(asked["time"])), asked["rows"])}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    guard(main)
