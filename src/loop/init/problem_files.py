"""The five files, params.yaml and the tests of a problem, as text: what was guessed, for people to edit."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loop.base.template import fill
from loop.init import cautious, of_task, search_space
from loop.init.cautious import Numbers, bounds, decided_at, listed, truth
from loop.init.column_kinds import FEW, Column
from loop.init.given_model import Taken
from loop.init.guessed import Guess
from loop.init.of_task import two
from loop.init.template_parts import STEPS
from loop.init.which_time import unit
from loop.kit import groups

FOLDER = Path("data/source")
LEAK = 0.97  # pairs that one column may put in order, until one does better from the first on
STRONG = 0.5  # rank correlation with the label from which on a direction is expected
SOMEBODY = "somebody"  # in place of a person: the file is in git, and shown by every server
THIRDS = ("1 low", "2 middle", "3 high")
SUBGROUPS, LUCK = (
    3,
    3,
)  # cuts that are compared; standard errors that the largest of their gaps may have by luck
SLICES, GOLDEN = 4, 4  # columns that cut the examples; numbers of which the extremes are golden requests
ISO = "%Y-%m-%dT%H:%MZ"


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
    about = f"YOURS: {called.title}, in five small files. Imports `loop.kit` and nothing else of `loop`."
    return {
        "src/problem/__init__.py": f'"""{about}"""\n',
        "src/problem/source.py": fill("loop.init", "source.py.j2", **shared, **_source(found, place)),
        "src/problem/schema.py": fill("loop.init", "schema.py.j2", **shared, **_schema(found, n)),
        "src/problem/features.py": fill("loop.init", "features.py.j2"),
        "src/problem/metrics.py": fill("loop.init", "metrics.py.j2", **shared, **_metrics(found, n)),
        **_model_files(found, n, given, shared),
        "params.yaml": fill(
            "loop.init",
            "params.yaml.j2",
            space=search_space.around(n.model),
            **shared,
            **_params(found, n, called),
        ),
        "tests/problem/test_bad_data.py": fill("loop.init", "test_bad_data.py.j2", **shared, **_tests(found)),
    }


def tells_much(found: Guess, n: Numbers) -> str:
    """What is to be looked at where one column, or two together, tell most of the label; else nothing."""
    if n.order <= LEAK or any(n.alone in one for one in found.suspected):
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


def _source(found: Guess, place: Path | None) -> dict[str, Any]:
    kinds: dict[str, str] = {"row": "whole"} if found.row else {}
    kinds |= {name: found.columns[name].kind for name in found.sent if name != "row" or not found.row}
    if found.time:
        kinds["decided_at"] = "instant"
    if found.known:
        kinds["label_known_at"] = "instant"
    if found.weight:
        kinds[found.weight] = "number"
    kinds[found.label.name] = "number" if found.task == "regression" else "text"
    in_file = {"decided_at": found.time.name if found.time else "", "label_known_at": found.known or ""}
    plain = {name: in_file.get(name) or name for name in kinds}
    written = {name: found.data.names.get(one, one) for name, one in plain.items()}
    shown = [found.columns[one] for one in plain.values() if one in found.columns]
    forms = {name: found.columns[one].dates for name, one in plain.items() if one in found.columns}
    numbers = {name: found.columns[one].form for name, one in plain.items() if one in found.columns}
    if found.time:
        forms["decided_at"] = found.time.dates
    joined = {name: list(found.data.joined[one]) for name, one in plain.items() if one in found.data.joined}
    dialect: dict[str, Any] = {
        "names": {
            name: header
            for name, header in written.items()
            if name not in (header, "row") and name not in joined
        },
        "joined": joined,
        "delimiter": found.data.delimiter if found.data.texts and found.data.delimiter != "," else None,
        "decimal": "," if any(one.decimal == "," for one in shown) else None,
        "encoding": found.data.encoding if found.data.texts and found.data.encoding != "utf-8-sig" else None,
        "dates": {name: form for name, form in forms.items() if form != "ISO8601"},
        "forms": {name: form for name, form in numbers.items() if form and kinds[name] == "number"},
        "zone": found.zone if found.time and not found.time.zoned and found.zone != "UTC" else None,
        "row": "row" if found.row else None,
    }
    if "row" in kinds and not found.row:
        dialect["names"] |= {"row": written["row"]} if written["row"] != "row" else {}
    seconds = found.after.total_seconds()
    return {
        "file": found.data.path.name,
        "pattern": f"{place}/*" if place and found.data.path.is_dir() else str(place),
        "query": found.data.query,
        "kinds": kinds,
        "dialect": {name: value for name, value in dialect.items() if value},
        "key": list(found.key),
        "group": [found.group] if found.group and not found.time else None,
        "after": str(found.after) if seconds > 1 and not found.known else None,
        "known_in_words": f"at `{found.known}`" if found.known else f"{_long(found.after)} later",
        "positive": found.positive,
        "zone": found.zone,
        "zoned": found.time.zoned if found.time else True,
        "left_out": found.left_out,
    }


def _long(after: pd.Timedelta) -> str:
    days, hours = after.days, after.seconds / 3600
    return f"{days} day{'s' if days != 1 else ''}" if days else f"{hours:g} hour{'s' if hours != 1 else ''}"


def _schema(found: Guess, n: Numbers) -> dict[str, Any]:
    request = (
        {"row": 'contracts.number(0, 1e15, whole=True, about="the number of the request")'}
        if found.row
        else {}
    )
    for name in found.sent:
        if name not in request:
            only_names = name in found.key or (name == found.group and name not in found.inputs)
            request[name] = _contract(found.columns[name], only_names)
    return {
        "request": request,
        "example": _example(found),
        "final_after_days": n.final_after_days,
    }


def _contract(one: Column, of_key: bool) -> str:
    nullable = ", nullable=True" if one.missing else ""
    hashed = ', personal="hash"' if of_key and one.personal else ""
    if one.kind == "flag":
        return "contracts.flag()"
    if one.kind in ("number", "whole"):
        low, high = (0, 1e15) if of_key else bounds(one)
        whole = ", whole=True" if one.kind == "whole" else ""
        return f"contracts.number({low:g}, {high:g}{whole}{nullable})"
    if of_key or not listed(one):
        return f"contracts.text({(nullable + hashed).lstrip(', ')})"
    return f"contracts.category({one.listed!r}{nullable})"


def _example(found: Guess) -> dict[str, str]:
    last = int(decided_at(found).argmax())
    values: dict[str, Any] = {"row": len(found.data.frame)} if found.row else {}
    for name in found.sent:
        if name not in values:
            values[name] = _plain(found.columns[name].values.iloc[last])
            if _personal(found, name):
                values[name] = SOMEBODY
    values["decided_at"] = f"{decided_at(found).iloc[last]:%Y-%m-%dT%H:%M:%SZ}"
    return {name: repr(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """A value of a column as Python's own."""
    if value is None or value is pd.NaT or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


