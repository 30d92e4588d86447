"""`python -m loop.stage NAME`: how DVC runs a stage, so that even its imports end in one message."""

import sys
from importlib import import_module

from loop.base.errors import guard


def run(name: str) -> None:
    """Import the stage and run its `main`."""
    import_module(f"loop.pipeline.{name}").main()


if __name__ == "__main__":
    guard(lambda: run(sys.argv[1]))
