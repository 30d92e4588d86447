"""docs/commands.md: every task of the Makefile and every command of `loop`, in their own words."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.core import TyperCommand as Command
from typer.core import TyperGroup
from typer.main import get_command

from loop.commands.command_line import app

ROOT = Path(__file__).parents[2]
PAGE = Path("docs/commands.md")
HEAD = """# Tasks and commands

`make TASK` sets up what it needs first. `loop COMMAND` lies in `.venv/bin`, and runs from the root of the
repository; `loop COMMAND --help` says what this page says. Each step of a workflow is one of these, so a
laptop can run it too. `make docs` writes this page from the code.

| task | what it does |
|---|---|
{tasks}

| command | what it does |
|---|---|
{commands}

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | refused: a worse model, bad data, bad params, code in src/problem that fails, a full disk |
| 2 | wrong usage: of a command, an option or its value, or below the root; of `loop review`: inconclusive |
| 3, 4, 5 | of `loop monitor`: broken feed or suspected feed fault; alert or loss; no data |
| 3, 4 | of `loop forget`: something is left, which is named; nobody is there |
| 6 | of `loop update`: conflicts, each named; nothing is written |
| 130 | interrupted; nothing half-written is kept, run the same command again |

Every mistake ends as one message: what was found, what was expected, what to do, with file and key or line.
`loop --debug COMMAND` shows the traceback; LOOP_DEBUG=1 does too.
"""


def page() -> str:
    """The whole page."""
    found = list(_all(get_command(app), "loop"))
    tasks = (f"| `make {name}` | {_cell(about)} |" for name, about in tasks_of(ROOT / "Makefile"))
    rows = (f"| [`{name}`](#{name.replace(' ', '-')}) | {_cell(_first(one))} |" for name, one in found)
    head = HEAD.format(tasks="\n".join(tasks), commands="\n".join(rows))
    return "\n".join([head, *(_section(name, one) for name, one in found)])


def tasks_of(makefile: Path) -> list[tuple[str, str]]:
    """Name and purpose of each task, as `make help` lists them."""
    return re.findall(r"^([a-z-]+):.*?## +(.+)$", makefile.read_text(encoding="utf-8"), re.MULTILINE)


def _all(group: Any, name: str) -> Iterator[tuple[str, Command]]:
    """Each command that does something, by its whole name, in the order of `loop --help`."""
    for word, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _all(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


def _first(command: Command) -> str:
    return " ".join((command.help or "").split("\n\n")[0].split())


def _section(name: str, command: Command) -> str:
    text, _, example = (command.help or "").partition("\n\nExample: ")
    context = command.context_class(command, info_name=name)
    records = filter(None, (one.get_help_record(context) for one in command.params))
    rows = [f"| `{_cell(option)}` | {_cell(about)} |" for option, about in records]
    parts = [f"## {name}", *(" ".join(part.split()) for part in text.split("\n\n"))]
    if rows:
        parts.append("\n".join(["| option | |", "|---|---|", *rows]))
    if example:
        parts.append("\n".join(["```sh", " ".join(example.split()), "```"]))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def main() -> None:
    """Write the page."""
    (ROOT / PAGE).write_text(page(), encoding="utf-8")
