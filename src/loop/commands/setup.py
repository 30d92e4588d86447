"""What a repository and a machine need besides files."""

from typing import Annotated

import typer

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
def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="First rename what has an old name in params.yaml and src/problem.")
    ] = False,
) -> None:
    """Say what is missing, on this machine and on GitHub, with the command that fixes each.

    Exit codes: 0 nothing that is needed is missing, 1 something is.

    Example: loop doctor
    """
    from loop.setup import doctor as examination

    raise typer.Exit(examination.main(rename=fix))
