"""run: the whole pipeline by DVC, then in a few lines what was trained and how good it is."""

import json
import os
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from loop.base import program
from loop.base.errors import LoopError
from loop.settings import renamed
from loop.settings.paths import CARD_JSON, EVALUATION, PARAMS, PIPELINE_LOCK
from loop.settings.yaml_file import load

SECTIONS = ["windows", "validate", "examples", "train", "evaluate", "review", "serve", "monitor", "card"]


def check_params() -> None:
    """Refuse a params.yaml that a stage would refuse, before anything runs.

    Sections that dvc.lock holds as they are were accepted by their stages: only others are
    parsed, because their models are slow to import.
    """
    values = load(PARAMS)
    renamed.refuse(values, PARAMS)
    for name in values:
        if name not in SECTIONS:
            near = get_close_matches(str(name), SECTIONS, n=1)
            raise LoopError(
                f"{PARAMS}: `{name}` is not a section" + (f"; did you mean `{near[0]}`?" if near else ""),
                f"the sections {', '.join(SECTIONS)}",
                f"fix {PARAMS} and run again",
            )
    if {"review", "serve", "monitor"} <= set(values):  # no stage reads these
        from loop.settings import monitor_settings, params, serve_settings
        from loop.settings.review_policy import Policy

        params.section("review", Policy)
        serve_settings.params()
        monitor_settings.read()
    if any(values.get(name) != accepted for name, accepted in _accepted().items()) or not _accepted():
        _parse_all()


def _accepted() -> dict[str, Any]:
    """Section -> value, as the stages last took them; empty without a dvc.lock."""
    if not PIPELINE_LOCK.is_file():
        return {}
    stages = load(PIPELINE_LOCK).get("stages", {})
    return {
        name: value
        for stage in stages.values()
        for name, value in stage.get("params", {}).get(str(PARAMS), {}).items()
        if "." not in name  # a part of a section that another stage has whole
    }


def _parse_all() -> None:
    from loop.data import raw
    from loop.pipeline import evaluate, examples, train
    from loop.pipeline import model_card as card
    from loop.settings import monitor_settings, params, serve_settings
    from loop.settings.review_policy import Policy

    models: dict[str, Any] = {
        "windows": params.Windows,
        "validate": raw.Params,
        "examples": examples.Params,
        "train": train.Params,
        "evaluate": evaluate.Params,
        "review": Policy,
        "serve": serve_settings.Params,
        "monitor": monitor_settings.Settings,
        "card": card.Params,
    }
    for name in SECTIONS:
        params.section(name, models[name])


def run(arguments: list[str]) -> int:
    """`dvc repro` with these arguments, then the summary; the exit code is DVC's, 1 on failure."""
    check_params()
    tools = str(Path(sys.executable).parent)  # so that a stage's `python` is this one
    path = os.pathsep.join([tools, os.environ.get("PATH", "")])
    command = [f"{tools}/dvc", "repro", *arguments]
    code = program.follow(command, env={**os.environ, "PATH": path})
    if code == 0:
        card = json.loads(CARD_JSON.read_text(encoding="utf-8"))
        print(summary(card))
        print("\n".join(_requirements(card)))
    return 1 if code else 0


def summary(card: dict[str, Any]) -> str:
    """What a person wants to know when the pipeline is done; `card` is models/card.json."""
    data = card["data"]

    def window(name: str) -> str:
        of = data[name]
        return f"{of['from'][:10]} until {of['until'][:10]}, {of['rows']:,} rows"

    wide = max([18, *(len(metric["title"]) for metric in card["metrics"].values())])
    lines = [
        "",
        f"{card['name']}",
        f"  trained on  {window('train')}",
        f"  judged on   {window('holdout')}",
        *(_metric(metric, card["interval"], wide) for metric in card["metrics"].values()),
        f"  model       {card['model']['file']}, sha256 {card['model']['sha256'][:12]}",
        f"  report      {EVALUATION}",
        f"  card        {CARD_JSON.with_suffix('.md')}",
        "  runs        make ui   (MLflow, on this machine)",
    ]
    return "\n".join(lines)


def _metric(found: dict[str, Any], interval: str, wide: int) -> str:
    value, low, high = (
        "-" if found[part] is None else f"{found[part]:.4f}" for part in ("value", "low", "high")
    )
    return f"  {found['title']:<{wide}}{value:>8}   {interval} interval {low} to {high}"


def _requirements(card: dict[str, Any]) -> list[str]:
    from loop.settings.review_policy import reaches

    found, required = card["metrics"], load(PARAMS)["review"]["minimum_requirements"]
    missed = [
        f"  minimum requirement breached: {found[name]['title']} {found[name]['value']}, not {worst['limit']}"
        for name, worst in required.items()
        if not reaches(found[name]["value"], found[name]["better"], worst["limit"])
    ]
    return missed or ["  minimum requirements met (review.minimum_requirements)"]
