"""The stages, and all of them at once."""

import typer

from loop import stage

commands = typer.Typer()


@commands.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(context: typer.Context) -> None:
    """Run the stages that are out of date, and say what was trained and how good it is.

    Options are passed on to `dvc repro`.

    Example: loop run --force
    """
    from loop.pipeline import run as pipeline

    raise typer.Exit(pipeline.run(context.args))


@commands.command()
def ingest() -> None:
    """Read the source's raw tables, as known at windows.as_of, into data/raw.

    Example: loop ingest
    """
    stage.run("ingest")


@commands.command()
def validate() -> None:
    """Repair raw tables by named rules and hold them against their contract.

    Example: loop validate; cat reports/validation.json
    """
    stage.run("validate")


@commands.command()
def examples() -> None:
    """Join each request with what was known at its decision, and with its label.

    Example: loop examples
    """
    stage.run("examples")


@commands.command()
def train() -> None:
    """Fit the model on the training window, and write its lineage.

    Example: OMP_NUM_THREADS=1 loop train
    """
    stage.run("train")


@commands.command()
def evaluate() -> None:
    """Judge the model on the holdout: metrics, slices, report and model card.

    Example: loop evaluate
    """
    stage.run("evaluate")