@dataclass(frozen=True)
class Cut:
    """A way to cut examples, as code and as what the code does."""

    code: str
    parts: Callable[[pd.DataFrame], pd.Series]


def _cuts(found: Guess) -> dict[str, Cut]:
    """Ways to cut the examples: texts and flags that have few values, then numbers by thirds."""
    inputs = [found.columns[name] for name in found.inputs]
    few = [one for one in inputs if one.kind in ("text", "flag") and 2 <= one.distinct <= 20]
    cuts = {one.name: _by_column(one.name) for one in few[:SLICES]}
    for one in inputs:
        if len(cuts) >= SLICES:
            break
        if one.kind in ("number", "whole") and one.distinct > 10:
            low, high = (float(f"{edge:.3g}") for edge in one.values.quantile([1 / 3, 2 / 3]))
            least, most = bounds(one)
            if least - 1 < low < high < most + 1:
                edges = tuple(float(f"{edge:g}") for edge in (least - 1, low, high, most + 1))
                code = (
                    f"groups.ranges({one.name!r}, ({', '.join(f'{edge:g}' for edge in edges)}), {THIRDS!r})"
                )
                cuts[one.name] = Cut(code, groups.ranges(one.name, edges, THIRDS))
        elif one.kind in ("number", "whole") and one.distinct > 1:
            cuts[one.name] = _by_column(one.name)
    return cuts


def _by_column(name: str) -> Cut:
    return Cut(f"groups.column({name!r})", groups.column(name))


def _by_time(found: Guess) -> dict[str, str]:
    if not found.time:
        return {}
    zone = f", {found.zone!r}" if found.zone != "UTC" else ""
    cuts = {}
    if unit(found.time) <= pd.Timedelta(hours=1):
        cuts["hour of day"] = f'groups.hours("decided_at", (0, 6, 12, 18, 24){zone})'
    if unit(found.time) <= pd.Timedelta(days=1):
        cuts["weekday"] = f'groups.weekday("decided_at"{zone})'
    return cuts


def _metrics(found: Guess, n: Numbers) -> dict[str, Any]:
    cuts = {name: cut.code for name, cut in _cuts(found).items()}
    time = _by_time(found)
    by_class = {found.label.name: "groups.classes(CLASSES)"} if found.classes else {}
    cut = {**cuts, **time} or _ROWS_BY_NUMBER
    return {
        "slices": {**by_class, **cut},
        "subgroups": list(cuts)[:SUBGROUPS] or list(cut),
        "behaviours": _behaviours(found),
        "golden": _golden(found, n),
    }


