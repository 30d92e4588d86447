"""`loop COMMAND`: what a workflow step runs, a laptop runs too. Exit codes are in `loop --help`.

Even the imports of its commands are those of the tree's own environment, and end in one message.
"""

import sys

from loop.base import environment
from loop.base.errors import guard


def main() -> None:
    """The console script: every mistake of the user ends as one message."""
    environment.enter("-m", "loop.cli", *sys.argv[1:])
    guard(_run)


def _run() -> None:
    from loop.commands import command_line

    command_line.run()


if __name__ == "__main__":
    main()
