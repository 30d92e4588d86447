"""What serves and served, where it comes from, and whether it comes out again."""

from pathlib import Path
from typing import Annotated

import typer

from loop.commands.options import Now, instant

commands = typer.Typer()
registry = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="MLflow's registry, drawn from git.")
commands.add_typer(registry, name="registry")
runs = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Runs in MLflow.")
commands.add_typer(runs, name="runs")


@commands.command()
def lineage(
    what: Annotated[
        str | None,
        typer.Argument(metavar="VERSION|REQUEST_ID|FILE", help="By default the model file of this checkout."),
    ] = None,
    version: Annotated[int | None, typer.Option(help="A version, by its number.")] = None,
    request: Annotated[str | None, typer.Option(help="A request, by its id.")] = None,
) -> None:
    """Trace a prediction, a version or a model file to the commit, people, data, params and locks behind it.

    A number is a version if there is one, else a request.

    Example: loop lineage 3; loop lineage models/model.skops
    """
    from loop.history import trace
    from loop.serve import find

    print(trace.main(what, version, request, find.find))


@commands.command()
def audit(
    since: Annotated[str | None, typer.Option(help="The first day (UTC); that of the first release.")] = None,
    until: Annotated[str | None, typer.Option(help="The day after the last; tomorrow by default.")] = None,
    day: Annotated[str | None, typer.Option(help="This day alone.")] = None,
) -> None:
    """Say who changed what serves, when and why, and what served on each day; as audit/index.html too.

    Exit codes: 0 said, or nothing was released yet; 1 days that are none.

    Example: loop audit --day 2026-01-05
    """
    import pandas as pd

    from loop.history import audit as auditing

    auditing.main(since, until, day, pd.Timestamp.now("UTC"))


@commands.command()
def status(
    to: Annotated[Path | None, typer.Option(help="Write the pages here too, and metrics.txt.")] = None,
    now: Now = None,
) -> None:
    """Say how things stand, from git alone: what serves, which schedule ran when, what the monitor decided.

    With --to, as static pages that need no script: status, versions, changes, monitoring, alerts. Only what
    changed is made anew. Exit codes: 0 said; 1 git cannot be read.

    Example: loop status --to site
    """
    from loop.status import overview, site

    found = overview.view(instant(now))
    print("\n".join(overview.terminal(found)))
    if to is not None:
        made, of = site.write(found, to)
        print(f"pages      {to}/index.html, {made} of {of} made anew")


@commands.command()
def heartbeat(
    schedule: Annotated[str, typer.Argument(help="monitor, audit, release, reproduce or update.")],
    result: Annotated[str, typer.Option(help="How the run ended: success, or its exit code.")],
    run: Annotated[str | None, typer.Option(help="The address of the run.")] = None,
    finding: Annotated[
        Path | None, typer.Option(help="What the monitor found; one that is not there is no error.")
    ] = None,
    of_run: Annotated[
        int | None,
        typer.Option(help="In a workflow: the number of the run, which must be main's own."),
    ] = None,
    now: Now = None,
) -> None:
    """Record on the branch `heartbeats` that a schedule ran: what nobody recorded counts as unknown.

    A run is good where its result is success, or 0; one of the monitor, where it came to a decision.
    Exit codes: 0 recorded, or there already; 1 it could not be pushed.

    Example: loop heartbeat monitor --result success --finding monitor/finding.json
    """
    from loop.monitor import heard

    print(heard.record(schedule, result, run, finding, instant(now), of_run=of_run))


@commands.command()
def reproduce(
    version: Annotated[str, typer.Argument(help="A version, `champion`, or a commit.")] = "champion",
    issue: Annotated[
        bool, typer.Option("--issue", help="In a workflow: open an issue when it does not come out again.")
    ] = False,
) -> None:
    """Make a version again from raw data, in a worktree of its commit, and compare every hash.

    Exit codes: 0 everything came out the same, or nothing was released yet; 1 something did not.

    Example: loop reproduce champion
    """
    from loop.history import reproduce as rebuilding

    raise typer.Exit(rebuilding.main(version, issue))


@registry.command()
def sync() -> None:
    """Let MLflow's registry say what git says: versions, tags, aliases; rebuilds one that was lost.

    Example: loop registry sync
    """
    from loop.history import registry as registering

    registering.main()


@runs.command("import")
def take_in(
    folder: Annotated[Path, typer.Argument(help="Where run.json lies, or the unpacked artifact `review`.")],
) -> None:
    """Log the run of a review to MLflow, from the files that it left; a second time changes nothing.

    Exit codes: 0 logged, or there already; 1 the files are none of a run, or MLflow does not answer.

    Example: gh run download 123456 --name review --dir run && loop runs import run
    """
    from loop.model import run_file

    run, new = run_file.take_in(run_file.read(folder), {})
    print(f"run {run} {'is logged' if new else 'is there already'}")
