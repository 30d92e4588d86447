"""Wrong usage in the form of every other mistake: found, expected, to do; exit code 2."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.exceptions import TyperException

from loop.base.errors import UsageError


@contextmanager
def told() -> Iterator[None]:
    """Turn what the parser of the command line refuses into a UsageError."""
    try:
        yield
    except TyperException as error:
        if error.message.startswith("Usage: "):  # a group alone: its help
            print(error.message, file=sys.stderr)
            sys.exit(UsageError.code)
        context: Any = getattr(error, "ctx", None)
        command = context.command_path if context else "loop"
        said = error.format_message().rstrip(".")
        found, expected = _value(error) or (f"{said[:1].lower()}{said[1:]}", _known(context))
        raise UsageError(f"{command}: {found}", expected, f"`{command} --help` says more") from None


def _value(error: Any) -> tuple[str, str] | None:
    """Found and expected of a value that is of another type or out of range."""
    if not hasattr(error.__cause__, "errors"):
        return None
    from loop.settings.plain_words import expected, shown

    item = error.__cause__.errors()[0]
    wanted = expected(item).rpartition(" is not ")[2].rstrip(".")  # the parser's own: 'x' is not one of
    return f"{error.param.opts[0]} is {shown(item['input'])}", wanted


def _known(context: Any) -> str:
    """What there is to choose from: the commands of a group, or the usage of a command."""
    if context is None:
        return "an option with its value"
    if hasattr(context.command, "list_commands"):
        return f"one of {', '.join(context.command.list_commands(context))}"
    return " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
