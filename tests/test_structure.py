"""The repository is what its map says: who imports whom, which stage runs what, which words are said."""

import ast
import contextlib
import importlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from docs.make import architecture

from loop.repo.closure import imports
from loop.settings import paths
from support.closure import closure

ROOT = Path(__file__).parent.parent
MODULES = sorted(ROOT.glob("src/**/*.py"))
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
LINKED = {
    "train": {"windows"},  # not read, but named in the lineage: what the model was trained on
    "validate": {"monitor"},  # read by the settings of the monitor
}
RANK = {room: place for place, rooms in enumerate(architecture.ORDER) for room in rooms}
LOOSE = set(architecture.LOOSE)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(autouse=True)
def _at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("path", [p for p in MODULES if "problem" in p.parts], ids=named)
def test_the_problem_imports_nothing_of_the_machinery_but_the_kit(path):
    names = [name for name in imports(ast.parse(path.read_text())) if name.split(".")[0] == "loop"]
    assert not [name for name in names if name.split(".")[1:2] != ["kit"]]


@pytest.mark.parametrize("path", [p for p in MODULES if "kit" in p.parts], ids=named)
def test_the_kit_imports_nothing_of_a_problem_or_of_the_machinery(path):
    tops = {".".join(name.split(".")[:2]) for name in imports(ast.parse(path.read_text()))}
    assert "problem" not in tops
    assert {top for top in tops if top.split(".")[0] == "loop"} <= {"loop.kit"}


def room(module: str) -> str:
    return module.split(".")[1]


def local(path: Path) -> set[str]:
    """Modules and rooms of `loop` that a file imports."""
    found = imports(ast.parse(path.read_text()))
    return {name for name in found if name.startswith("loop.")}


@pytest.mark.parametrize("path", [p for p in MODULES if "loop" in p.parts], ids=named)
def test_a_room_imports_only_from_rooms_to_its_left(path):
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    if parts == ("loop", "__init__"):
        return
    own = parts[1]
    others = {room(name) for name in local(path)} - {own}
    assert not {name for name in others if RANK[name] >= RANK[own]}


def test_every_room_has_its_place_and_nothing_lies_loose():
    rooms = {path.name for path in (ROOT / "src/loop").iterdir() if path.is_dir() and path.name[0] != "_"}
    loose = {path.stem for path in (ROOT / "src/loop").glob("*.py")} - {"__init__"}
    assert loose == LOOSE
    assert rooms | LOOSE == set(RANK)


def test_no_two_modules_of_the_machinery_share_a_name():
    """A traceback, an editor's tab and a search by name each point at one file."""
    names = [path.name for path in MODULES if "loop" in path.parts and path.name != "__init__.py"]
    assert not {name for name in names if names.count(name) > 1}


UNNAMED = {
    "SHARED",  # the template that others extend, for the list of what a stage runs
    "BUSINESS",  # a problem may have none: asked for by getattr
    "_load_pyfunc",  # called by MLflow, in whose model the module travels
    "of_frame",  # the way back from `to_frame`, for benchmarks and tests
}


def defined(tree: ast.Module) -> set[str]:
    """Functions, classes and constants of a module; what is decorated is called by whoever decorates."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.decorator_list:
            found.add(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in found if not name.startswith("__")}


def asked_for(tree: ast.Module) -> set[str]:
    """The names that a module reads, imports, or gives as `module:name`; not those that it only defines."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and ":" in node.value:
            found.add(node.value.rpartition(":")[2])
    return found


def test_nothing_is_defined_that_nothing_asks_for():
    """Dead code is read, moved and fixed for nothing."""
    trees = {path: ast.parse(path.read_text()) for path in MODULES}
    asked = set().union(*map(asked_for, trees.values())) | UNNAMED
    for written in (*ROOT.glob("src/loop/init/*.py"), *ROOT.glob("src/loop/init/templates/*.py.j2")):
        asked |= set(re.findall(r"\w+", written.read_text()))  # what `loop init` writes asks too
    assert not {named(path): dead for path, tree in trees.items() if (dead := defined(tree) - asked)}


def test_code_that_nothing_asks_for_is_found():
    tree = ast.parse("A = 1\nB: int = A\ndef f():\n    return g.h\ndef h(): ...\n@x\ndef d(): ...\n")
    assert defined(tree) - asked_for(tree) == {"B", "f"}


def test_tests_lie_where_the_code_lies():
    mirrored = {path.parent.name for path in MODULES if path.parent.parent == ROOT / "src/loop"}
    own = {"contract", "problem", "system", "workflows", "benchmarks", "support", "second_problem"}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name[0] != "_"}
    assert folders <= mirrored | own


