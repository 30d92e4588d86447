"""A change, judged and brought to its pull request."""

from pathlib import Path
from typing import Annotated

import typer

from loop.base.errors import debugging
from loop.repo import default_branch

commands = typer.Typer()


@commands.command()
def review(
    against: Annotated[
        str, typer.Option(help="The base: a branch, tag or commit. The default branch if empty.")
    ] = "",
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Run again from the base's results first, as CI does.")
    ] = False,
) -> None:
    """Say whether the working tree's model may take over from the champion of a base branch.

    Writes review/report.md, review/report.html and review/verdict.json, and leaves all else as
    it is. Exit codes: 0 better, equivalent or no model change, 1 worse, 2 inconclusive.

    With --rerun nothing that the branch committed is trusted: results are made again, from the
    lock of the merge base, and the check `rerun` says what differs. The run of the training is left
    as review/run.json and review/figures, for `loop runs import`.

    Example: loop review --against main
    """
    for name in ("verdict.json", "report.md", "report.html", "run.json"):  # older ones are not this review's
        Path("review", name).unlink(missing_ok=True)
    for figure in Path("review/figures").glob("*.svg"):
        figure.unlink()
    against = against or default_branch.name()
    try:
        from loop.review import review as judge
    except Exception as error:  # code of the branch that does not even load
        if debugging():
            raise
        from loop.review import import_error

        raise typer.Exit(import_error.main(against, error)) from None
    raise typer.Exit(judge.main(against, rerun))


@commands.command()
def compare(
    first: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help='A branch, tag or commit, "version 3" of production, or a run of MLflow by id or name.',
        ),
    ],
    second: Annotated[
        str | None, typer.Argument(metavar="[B]", help="Another; the working tree by default.")
    ] = None,
) -> None:
    """Say why one model does better than another: what differs, and what it does to the scores.

    Params, data and code that differ, metrics with paired intervals, slices that moved, the rows that
    changed most with the reasons of both scores, calibration. Writes compare/report.md and
    compare/report.html. No verdict: it exits with 0. A change compared with main is a look at the holdout.

    Example: loop compare main
    """
    from loop.compare import two_models

    raise typer.Exit(two_models.main(first, second))


@commands.command()
def calibrate(
    models: Annotated[
        int, typer.Option(min=40, help="Models that are trained alike; fewer are quicker, and say less.")
    ] = 60,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the numbers, and write nothing.")] = False,
) -> None:
    """Set the numbers of the gate and of the monitor by this data: an edit of params.yaml, and a page.

    Needs the results of `loop run`. Comments stay; so does a number with "by hand" in the comment beside it.
    Writes reports/calibration.md, its figures and reports/calibration.json. What was measured is kept in
    calibration/, so that a run that was stopped goes on.

    Example: loop calibrate
    """
    from loop.calibrate import calibrate as measuring

    raise typer.Exit(measuring.main(models, dry_run))


@commands.command()
def search(
    trials: Annotated[
        int | None, typer.Option(min=1, help="How many, in place of search.trials of params.yaml.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="After so many no trial begins, in place of search.minutes.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, max=64, help="Trials at once; as many as cores, up to 4, by default.")
    ] = None,
) -> None:
    """Look for better params within the training window, and leave a branch with the best.

    `search` of params.yaml says which params may be what, and how long it may take. The holdout is not
    touched. What was tried is kept in search/, so that a search that was stopped goes on. Writes
    search/report.html.

    Example: loop search --trials 30
    """
    from loop.search import search as searching

    raise typer.Exit(searching.main(trials, minutes, processes))


@commands.command()
def publish(run: Annotated[int, typer.Argument(help="The number of a run of review.yml.")]) -> None:
    """Bring a review to its pull request: the comment, the status `gate`, and dvc.lock.

    For the workflow publish.yml, with code of main only: what the run left is not trusted.

    Example: loop publish "$RUN"
    """
    from loop.publish import publish as posting

    raise typer.Exit(posting.main(run))
