"""The command line: all commands as one application, and how it is run."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from loop.base import environment, exit_codes
from loop.base.errors import UsageError
from loop.commands import change, history, monitoring, pipeline, releasing, serving, setup, wrong_usage
from loop.repo.git import whole_index
from loop.settings import regular_files

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

_INTERRUPTED = 130  # all that typer leaves of Ctrl-C


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Every change to a model is a pull request with evidence."""
    if debug:
        os.environ["LOOP_DEBUG"] = "1"


def run() -> None:
    """Parse and do what is asked; below a repository's root only help is: paths would mean others there."""
    here, root = Path.cwd(), environment.tree(Path.cwd())
    if root not in (None, here) and not {"-h", "--help"} & set(sys.argv):
        found = f"this is {here.relative_to(root)}/ of a repository"
        raise UsageError(found, f"its root, {root}", f"`cd {root}`, then run it again")
    if root:
        regular_files.check()
        whole_index()
    with wrong_usage.told():
        code = app(standalone_mode=False) or 0
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    sys.exit(code)
