"""The stages, and all of them at once."""

from collections.abc import Callable

import typer

from loop import stage

commands = typer.Typer()
STAGES = {  # name -> what it does, and an example
    "ingest": ("Read the source's raw tables, as known at windows.as_of, into data/raw.", "loop ingest"),
    "validate": (
        "Repair raw tables by named rules and hold them against their contract.",
        "loop validate; cat reports/validation.json",
    ),
    "examples": (
        "Join each request with what was known at its decision, and with its label.",
        "loop examples",
    ),
    "train": ("Fit the model on the training window, and write its lineage.", "OMP_NUM_THREADS=1 loop train"),
    "evaluate": (
        "Judge the model on the holdout: metrics, slices, report and model card.",
        "loop evaluate",
    ),
}


@commands.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(context: typer.Context) -> None:
    """Run the stages that are out of date, and say what was trained and how good it is.

    Options are passed on to `dvc repro`.

    Example: loop run --force
    """
    from loop.pipeline import run as pipeline

    raise typer.Exit(pipeline.run(context.args))


def _of_stage(name: str) -> Callable[[], None]:
    return lambda: stage.run(name)


for _name, (_what, _example) in STAGES.items():
    commands.command(_name, help=f"{_what}\n\nExample: {_example}")(_of_stage(_name))
