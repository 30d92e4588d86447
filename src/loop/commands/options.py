"""Options that several commands have."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

Now = Annotated[str | None, typer.Option(help="An instant in UTC, or a day; the clock's by default.")]
Predictions = Annotated[
    list[Path] | None,
    typer.Option(
        exists=True,
        file_okay=False,
        help="A folder of the prediction log, may repeat; else LOOP_PREDICTIONS.",
    ),
]
Environment = Annotated[
    str | None, typer.Option(help="One of the chain in deploy/environments.yaml; production by default.")
]


def instant(text: str | None, option: str = "--now") -> "pd.Timestamp":
    """The instant that an option gives, else the clock's: the one place where a command reads it."""
    import pandas as pd

    from loop.settings.params import instant_option

    return instant_option(option, text) if text else pd.Timestamp.now("UTC").floor("s")
