"""`loop COMMAND`: what a workflow step runs, a laptop runs too. Exit codes are in `loop --help`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from loop.base import exit_codes
from loop.base.errors import UsageError, guard
from loop.commands import change, history, monitoring, pipeline, releasing, serving, setup, wrong_usage

app = typer.Typer(
    name="loop",
    help=f"Every change to a model is a pull request with evidence.\n\n{exit_codes.HELP}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (pipeline, change, serving, releasing, monitoring, history, setup):
    app.add_typer(part.commands)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Every change to a model is a pull request with evidence."""
    if debug:
        os.environ["LOOP_DEBUG"] = "1"


def main() -> None:
    """The console script: every mistake of the user ends as one message."""
    guard(_run)


def _run() -> None:
    if not {"-h", "--help"} & set(sys.argv):
        _at_root()
    with wrong_usage.told():
        sys.exit(app(standalone_mode=False) or 0)


def _at_root() -> None:
    """Raise UsageError in a folder of a repository: paths would mean others than they do at its root."""
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / "dvc.yaml").is_file()), here)
    if root != here:
        raise UsageError(
            f"this is {here.relative_to(root)}/ of a repository",
            f"its root, {root}",
            f"`cd {root}`, then run it again",
        )


if __name__ == "__main__":
    main()
