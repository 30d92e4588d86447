"""What is done on schedule: look at production, and propose a retrain."""

from pathlib import Path
from typing import Annotated

import typer

from loop.commands.options import Now, Predictions, instant

commands = typer.Typer()


@commands.command()
def monitor(
    predictions: Predictions = None,
    now: Now = None,
    issue: Annotated[
        bool, typer.Option("--issue", help="Open an issue where somebody must act, as monitor.yml does.")
    ] = False,
) -> None:
    """Say whether the model that serves got worse since training, and what to do.

    Writes monitor/report.html, monitor/report.md and monitor/finding.json. Exit codes: 0 nothing, warning or
    retrain; 1 it could not run; 3 broken feed or suspected feed fault, 4 alert or loss, 5 no data.

    Example: loop monitor --now 2013-07-01
    """
    from loop.monitor import monitor as watching
    from loop.settings import serve_settings

    folders = predictions or [serve_settings.place().predictions]
    raise typer.Exit(watching.main(folders, instant(now), issue))


@commands.command()
def retrain(
    now: Annotated[str | None, typer.Option(help="The instant of the monitoring run, or its day.")] = None,
    proposed: Annotated[
        bool, typer.Option("--open", help="In a workflow: open the pull request, or the issue why not.")
    ] = False,
) -> None:
    """Make the retrain that `loop monitor` asked for: a branch with one commit, reviewed as any change.

    Reads monitor/finding.json. The working tree stays as it is. Exit codes: 0 done, nothing to do, or the
    review refused it; 1 it could not be made or reported.

    Example: loop retrain
    """
    from loop.retrain import retrain as retraining

    raise typer.Exit(retraining.main(instant(now) if now else None, proposed=proposed))


@commands.command()
def replay(
    until: Annotated[str, typer.Option(help="The day on which it ends, in UTC.")],
    since: Annotated[
        str | None, typer.Option(help="The first monitoring run; when the champion was judged by default.")
    ] = None,
    judged_from: Annotated[
        str | None, typer.Option(help="The day from which the rule is judged; else the first.")
    ] = None,
    to: Annotated[Path, typer.Option(help="The folder of the figure, the table and the record.")] = Path(
        "monitor/replay"
    ),
) -> None:
    """Live through past weeks in minutes, in a scratch clone: monitor, retrain, review, and merge by rule.

    Beside it live a champion that is never replaced, and one that is retrained each month. A rule merges
    what its review let pass; here, a person does.

    Example: loop replay --until 2014-01-01 --judged-from 2013-07-01
    """
    from loop.replay import replay as living

    start = instant(since, "--since") if since else None
    judged = f"{instant(judged_from, '--judged-from'):%Y-%m-%d}" if judged_from else None
    raise typer.Exit(living.main(start, instant(until, "--until"), judged, to))