@pytest.mark.parametrize("path", [p for p in MODULES if "stats" in p.parts], ids=named)
def test_statistics_touch_no_file_no_tracker_and_no_clock(path):
    forbidden = {"os", "pathlib", "time", "datetime", "mlflow", "loop.base.files", "loop.model.tracking"}
    assert not forbidden & set(imports(ast.parse(path.read_text())))


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=named)
def test_a_package_runs_nothing_when_imported(path):
    """Stages do not list __init__.py: a docstring, and functions that a person calls."""
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    run = [node for node in tree.body[1:] if not isinstance(node, ast.FunctionDef)]
    for_types = ("from typing import TYPE_CHECKING", "if TYPE_CHECKING:")
    assert not [node for node in run if not ast.unparse(node).startswith(for_types)]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lists_all_the_code_that_it_runs_and_no_other(stage):
    """Of the kit all of it, whatever a problem uses: so dvc.yaml is the same for any problem."""
    listed = {dep for dep in STAGES[stage]["deps"] if dep.startswith("src/")}
    kit = {named(path) for path in (ROOT / "src/loop/kit").glob("*.py") if path.name != "__init__.py"}
    assert listed == closure("loop.stage") | closure(f"loop.pipeline.{stage}") | kit
    assert STAGES[stage]["cmd"] == f"python3 src/loop/stage.py {stage}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_locked_environment(stage):
    assert "uv.lock" in STAGES[stage]["deps"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lists_the_params_that_it_reads(stage):
    code = [Path(dep) for dep in STAGES[stage]["deps"] if dep == f"src/loop/pipeline/{stage}.py"]
    read = set(re.findall(r"params\.section\(\s*\"(\w+)\"", code[0].read_text()))
    keys = [key for key in STAGES[stage]["params"] if isinstance(key, str)]  # of params.yaml
    assert {key.split(".")[0] for key in keys} == read | LINKED.get(stage, set())


def test_the_closure_of_a_module_finds_lazy_imports_and_templates(tmp_path):
    src = tmp_path / "src"
    (src / "c").mkdir(parents=True)
    (src / "a.py").write_text("def f():\n    import b\n    return 'page.j2'\n")
    (src / "b.py").write_text("from c import d\nEND = '.j2'\nif TYPE_CHECKING:\n    import e\n")
    (src / "c/__init__.py").write_text('"""C."""\n')
    for name in ("c/d.py", "e.py"):
        (src / name).write_text("")
    assert closure("a", tmp_path) == {"src/a.py", "src/b.py", "src/c/d.py", "src/templates/page.j2"}


def taken(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What code takes from which module of ours, in the texts that it gives to other processes too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("loop", "problem"):
            yield from ((str(node.module), name.name) for name in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "import " in node.value:
            with contextlib.suppress(SyntaxError):
                yield from taken(ast.parse(node.value))


@pytest.mark.parametrize("path", (ROOT / "benchmarks").rglob("*.py"), ids=lambda path: path.name)
def test_what_a_benchmark_takes_of_the_code_is_there(path):
    for module, name in taken(ast.parse(path.read_text())):
        if not hasattr(importlib.import_module(module), name):
            importlib.import_module(f"{module}.{name}")


def test_every_file_of_the_stages_is_named_in_paths():
    files = set()
    for stage in STAGES.values():
        for kind in ("deps", "outs", "metrics", "plots"):
            for entry in stage.get(kind, []):
                name = next(iter(entry)) if isinstance(entry, dict) else entry
                files.add(name)
    data = {name for name in files if not name.startswith("src/")}
    known = {str(value) for value in vars(paths).values() if isinstance(value, Path)}
    assert {name for name in data if name not in known} == {
        f"{paths.PLOTS}/{name}.csv" for name in ("calibration", "clusters", "scores")
    }


def test_only_the_problem_speaks_of_the_example():
    """A template has no substitution step: whatever else names the example would stay behind."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    allowed = re.compile(
        r"^(src/problem/|tests/problem/|tests/test_structure\.py|tests/system/test_init\.py|params\.yaml|docs/|README\.md|CHANGELOG\.md"
        r"|models/|reports/|dvc\.lock|uv\.lock|pyproject\.toml|benchmarks/)"
    )
    word = re.compile(r"flight|carrier|airport|airline", re.IGNORECASE)
    output = [
        name
        for name in listed
        if not allowed.match(name)
        and Path(name).is_file()
        and word.search(Path(name).read_text(errors="replace"))
    ]
    assert not output
