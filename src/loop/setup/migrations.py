"""What a later version asks of files that are a person's: each by its name, and a second time nothing.

`loop doctor --fix` does them here. `loop update` asks each version that comes for its own: `python -m
loop.setup.migrations` does them in the current folder, and prints as JSON what was `done` and what is left
`todo`. It needs no package but those that every version has. A migration stays for good.
"""

import json
from collections.abc import Callable

from loop.base.errors import LoopError
from loop.setup import fix

MIGRATIONS: dict[str, Callable[[], list[str]]] = {
    "names of params.yaml": fix.params,
    "names of src/problem": fix.problem,
}


def main() -> None:
    """Do all, and print what changed. Raises LoopError for a file that cannot be edited."""
    changed = [line for one in MIGRATIONS.values() for line in one()]
    print("\n".join(changed) if changed else "nothing has an old name")


def answer() -> str:
    """Do what can be done; as JSON, what was done, and what a person must do."""
    done: list[str] = []
    todo: list[str] = []
    for name, one in MIGRATIONS.items():
        try:
            done += one()
        except LoopError as error:
            todo.append(f"{name}: {error.found}: {error.todo}")
    return json.dumps({"done": done, "todo": todo})


if __name__ == "__main__":
    print(answer())
