"""docs/architecture.md: every room and module with what its docstring says, in the order of imports."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = Path("docs/architecture.md")
ORDER = (  # a room imports from those in lines above it, never from its own line or below
    ("base", "kit"),
    ("settings", "stats"),
    ("engine",),
    ("data",),
    ("repo",),
    ("github", "model"),
    ("production",),
    ("setup", "init"),
    ("pipeline", "serve", "review", "deploy", "stage"),
    ("history", "monitor", "scorer"),
    ("publish", "rollout", "retrain", "calibrate", "search", "compare", "update", "forget"),
    ("release", "replay"),
    ("status",),
    ("commands",),
    ("cli",),
)
LOOSE = ("cli", "stage", "scorer")  # entry points, run by name in worktrees too
HEAD = """# Where things are

Your problem is five files in `src/problem` and `params.yaml`. All else is machinery: `src/loop` is a house
of rooms, and **a room imports from rooms above it, never from its own line or below**. A test holds that
order, and that no two modules share a name.

```
{order}
```

`cli`, `stage` and `scorer` are entry points: the command line, how DVC runs a stage, and how another commit
asks this one's model. What one commit may ask of another is `src/loop/repo/protocol.json`.

Read in this order to see a model made: `pipeline/ingest.py`, `pipeline/validate.py`, `data/contract.py`,
`pipeline/examples.py`, `data/joining.py`, `pipeline/train.py`, `model/model_file.py`, `model/lineage.py`,
`pipeline/evaluate.py`, `stats/bootstrap.py`.

`make docs` writes this page from the code.

| beside `src/loop` | |
|---|---|
| `params.yaml` | every number that you tune |
| `src/problem/` | yours: [the five files](problem.md) |
| `dvc.yaml`, `dvc.lock` | the stages: the one place that names files; what they made, by hash |
| `data/`, `models/` | in DVC's cache; card and lineage in git |
| `reports/` | metrics, plots, the report |
| `tests/` | mirrors `src`; `contract/` for any problem, `system/` with real DVC and a real browser |
| `benchmarks/` | how fast and how often wrong, beside what else |
| `bentofile.yaml`, `deploy/` | the image of production, how a version takes over, the settings of a cluster |
| `.github/` | [workflows](github.md#workflows), owners, templates of pull requests and issues |
| `docs/` | [by reader](README.md); `docs/make` writes what is made from the code |
"""


def page(src: Path = ROOT / "src/loop") -> str:
    """The whole page."""
    order = "\n".join(", ".join(rooms) for rooms in ORDER)
    parts = [HEAD.format(order=order)]
    for name in (name for rooms in ORDER for name in rooms):
        if name in LOOSE:
            parts.append(f"\n## `{name}.py`\n\n{said(src / f'{name}.py')}\n")
            continue
        room = src / name
        parts.append(f"\n## `{name}/`\n\n{said(room / '__init__.py', whole=True)}\n\n{_table(room)}")
        for inner in sorted(path.parent for path in room.glob("*/__init__.py")):
            about = said(inner / "__init__.py", whole=True)
            parts.append(f"\n### `{name}/{inner.name}/`\n\n{about}\n\n{_table(inner)}")
    return "".join(parts)


def said(path: Path, *, whole: bool = False) -> str:
    """The first sentence of a module's docstring, or all of it, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join((text if whole else text.split("\n\n")[0]).split())


def _table(room: Path) -> str:
    modules = sorted(path for path in room.glob("*.py") if path.name != "__init__.py")
    rows = (f"| `{path.name}` | {said(path).replace('|', '¦')} |" for path in modules)
    return "| module | what it does |\n|---|---|\n" + "\n".join(rows) + "\n"


def main() -> None:
    """Write the page."""
    (ROOT / PAGE).write_text(page(), encoding="utf-8")
