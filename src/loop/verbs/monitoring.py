"""What is done on schedule: look at production, and propose a retrain."""

from typing import Annotated

import typer

from loop.verbs.options import Now, Predictions, instant

verbs = typer.Typer()


@verbs.command()
def monitor(
    predictions: Predictions = None,
    now: Now = None,
    issue: Annotated[
        bool, typer.Option("--issue", help="Open an issue where somebody must act, as monitor.yml does.")
    ] = False,
) -> None:
    """Say whether what arrived since training hurts the model that serves, and what to do.

    Writes monitor/report.html, monitor/report.md and monitor/finding.json. Exit codes: 0 nothing, watch or
    retrain; 1 it could not look; 3 broken feed, 4 page, 5 no data.

    Example: loop monitor --now 2013-07-01
    """
    from loop import settings
    from loop.monitor import monitor as watching

    folders = predictions or [settings.place().predictions]
    raise typer.Exit(watching.main(folders, instant(now), issue))