_ROWS_BY_NUMBER = {"all": 'lambda rows: rows["decided_at"].dt.strftime("%Y")'}


def _behaviours(found: Guess) -> list[str]:
    made = []
    if found.row:
        change = 'lambda rows: rows.assign(row=rows["row"] + 1)'
        made.append(f'Behaviour("the number of the request does not matter", "the same", {change})')
    else:
        name = found.key[0]
        other = {"text": '"x"', "whole": "1"}.get(found.columns[name].kind)
        if other:
            change = f"lambda rows: rows.assign({name}=rows[{name!r}] + {other})"
            made.append(f'Behaviour({f"what {name} is called does not matter"!r}, "the same", {change})')
    if strongest := direction(found):
        one, way = strongest
        low, high = one.values.quantile([0.25, 0.75])
        step = float(f"{(high - low) or 1:.2g}")
        change = f"lambda rows: rows.assign({one.name}=rows[{one.name!r}] + {step:g})"
        made.append(f'Behaviour("more {one.name}", "not {"lower" if way > 0 else "higher"}", {change})')
    return made


def direction(found: Guess) -> tuple[Column, float] | None:
    """The number that goes with the label most, and how much, where that is much."""
    if found.classes:
        return None
    label = truth(found)
    best: tuple[Column, float] | None = None
    for name in found.inputs:
        one = found.columns[name]
        if one.kind == "number" and one.distinct > 10:
            both = pd.DataFrame({"x": one.values, "y": label}).dropna().rank()
            with np.errstate(invalid="ignore"):
                rho = float(np.corrcoef(both["x"], both["y"])[0, 1]) if len(both) > 2 else 0.0
            if abs(rho) >= STRONG and (best is None or abs(rho) > abs(best[1])):
                best = (one, rho)
    return best


