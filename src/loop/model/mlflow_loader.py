"""How MLflow loads a model and lets it score: this file travels with the model, as `loop_mlflow_model`.

It runs where the model's requirements are installed and this repository is not: it imports nothing of `loop`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MODEL, ABOUT, CODE = "model.skops", "loop.json", "code"


def _load_pyfunc(path: str) -> "Scorer":
    """The model in a folder that MLflow fetched. Raises ImportError where other code of its name runs."""
    import skops.io

    from problem import model as problem_model

    home = Path(path)
    about = json.loads((home / ABOUT).read_text(encoding="utf-8"))
    model = skops.io.load(home / MODEL, trusted=about["trusted_types"])
    _same_code(home / CODE)
    return Scorer(model, problem_model.score, about["types"])


class Scorer:
    """A fitted Pipeline that answers with the problem's own `score`."""

    def __init__(self, model: Any, score: Any, types: dict[str, str]) -> None:
        self.model, self._score, self._types = model, score, types

    def predict(self, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> np.ndarray:
        """The score of each row, float64: (rows,), or (rows, classes) in the problem's order."""
        frame = rows.assign(**{name: typed(rows[name], kind) for name, kind in self._types.items()})
        return np.asarray(self._score(self.model, frame), np.float64)


def typed(values: Any, kind: str) -> Any:
    """A column as the pipeline makes it: instants in UTC, texts, numbers; one that is so already stays."""
    if kind == "datetime":
        return pd.to_datetime(values, utc=True, format="ISO8601").dt.as_unit("us")
    if kind == "bool":
        return values if values.dtype == bool else values.astype("boolean")
    dtype: Any = {"str": "str", "int": "int64", "float": "float64"}[kind]
    return values.astype(dtype)


def _same_code(code: Path) -> None:
    """Raise ImportError where this process runs other code of the same name than the model brought."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        brought = code / f"{name.replace('.', '/')}.py"
        if name.partition(".")[0] not in ("problem", "loop") or not file or not brought.is_file():
            continue
        if Path(file).read_bytes() != brought.read_bytes():
            raise ImportError(
                f"`{name}` of {file} is loaded in this process, and the model was made by another one. "
                "Expected: the code that travels with it. To do: load it in a process of its own."
            )
