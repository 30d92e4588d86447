"""What one commit may ask of another: entry points that run in a worktree, and the version of their answers.

Each commit says its own in protocol.json beside this file, so a module may move without breaking who asks.
`version` rises where a question or an answer changes its meaning; code that asks knows all versions until its
own. Commits from before the file speak version 1.

score   a line in and a line out, see loop.scorer
feed    SINCE UNTIL NOW FOLDER: examples.parquet and labels.parquet, see loop.monitor.inputs.feed
why     RECORD ANSWER: a prediction explained, see loop.serve.why
rerun   the pipeline to its end, from cache, from remote, or made again
adopt   SOURCE STEPS: of the template, what a copy holds of it, see loop.init.template_parts
migrate formats of files of a copy, in the current folder, see loop.setup.migrations
loop    the command line: `run`, `review`, `materialize`
serve   the model server, which takes --host and --port
"""

from dataclasses import dataclass
from pathlib import Path

from loop.base import json_text
from loop.base.errors import LoopError

FILE = Path("src/loop/repo/protocol.json")
VERSION = 2


@dataclass(frozen=True)
class Protocol:
    """A version, and by name what follows `python` on the command line."""

    version: int
    entries: dict[str, list[str]]


_LOOP = "from loop.cli import main; main()"
FIRST = Protocol(
    1,
    {
        "score": ["-m", "loop.scorer"],
        "feed": ["-m", "loop.monitor.feed"],
        "why": ["-m", "loop.serve.why"],
        "rerun": ["-c", "from loop import rebuild; rebuild.run()"],
        "loop": ["-c", _LOOP],
        "serve": ["-m", "bentoml", "serve", "loop.serve.service:Service"],
    },
)


def of(root: Path) -> Protocol:
    """The protocol that a checkout speaks. Raises LoopError where it is newer than this code."""
    return _read(root / FILE) if (root / FILE).is_file() else FIRST


def lasting(root: Path, name: str) -> list[str] | None:
    """The command of `adopt` or `migrate`, whose form no version changes; None for a checkout without it."""
    try:
        return [
            str(part) for part in json_text.parse((root / FILE).read_text(encoding="utf-8"))["entries"][name]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def own() -> Protocol:
    """The protocol of the code that runs."""
    return _read(Path(__file__).with_suffix(".json"))


def _read(path: Path) -> Protocol:
    try:
        found = json_text.parse(path.read_text(encoding="utf-8"))
        spoken = Protocol(int(found["version"]), {**found["entries"]})
    except (ValueError, KeyError, TypeError):
        raise LoopError(f"{path} is no protocol", "the file as its commit has it", "put it back") from None
    if spoken.version > VERSION:
        raise LoopError(
            f"the commit in {path.parents[3].name} speaks version {spoken.version} of the protocol",
            f"version {VERSION} or older, which this code knows",
            "run it from a checkout that is as new as that commit",
        )
    return spoken