def _golden(found: Guess, n: Numbers) -> list[tuple[str, str]]:
    """Requests of the training window: the least and the most of some numbers, and ordinary ones."""
    decided = decided_at(found)
    known = found.columns[found.known].values if found.known else decided + found.after
    rows = np.flatnonzero(((known <= n.split) & (decided < n.split) & truth(found).notna()).to_numpy())
    chosen: dict[int, str] = {}
    if not found.time:  # which rows train is known only by the hash of their key
        rows = np.flatnonzero(truth(found).notna().to_numpy())
    for name in [one for one in found.inputs if found.columns[one].kind in ("number", "whole")][:GOLDEN]:
        values = found.columns[name].values.iloc[rows].dropna()
        if len(values):
            at = values.index.to_numpy()
            chosen.setdefault(int(at[values.argmin()]), f"the least {name}")
            chosen.setdefault(int(at[values.argmax()]), f"the most {name}")
    for row in rows[:: max(1, len(rows) // 5)][:5]:
        chosen.setdefault(int(row), "an ordinary one")
    named = [(why, _key(found, row)) for row, why in chosen.items()]
    return [(why, key) for why, key in named if key != "{}"]


def _key(found: Guess, at: int) -> str:
    """What names a row: the values of KEY, or of other columns where one of these is personal."""
    values = [at] if found.row else [_plain(found.columns[name].values.iloc[at]) for name in found.key]
    if any(_personal(found, name) for name in found.key):
        return repr(_named_by_others(found, at))
    return f"({', '.join(map(repr, values))},)" if len(values) == 1 else f"({', '.join(map(repr, values))})"


def _named_by_others(found: Guess, at: int) -> dict[str, Any]:
    """Values of a row that no other has, of as few columns as do, none of them personal; else none."""
    same = np.ones(len(found.data.frame), dtype=bool)
    named: dict[str, Any] = {}
    for name in dict.fromkeys([*found.key, *found.inputs]):
        values = found.columns[name].values
        value = _plain(values.iloc[at])
        if same.sum() > 1 and value is not None and not _personal(found, name):
            named[name] = value
            same &= values.eq(values.iloc[at]).to_numpy(dtype=bool, na_value=False)
    return named if same.sum() == 1 else {}


def _personal(found: Guess, name: str) -> bool:
    return name in found.columns and found.columns[name].personal


def _model_files(found: Guess, n: Numbers, given: Taken | None, shared: dict[str, Any]) -> dict[str, str]:
    """The model, and the steps of one's own where a given one has such."""
    if given is None:
        return {"src/problem/model.py": fill("loop.init", "model.py.j2", **shared, **_model(found, n))}
    scorer = {"binary": "probability", "regression": "expected"}.get(found.task)
    model = fill(
        "loop.init",
        "given_model.py.j2",
        given=given,
        scorer=scorer,
        classes=list(found.classes),
    )
    return {"src/problem/model.py": model, **({STEPS: given.steps} if given.steps else {})}


def _model(found: Guess, n: Numbers) -> dict[str, Any]:
    inputs = [found.columns[name] for name in found.inputs]
    texts = [one for one in inputs if one.kind == "text"]
    return {
        "params": "Linear" if n.linear else "Boosted",
        "builder": "linear" if n.linear else "boosted",
        "scorer": {"binary": "probability", "regression": "expected"}.get(found.task),
        "categories": [one.name for one in texts],
        "flags": [one.name for one in inputs if one.kind == "flag"],
        "numbers": [one.name for one in inputs if one.kind in ("number", "whole")],
        "trusted": "LINEAR_TRUSTED" if n.linear else "BOOSTED_TRUSTED",
        "parts": _parts(found, n),
        "many": not n.linear and any(one.distinct > 250 for one in texts),
        "kind": found.task,
        "zone": found.zone,
    }


def _parts(found: Guess, n: Numbers) -> str:
    """What of the clock a model may use: only what the training window holds more than once."""
    if not found.time:
        return ""
    span, step = n.split - n.since, unit(found.time)
    parts = []
    if step <= pd.Timedelta(hours=1) and span > pd.Timedelta(days=3):
        parts.append("hour")
    if step <= pd.Timedelta(days=1) and span > pd.Timedelta(days=21):
        parts.append("weekday")
    if step <= pd.Timedelta(days=31) and span > pd.Timedelta(days=550):
        parts.append("month")
    return str(parts).replace("'", '"') if parts else ""


def _params(found: Guess, n: Numbers, called: Names) -> dict[str, Any]:
    strongest = direction(found)
    reasons = {
        "day": "rows of one day resemble each other: days are resampled",
        "week": "rows of one week resemble each other: weeks are resampled; a column is called `day`",
        "hour": "rows of one hour resemble each other: hours are resampled",
        "part": "of a hundred parts, by the hash of the key: nothing says which rows resemble each other",
    }
    return {
        "n": n,
        "since": f"{n.since:{ISO}}",
        "split": f"{n.split:{ISO}}",
        "until": f"{n.until:{ISO}}",
        "as_of": f"{n.as_of:{ISO}}",
        "decided_from": f"{n.since - pd.Timedelta(days=366):{ISO}}",
        "rows_min": max(cautious.HOLDOUT_MIN, min(1000, n.holdout_rows // 2)),
        "cluster_reason": reasons.get(
            n.cluster, f"rows of one {n.cluster} resemble each other: it is resampled"
        ),
        "group": found.group,
        "slice_rows_min": max(5, min(20, n.holdout_rows // 5), min(100, n.holdout_rows // 20)),
        "holdout_rows_min": max(cautious.HOLDOUT_MIN, n.holdout_rows // 2),
        "slice_margin": two(5 * n.margin),
        "minimum": float(f"{n.naive_loss:.4g}"),
        "golden_min": 3,
        **_leak(n),
        "invariance": any('"the same"' in one for one in _behaviours(found)),
        "direction": f"{strongest[0].name} and the label have a rank correlation of {strongest[1]:+.2f}"
        if strongest
        else "",
        "fairness": _fairness(found, n),
        "name": called.title,
    }


def _fairness(found: Guess, n: Numbers) -> dict[str, Any] | None:
    """The gap that subgroups may have; None where no two have rows enough to tell one from luck."""
    least = max(30, n.holdout_rows // 20)
    columns = {name: found.columns[name].values for name in found.inputs}
    judged = pd.DataFrame(columns, index=truth(found).index)[
        ((decided_at(found) >= n.split) & truth(found).notna()).to_numpy()
    ]
    sizes = [cut.parts(judged).value_counts() for cut in list(_cuts(found).values())[:SUBGROUPS]]
    if not any((size >= least).sum() > 1 for size in sizes):
        return None
    luck = LUCK * (2 / least) ** 0.5
    half = "no group may be served worse by half of the label's spread"
    by_luck = f"more than luck does between two groups of {least} rows"
    return {
        "rows": least,
        "limit": two(max(0.5, luck) * n.spread),
        "reason": half if luck <= 0.5 else by_luck,
    }


def _leak(n: Numbers) -> dict[str, Any]:
    """The limit of what one column may tell; above what the best does, which its finder was told of."""
    if n.order <= LEAK:
        reason = "share of pairs put in order; a column that does better alone knows the answer"
        return {"leak_limit": LEAK, "leak_reason": reason}
    reason = f"{n.alone} alone puts {n.order:.1%} of pairs in order; half of the rest, if that is no leak"
    return {"leak_limit": round((1 + n.order) / 2, 3), "leak_reason": reason}


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
