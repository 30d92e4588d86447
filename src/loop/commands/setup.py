"""What a repository and a machine need besides files."""

from typing import Annotated

import typer

from loop.commands.options import Now, Predictions, instant

commands = typer.Typer()
setting = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Set up what no file can hold.")
commands.add_typer(setting, name="setup")


@setting.command()
def github(
    apply: Annotated[bool, typer.Option("--apply", help="Do it, by gh, as whoever is logged in.")] = False,
    reviewer: Annotated[
        list[str] | None, typer.Option(help="Who approves releases: LOGIN or ORGANIZATION/TEAM; may repeat.")
    ] = None,
) -> None:
    """Print what a new repository needs on GitHub, or do it; any number of times.

    Exit codes: 0 done, 1 something was refused, and the rest was done.

    Example: loop setup github --apply --reviewer alice
    """
    from loop.setup import github as repository

    raise typer.Exit(repository.main(apply, reviewer or []))


@commands.command()
def init(
    data: Annotated[
        str,
        typer.Argument(help="A CSV, a Parquet file, a folder of such parts, or the address of a database."),
    ],
    label: Annotated[str | None, typer.Option(help="The column that is to be predicted.")] = None,
    time: Annotated[
        str | None, typer.Option(help="When a row is decided: a column of times or years, or `none`.")
    ] = None,
    known: Annotated[str | None, typer.Option(help="The column that says when the label was known.")] = None,
    label_after: Annotated[
        str | None, typer.Option(help="How long after the decision the label is known, as '30 days'.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="The columns that name a request, with commas or one by one.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="The column whose rows are alike, as of one person, or `none`.")
    ] = None,
    weight: Annotated[
        str | None, typer.Option(help="The column that says how much a row counts, or `none`.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="binary, multiclass or regression.")] = None,
    positive: Annotated[str | None, typer.Option(help="The label's value that is to be told.")] = None,
    zone: Annotated[str | None, typer.Option(help="Where times without a zone are at home.")] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="Columns not to use, with commas or one by one.")
    ] = None,
    table: Annotated[str | None, typer.Option(help="The table or view of the database, or a SELECT.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A scikit-learn Pipeline that there is: FILE.skops, or module:name."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What people call it; the file's name by default.")] = None,
    template: Annotated[
        str | None, typer.Option(help="Where the template lives, for `loop update`; by default as it says.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="In spite of uncommitted work, or of a problem that is there.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is guessed, write nothing.")] = False,
) -> None:
    """Put a problem of your own in place of the example, from a file of data, as one commit.

    It says what the columns are taken for, how sure that is, and what looks wrong; an option takes the
    place of a guess. It asks nothing, and a second run changes nothing.

    Exit codes: 0 done, 1 the data or the repository will not do, 2 an option is wrong.

    Example: loop init rides.csv --label bikers --time hour
    """
    from loop.init import begin
    from loop.init.guessed import Options
    from loop.settings import time_zone

    options = Options(
        label=label,
        time=time,
        known=known,
        after=begin.label_after(label_after) if label_after else None,
        key=_names(key),
        group=group,
        weight=weight,
        task=begin.task(task) if task else None,
        positive=positive,
        zone=time_zone.of_option(zone).key if zone else None,
        leave_out=_names(leave_out),
        name=name,
    )
    begin.main(data, options, table=table, model=model, template=template, force=force, dry_run=dry_run)


def _names(given: list[str] | None) -> tuple[str, ...]:
    """Columns of an option that may be given several times, each with several."""
    parts = (name.strip() for one in given or () for name in one.split(","))
    return tuple(name for name in parts if name)


@commands.command()
def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="First rename what has an old name in params.yaml and src/problem.")
    ] = False,
) -> None:
    """Say what is missing, on this machine and on GitHub, with the command that fixes each.

    Also when each schedule ran last; one that nobody heard of is unknown.

    Exit codes: 0 nothing that is needed is missing, 1 something is, or a schedule is late or failed.

    Example: loop doctor
    """
    from loop.setup import doctor as examination

    raise typer.Exit(examination.main(instant(None), rename=fix))


@commands.command()
def update(
    to: Annotated[str | None, typer.Option(help="The version, such as 1.2.0; the newest by default.")] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", help="The template's address, a path or a bundle; as recorded by default."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="This file alone, as a fix that is urgent; may repeat.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help="Leave this file as it is here, whatever is new; may repeat.")
    ] = None,
    take: Annotated[
        list[str] | None, typer.Option(help="Take this file from the template, over edits; may repeat.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Say what would change, write nothing.")] = False,
    out: Annotated[
        str | None, typer.Option(help="In a workflow: leave it in this folder, and write no branch.")
    ] = None,
    offer: Annotated[
        str | None, typer.Option("--open", help="In a workflow: open the pull request of such a folder.")
    ] = None,
) -> None:
    """Bring a later version of the template, as a branch with one commit, for the review to judge.

    Files of the machinery are merged three ways. Your problem, params and data are touched by named
    migrations of their formats alone. Nothing is written before all of it can be.

    Exit codes: 0 done or no later version, 1 refused, 2 an option is wrong, 6 conflicts, each named.

    Example: loop update --to 1.2.0
    """
    from pathlib import Path

    from loop.update import open_update
    from loop.update import update as updating
    from loop.update.make_update import Wanted

    if offer is not None:
        raise typer.Exit(open_update.main(Path(offer)))
    wanted = Wanted(to, source, only or (), keep or (), take or ())
    raise typer.Exit(updating.main(wanted, check=check, out=Path(out) if out else None))


@commands.command()
def forget(
    person: Annotated[
        list[str],
        typer.Argument(metavar="COLUMN=VALUE...", help="Who, by columns of the data; all must match."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")
    ] = False,
    predictions: Predictions = None,
    now: Now = None,
) -> None:
    """Erase a person from tables, DVC, the prediction log, the feature store and MLflow.

    Tables are those that .dvc files track. It names the models that learned from them, and leaves a record in
    data/forgotten.json that names nobody. Run it again if it was stopped. Needs LOOP_PERSONAL_KEY_FILE.

    Exit codes: 0 nothing of them is left, 1 refused, 2 an option is wrong, 3 something is left, and named,
    4 nobody is there.

    Example: loop forget patient=p042 --dry-run
    """
    from loop.forget import forget as erasing

    raise typer.Exit(erasing.main(person, predictions or [], instant(now), dry_run=dry_run))
