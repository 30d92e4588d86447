"""run: the whole pipeline by DVC, then in a few lines what was trained and how good it is."""

import hashlib
import io
import logging
import os
import sys
from contextlib import redirect_stdout, suppress
from difflib import get_close_matches
from getpass import getuser
from importlib import import_module
from pathlib import Path
from typing import Any

from loop.base import environment, json_text, program
from loop.base.errors import LoopError, UsageError
from loop.repo import dvc_files, dvc_lock, dvc_yaml
from loop.settings.minimum import reaches
from loop.settings.paths import (
    CARD,
    CARD_JSON,
    ENVIRONMENT_LOCK,
    EVALUATION,
    LINEAGE,
    PARAMS,
    PIPELINE,
    PIPELINE_LOCK,
)
from loop.settings.yaml_file import both_sides, load

MODELS = {  # section -> what parses it; slow to import, so only for what changed
    "windows": "loop.settings.params:Windows",
    "validate": "loop.data.raw:Params",
    "examples": "loop.pipeline.examples:Params",
    "engine": "loop.settings.engine_settings:Engine",
    "train": "loop.pipeline.train:Params",
    "evaluate": "loop.pipeline.evaluate:Params",
    "review": "loop.settings.review_policy:Policy",
    "serve": "loop.settings.serve_settings:Params",
    "monitor": "loop.settings.monitor_settings:Settings",
    "search": "loop.settings.search_settings:Settings",
    "card": "loop.pipeline.model_card:Params",
}
MAY_LACK = {"engine", "search"}  # DuckDB without the one; a copy that never searches lacks the other
CODE = Path("src")
CHECKED = Path(".dvc/tmp/params-checked")  # what was accepted last, with the code that accepted it


def check_params() -> None:
    """Refuse a params.yaml that a stage would refuse, and a problem that lacks a part, before anything runs.

    The same file is not checked twice by the same code.
    """
    state = _state()
    if CHECKED.is_file() and CHECKED.read_text(encoding="utf-8") == state:
        return
    values = load(PARAMS)
    if ENVIRONMENT_LOCK.is_file() and (
        conflict := both_sides(ENVIRONMENT_LOCK.read_bytes(), ENVIRONMENT_LOCK)
    ):
        raise conflict  # a stage reads its hash alone, and would record it
    _all_there(values)
    _problem()
    accepted = _accepted()
    for name, place in MODELS.items():
        if name in values and (name not in accepted or accepted[name] != values[name]):
            _parse(name, values[name], place)
    with suppress(OSError):  # a folder that cannot be written: then it is checked again
        CHECKED.parent.mkdir(parents=True, exist_ok=True)
        CHECKED.write_text(state, encoding="utf-8")


def _problem() -> None:
    """Raise LoopError for a part that src/problem lacks."""
    from loop.pipeline import problem_parts

    problem_parts.check()


