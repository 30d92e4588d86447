"""The five files, params.yaml and the tests of a problem, as text: what was guessed, for people to edit."""

import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loop.base.template import fill
from loop.init import (
    cautious,
    fill_metrics,
    fill_model,
    fill_params,
    fill_schema,
    fill_source,
    of_task,
    search_space,
)
from loop.init.cautious import Numbers, bounds, listed
from loop.init.column_kinds import FEW
from loop.init.given_model import Taken
from loop.init.guessed import Guess
from loop.init.template_parts import STEPS

FOLDER = Path("data/source")
MODEL = "src/problem/model.py"


@dataclass(frozen=True)
class Names:
    """How the problem is called: in code, and by people."""

    table: str
    title: str


def names(found: Guess, given: str | None) -> Names:
    """The table and the title, by the file unless a name is given."""
    stem = found.data.path.stem if found.data.path.suffix else found.data.path.name
    words = (given or stem).replace("_", " ").replace("-", " ").strip() or "rows"
    letters = (
        one for one in unicodedata.normalize("NFKD", stem.casefold()) if not unicodedata.combining(one)
    )
    plain = "".join(one if one.isascii() and one.isalnum() else "_" for one in letters).strip("_")
    table = plain if plain and not plain[0].isdigit() else f"rows_{plain}".rstrip("_")
    return Names(table, words[0].upper() + words[1:])


def write(
    found: Guess,
    called: Names,
    place: Path | None,
    given: Taken | None = None,
    n: Numbers | None = None,
) -> dict[str, str]:
    """The text of each file by its path; `place` is where files lie, `given` a model that there is."""
    n = n or cautious.numbers(found)
    task = of_task.of(found, n)
    n = replace(n, model=given.params) if given else n
    shared = {
        "task": task,
        "classes": list(found.classes),
        "table": called.table,
        "label": found.label.name,
        "weight": found.weight,
        "time": found.time.name if found.time else None,
    }

    def text(template: str, **values: Any) -> str:
        return fill("loop.init", template, **shared, **values)

    about = f"YOURS: {called.title}, in five small files. Imports `loop.kit` and nothing else of `loop`."
    params = fill_params.values(found, n, called.title)
    return {
        "src/problem/__init__.py": f'"""{about}"""\n',
        "src/problem/source.py": text("source.py.j2", **fill_source.values(found, place)),
        "src/problem/schema.py": text("schema.py.j2", **fill_schema.values(found, n)),
        "src/problem/features.py": text("features.py.j2"),
        "src/problem/metrics.py": text("metrics.py.j2", **fill_metrics.values(found, n)),
        **(_given(found, given) if given else {MODEL: text("model.py.j2", **fill_model.values(found, n))}),
        "params.yaml": text("params.yaml.j2", space=search_space.around(n.model), **params),
        "tests/problem/test_bad_data.py": text("test_bad_data.py.j2", **_tests(found)),
    }


def tells_much(found: Guess, n: Numbers) -> str:
    """What is to be looked at where one column, or two together, tell most of the label; else nothing."""
    if n.order <= fill_params.LEAK or any(n.alone in one for one in found.suspected):
        return ""
    return f"{n.alone}: alone it puts {n.order:.1%} of pairs of rows in order: is it known before the label?"


def readme(found: Guess, called: Names, n: Numbers) -> str:
    """The first page of the repository, of this problem alone."""
    return fill(
        "loop.init",
        "readme.md.j2",
        title=called.title,
        what=of_task.of(found, n).what,
        file=found.data.path.name,
        time=found.time.name if found.time else None,
        inputs=len(found.inputs),
    )


def _given(found: Guess, given: Taken) -> dict[str, str]:
    """A model that there is, and the steps of one's own where it has such."""
    scorer = {"binary": "probability", "regression": "expected"}.get(found.task)
    classes = list(found.classes)
    model = fill("loop.init", "given_model.py.j2", given=given, scorer=scorer, classes=classes)
    return {MODEL: model, **({STEPS: given.steps} if given.steps else {})}


def _tests(found: Guess) -> dict[str, Any]:
    inputs = [found.columns[name] for name in found.inputs]
    number = next((one for one in inputs if one.kind in ("number", "whole")), None)
    text = next((one for one in inputs if listed(one) and one.distinct <= FEW), None)
    return {
        "number": number.name if number else None,
        "beyond": f"{bounds(number)[1] * 2 + 1:g}" if number else None,
        "whole": number.kind == "whole" if number else False,
        "category": text.name if text else None,
    }
