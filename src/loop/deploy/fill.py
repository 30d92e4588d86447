"""fill: the feature store of each version that runs, by the version's own code.

A model reads only what its own definition of the features wrote, so main's code cannot fill for all of them.
"""

import sys
from pathlib import Path

import pandas as pd

from loop.base import program
from loop.base.errors import LoopError
from loop.base.secret import hidden
from loop.base.warning import warn
from loop.deploy import instances
from loop.production import branch, environments
from loop.repo.commit import require
from loop.repo.worktree import checkout
from loop.settings import serve_settings
from loop.settings.params import ISO

LIMIT = 3600  # seconds for one version


def main(environment: str, now: pd.Timestamp) -> None:
    """Fill it as of `now` (UTC), version by version; those of one commit at once.

    Where one cannot be filled, what it had stays, and the others are filled all the same. Raises LoopError
    in the end then.
    """
    state = branch.serving(environments.known(environment)).state
    commits: dict[str, list[str]] = {}
    for one in instances.of(state):
        names = commits.setdefault(one.model.commit, [])
        names += [name for name in [f"version {one.model.version}"] if name not in names]
    failed: list[LoopError] = []
    for commit, names in commits.items():
        print(f"{', '.join(names)}, commit {commit[:12]}", flush=True)
        try:
            _fill(commit, names[0], now)
        except LoopError as error:
            failed.append(error)
    for other in failed[1:]:
        warn(other.found)
    if failed:
        raise failed[0]


def _fill(commit: str, name: str, now: pd.Timestamp) -> None:
    require(commit, name)
    with checkout(commit, Path.cwd()) as home, home.lent():
        place = serve_settings.place().features
        features = place if "://" in place else str(Path(place).absolute())
        done = program.ask(
            [*home.entry("loop"), "materialize", "--as-of", f"{now:{ISO}}"],
            seconds=LIMIT,
            cwd=home.path,
            env=home.environment() | {"LOOP_FEATURES": features},
            group=home.group,
        )
    print(done.out, end="", flush=True)
    if done.code:
        print(hidden(done.errors), end="", file=sys.stderr, flush=True)  # which rule, which days
        raise LoopError(
            f"`loop materialize` of {name} failed: {done.gist()}",
            f"features of {name} as of now",
            "look at the source and the store; what the store has stays, and grows stale",
        )