def _state() -> str:
    """A hash of params.yaml, of all code, and of the locked environment."""
    found = hashlib.sha256()
    for path in (PARAMS, ENVIRONMENT_LOCK, *sorted(CODE.rglob("*.py"))):
        if path.is_file():
            found.update(f"{path}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def _all_there(values: dict[str, Any]) -> None:
    """Raise LoopError for a section that nothing reads, or that is missing."""
    from loop.settings import renamed

    renamed.refuse(values, PARAMS)
    for name in values:
        if name not in MODELS:
            near = get_close_matches(str(name), MODELS, n=1)
            seen = repr(str(name))[1:-1]  # with unseen signs as codes
            raise LoopError(
                f"{PARAMS}: `{seen}` is not a section" + (f"; did you mean `{near[0]}`?" if near else ""),
                f"the sections {', '.join(MODELS)}",
                f"fix {PARAMS} and run again",
            )
    needed = [name for name in MODELS if name not in MAY_LACK]
    if missing := [f"`{name}`" for name in needed if name not in values]:
        raise LoopError(
            f"{PARAMS}: section {', '.join(missing)} is missing",
            f"the sections {', '.join(needed)}",
            f"add it in {PARAMS}, as it is on main",
        )

    for key in _of_stages():
        if _lacks(values, key.split(".")):
            raise LoopError(
                f"{PARAMS}: `{key}` is missing",
                f"every key that a stage of {PIPELINE} names",
                f"add it in {PARAMS}, as it is on main",
            )


def _of_stages() -> list[str]:
    """Keys within sections that stages name."""
    stages = dvc_yaml.of()
    return [key for stage in stages for key in stage.params if isinstance(key, str) and "." in key]


def _lacks(values: Any, key: list[str]) -> bool:
    for part in key:
        if not isinstance(values, dict) or part not in values:
            return True
        values = values[part]
    return False


def _accepted() -> dict[str, Any]:
    """Section -> value, as the stages last took them; empty without a dvc.lock."""
    stages = dvc_lock.of_tree().get("stages", {})
    return {
        name: value
        for stage in stages.values()
        for name, value in stage.get("params", {}).get(str(PARAMS), {}).items()
        if "." not in name  # a part of a section that another stage has whole
    }


def _parse(name: str, value: Any, place: str) -> None:
    from loop.settings import params

    module, _, model = place.partition(":")
    params.parse(name, value, getattr(import_module(module), model))


def _engine() -> None:
    """Raise LoopError where params.yaml asks for Spark, and this machine cannot start it."""
    if load(PARAMS).get("engine", "duckdb") != "duckdb":
        from loop.engine import session

        session.require()


def _in_git() -> None:
    """Raise LoopError in a folder that was downloaded, not cloned: the records name commits."""
    here = Path.cwd()
    if not any((folder / ".git").exists() for folder in (here, *here.parents)):
        raise LoopError(
            f"{here} is in no git repository",
            "a clone",
            "`git clone` it; of a copy by hand `git init`, and commit all",
        )


def _may_write() -> None:
    """Raise LoopError where DVC can keep no lock, cache or output, as in a clone where root ran once."""
    stages = dvc_yaml.of()
    outs = [Path(out) for stage in stages for out in (*stage.outs, *stage.in_git)]
    folders = {out if out.is_dir() else out.parent for out in outs}
    places = (Path(".dvc/tmp"), Path(".dvc/cache"), Path(".dvc"), Path(), PIPELINE_LOCK, *sorted(folders))
    how = {place: os.W_OK | (os.X_OK if place.is_dir() else 0) for place in places if place.exists()}
    if shut := [place for place in how if not os.access(place, how[place])]:
        raise LoopError(
            f"{shut[0].absolute()} cannot be written by {getuser()}",
            "a clone of one's own: DVC keeps its locks and its cache there",
            "`git clone` it into a folder of yours; what root made, `sudo chown -R $(id -u) .` gives back",
        )


def run(arguments: list[str]) -> int:
    """`dvc repro` with these arguments, then the summary; the exit code is DVC's, 1 on failure."""
    dvc_files.check()
    check_arguments(arguments)
    dvc_lock.of_tree()
    if os.path.lexists(PIPELINE):
        dvc_yaml.of()  # what DVC says of a slip has no to-do
    check_params()
    _in_git()
    _may_write()
    _engine()
    tools = str(Path(sys.executable).parent)  # so that a stage's `python` is this one
    path = os.pathsep.join([tools, os.environ.get("PATH", "")])
    command = [f"{tools}/dvc", "repro", *arguments]
    code = program.follow(command, _passed_on, env=environment.child(PATH=path), errors=None)
    if code == 0:
        print(_told())
    return 1 if code else 0


def _told() -> str:
    """The summary of the model that is here; where only some stages ran, that it was not judged yet."""
    made, card = _written(LINEAGE), _written(CARD_JSON)
    if made is None:
        return "no model was trained yet: `loop run` runs all stages"
    if card is None or card["model"]["sha256"] != made["model"]["sha256"]:
        sha256 = made["model"]["sha256"][:12]
        return f"the model {sha256} was not judged yet: `loop run` runs the stages that are left"
    return summary(card)


def _written(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = json_text.parse(path.read_text(encoding="utf-8"))
        found["model"]["sha256"]
    except (ValueError, KeyError, TypeError):
        raise LoopError(
            f"{path} is not what a stage writes",
            "its results",
            f"`git checkout {path}`, or `loop run --force`",
        ) from None
    return found


def check_arguments(arguments: list[str]) -> None:
    """Raise UsageError for options that `dvc repro` has not, and for stages that dvc.yaml has not."""
    if not arguments:
        return
    from dvc.cli import DvcParserError, parser

    logging.getLogger(parser.__name__).disabled = True  # what it would say, we do
    stages = [stage.name for stage in dvc_yaml.of()]
    try:
        with redirect_stdout(io.StringIO()):
            asked = parser.get_main_parser().parse_args(["repro", *arguments])
        wrong = [name for name in asked.targets if name.isalpha() and name not in stages]
    except DvcParserError:
        wrong = arguments
    if wrong and not Path(wrong[0]).exists():
        found = f"loop run: {' '.join(wrong)} is no option and no stage"
        known = f"options of `dvc repro`, or of the stages {', '.join(stages)}"
        raise UsageError(found, known, "`dvc repro --help` says more")


def _passed_on(line: str) -> None:
    """Show a line of DVC's, but for its advice: where results go is said in the docs."""
    if not line.startswith("Use `dvc push`"):
        print(line, end="", flush=True)


def summary(card: dict[str, Any]) -> str:
    """What a person wants to know when the pipeline is done; `card` is models/card.json."""
    from loop.base.template import fill

    found, required = card["metrics"], load(PARAMS)["review"]["minimum_requirements"]
    limits = [(found[name], worst["limit"]) for name, worst in required.items()]
    return fill(
        "loop.pipeline",
        "summary.txt.j2",
        card=card,
        wide=max([18, *(len(one["title"]) for one in found.values())]),
        missed=[(one, limit) for one, limit in limits if not reaches(one["value"], one["better"], limit)],
        report=EVALUATION,
        card_file=CARD,
    ).rstrip("\n")
