"""How a server is set: `serve` of params.yaml, and what differs by place, from the environment.

LOOP_FEATURES        a folder for SQLite files, or redis://HOST:PORT/NUMBER
LOOP_PREDICTIONS     the folder of the prediction log
LOOP_ROLE            champion, challenger or shadow: what the log says of each prediction
LOOP_TOKEN_FILE      a file with the bearer token that callers must send (or LOOP_TOKEN, the token itself)
LOOP_PERSONAL_KEY_FILE   a file with the key that hashes personal columns (or LOOP_PERSONAL_KEY)
LOOP_COMPILED        the folder of trees as machine code, in an image that brings them; else this user's cache
LOOP_COMMIT          the commit that is served; git is asked where it is not set
LOOP_RESTARTED       set where a container that ends is started again: see loop.serve.container
LOOP_PREFIX          the path at which a proxy that keeps it in requests mounts the server: /models/late

One that is set to nothing is not set, but a secret: that would be an open door.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.settings.params import Section, Window, section

FEATURES = "data/online"
PREDICTIONS = "data/predictions"
BUCKETS = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    1.0,
)  # seconds that answers are counted by
ROLES = ("champion", "challenger", "shadow")
KEY_MIN = 16  # characters
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
DECIDED_AT = {"from": "2000-01-01T00:00Z", "until": "2100-01-01T00:00Z"}


class Log(Section):
    """`serve.log`: how long predictions wait, and how long they are kept."""

    rows_max: int = Field(ge=1)
    retention_days: int = Field(ge=1, le=36_500)


class Params(Section):
    """`serve` of params.yaml."""

    threshold: Annotated[float, Field(allow_inf_nan=False)] | None
    workers: int = Field(ge=1)
    rows_max: int = Field(ge=1, le=100_000)
    body_kb_max: int = Field(ge=1)
    decided_at: Window = Window.model_validate(DECIDED_AT)
    log: Log

    @model_validator(mode="after")
    def _log_holds_a_body(self) -> "Params":
        if self.log.rows_max < self.rows_max:
            raise ValueError(
                f"log.rows_max {self.log.rows_max} is below rows_max {self.rows_max}", "at least rows_max"
            )
        return self


@dataclass(frozen=True)
class Place:
    """What differs by place; secrets are never shown."""

    features: str
    predictions: Path
    role: str
    token: bytes | None
    personal_key: bytes | None
    commit: str | None
    prefix: str = ""

    def __repr__(self) -> str:
        return f"Place({self.features!r}, {str(self.predictions)!r}, {self.role!r})"


def params() -> Params:
    """`serve` of params.yaml."""
    return section("serve", Params)


def place(environment: Mapping[str, str] = os.environ) -> Place:
    """The settings of the environment. Raises LoopError for those that cannot be used."""
    role = environment.get("LOOP_ROLE") or ROLES[0]
    if role not in ROLES:
        raise LoopError(f"LOOP_ROLE is {role!r}", f"one of {', '.join(ROLES)}", "set it, or unset it")
    prefix = environment.get("LOOP_PREFIX", "").rstrip("/")
    if not PREFIX.fullmatch(prefix):
        raise LoopError(
            f"LOOP_PREFIX is {prefix!r}", "a path such as /models/late", "set it to what the proxy mounts"
        )
    return Place(
        features=environment.get("LOOP_FEATURES") or FEATURES,
        predictions=Path(environment.get("LOOP_PREDICTIONS") or PREDICTIONS),
        role=role,
        token=_secret("LOOP_TOKEN", environment),
        personal_key=_secret("LOOP_PERSONAL_KEY", environment),
        commit=environment.get("LOOP_COMMIT") or None,
        prefix=prefix,
    )


def _secret(name: str, environment: Mapping[str, str]) -> bytes | None:
    """A secret from a file or the environment. Short ones are refused: they would only look like one."""
    value, source = environment.get(name), name
    if file := environment.get(f"{name}_FILE"):
        source = f"{name}_FILE"
        try:
            value = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LoopError(
                f"{source} names {file}, which cannot be read: {type(error).__name__}",
                "a text file with the secret",
                "fix the path or its permissions, or unset it",
            ) from None
    if value is None:
        return None
    value = value.strip()
    if len(value) < KEY_MIN:
        raise LoopError(
            f"{source} holds {counted(len(value), 'character')}",
            f"at least {KEY_MIN}",
            "make one by `openssl rand -hex 32`",
        )
    return value.encode()
