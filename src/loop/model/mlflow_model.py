"""A model as a folder that MLflow loads, serves and evaluates, made of files alone.

All comes from the commit that made the model: its file, reference rows, code and locked packages. No code of
the model's runs, so a version of any age is written without a worktree and without an environment of its own.
"""

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import numpy as np
import skops.io

from loop.base import files
from loop.model import mlflow_loader
from loop.model.mlflow_loader import ABOUT, CODE, MODEL
from loop.repo import uv_lock
from loop.repo.closure import SRC, loaded, reached

FLAVORS, PYTHON = "MLmodel", "python_env.yaml"
LOADER = "loop_mlflow_model"
ENTRY = "problem.model"
ALWAYS = ("mlflow", "numpy", "pandas", "scikit-learn", "scipy", "skops")
EXAMPLE, SERVING, ROWS = "input_example.json", "serving_input_example.json", 5
# Others are `any`: MLflow's datetime refuses instants with a zone, its boolean refuses null.
TYPES = {"str": "string", "int": "long", "float": "double"}


@dataclass(frozen=True)
class Parts:
    """What a folder is made of: the model's file, its reference rows, and its commit's code and uv.lock.

    `texts` has all files of `src` by path, `read` gives one to the byte.
    """

    model: Path
    reference: dict[str, Any]
    texts: Mapping[str, str]
    read: Callable[[str], bytes | None]
    lock: str


def write(folder: Path, parts: Parts) -> None:
    """Write the folder. Without types in the reference rows it has neither signature nor input example.

    The model's file stays as it is, to the byte; its hash must have been checked before.
    """
    trusted = sorted(skops.io.get_untrusted_types(file=parts.model))
    types = dict(parts.reference.get("types") or {})
    files.write_json(folder / ABOUT, {"types": types, "trusted_types": trusted})
    shutil.copyfile(parts.model, folder / MODEL)
    for path in sorted(code(parts.texts)):
        _put(folder / CODE / Path(path).relative_to(SRC), parts.read(path) or b"")
    _put(folder / CODE / f"{LOADER}.py", Path(mlflow_loader.__file__).read_bytes())
    _environment(folder, requirements(parts))
    made = _about(parts.reference, types) if types else {}
    if types:
        _example(folder, parts.reference, types)
    _flavors(folder, trusted, made)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def code(texts: Mapping[str, str]) -> set[str]:
    """Files of `src` that the model runs: what `problem.model` reaches, and data of the problem's own."""
    data = {path for path in texts if path.startswith(f"{SRC}/problem/") and not path.endswith(".py")}
    found = reached([ENTRY], texts.get) | data
    folders = {str(parent) for path in found for parent in Path(path).parents}
    packages = {path for path in texts if path.endswith("/__init__.py") and str(Path(path).parent) in folders}
    return found | packages


def requirements(parts: Parts) -> list[str]:
    """Packages that the code imports, and what those need, as `NAME==VERSION` of the commit's uv.lock."""
    locked = uv_lock.packages(parts.lock)
    of_module = packages_distributions()
    names = {name for path in code(parts.texts) for name in _foreign(parts.texts[path])}
    known = {uv_lock.plain(one) for name in names for one in of_module.get(name, [name])}
    waiting, found = sorted({*ALWAYS, *known} & locked.keys()), dict[str, str]()
    while waiting:
        entry = locked[waiting.pop()][0]
        found[entry["name"]] = str(entry["version"])
        if entry["name"] != "mlflow":  # whatever it needs, the model does not
            needs = entry.get("dependencies") or []
            waiting += [one["name"] for one in needs if "marker" not in one and one["name"] not in found]
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def _foreign(text: str) -> set[str]:
    """Packages that a module imports as it is loaded: what only a function imports, scoring does without."""
    tops = {name.partition(".")[0] for name in loaded(text, "problem")}
    return tops - sys.stdlib_module_names - {"loop", "problem"}


def _environment(folder: Path, needed: list[str]) -> None:
    files.write_text(folder / "requirements.txt", "\n".join(needed) + "\n")
    python = ".".join(map(str, sys.version_info[:3]))
    files.write_json(folder / PYTHON, {"python": python, "dependencies": ["-r requirements.txt"]})


def _example(folder: Path, reference: dict[str, Any], types: dict[str, str]) -> None:
    """The first reference rows, as a frame and as the body of a request."""
    columns = {
        name: [_shown(one, types[name]) for one in reference["columns"][name][:ROWS]] for name in types
    }
    table = {"columns": list(columns), "data": [list(row) for row in zip(*columns.values(), strict=True)]}
    files.write_json(folder / EXAMPLE, table)
    files.write_json(folder / SERVING, {"dataframe_split": table})


def _shown(value: Any, kind: str) -> Any:
    return f"{value}Z" if kind == "datetime" and value is not None else value


def _about(reference: dict[str, Any], types: dict[str, str]) -> dict[str, Any]:
    """What `MLmodel` says of rows and scores: the signature, and where the input example lies."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec
    from mlflow.types.schema import AnyType

    inputs = [ColSpec(TYPES.get(kind) or AnyType(), name, required=True) for name, kind in types.items()]
    scores = TensorSpec(np.dtype("float64"), (-1, *np.shape(reference["scores"])[1:]))
    example = {
        "artifact_path": EXAMPLE,
        "serving_input_path": SERVING,
        "type": "dataframe",
        "pandas_orient": "split",
    }
    return {
        "signature": ModelSignature(Schema(inputs), Schema([scores])),
        "saved_input_example_info": example,
    }


def _flavors(folder: Path, trusted: list[str], about: dict[str, Any]) -> None:
    import sklearn
    from mlflow import pyfunc
    from mlflow.models import Model

    made = Model(**about)
    pyfunc.add_to_model(made, loader_module=LOADER, code=CODE, python_env=PYTHON)
    made.add_flavor(
        "sklearn",
        pickled_model=MODEL,
        sklearn_version=sklearn.__version__,
        serialization_format="skops",
        skops_trusted_types=trusted,
        code=CODE,
    )
    made.save(str(folder / FLAVORS))
