"""deploy/kubernetes.yaml: the settings of a cluster besides the state."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from loop.production.state import Image
from loop.repo.commit import Commit
from loop.settings.params import Section, parse
from loop.settings.yaml_file import load

SETTINGS = Path("deploy/kubernetes.yaml")
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi)?$")]
Cron = Annotated[str, Field(pattern=r"^[0-9*/,-]+( [0-9A-Za-z*/,-]+){4}$")]


class Gateway(Section):
    """Where requests come in."""

    name: Name
    namespace: Name


class Replicas(Section):
    """How many pods a model has, at least and at most."""

    min: int = Field(ge=1)
    max: int = Field(ge=1)

    @model_validator(mode="after")
    def _grow(self) -> "Replicas":
        if self.max < self.min:
            raise ValueError(f"max {self.max} is below min {self.min}")
        return self


class Jobs(Section):
    """What runs on schedule in the cluster."""

    image: Image | None  # by digest, as `loop image --jobs --push` gives; None: no job runs
    materialize: Cron | None  # None: this one runs elsewhere
    collect: Cron | None
    monitor: Cron | None
    minutes_max: int = Field(ge=1)  # how long a run may take
    late_minutes_max: int = Field(ge=1)  # how late a missed run is still caught up
    ports: list[Annotated[int, Field(ge=1, le=65535)]]
    requests: dict[str, Quantity]
    limits: dict[str, Quantity]


class Settings(Section):
    """`deploy/kubernetes.yaml`."""

    gateway: Gateway
    proxies: Name
    entity_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,256}$")] | None = None
    fallback: Image | None = None  # of nginx, by digest; None: a challenger's errors reach its callers
    hostnames: list[str]
    redis_port: int = Field(ge=1, le=65535)
    predictions: Name
    token: bool
    personal_key: bool
    replicas: Replicas
    cpu_percent: int = Field(ge=1, le=100)
    requests: dict[str, Quantity]
    limits: dict[str, Quantity]
    jobs: Jobs | None = None

    @property
    def secrets(self) -> list[str]:
        """The keys of the Secret `model` that a pod reads as files."""
        return ["token"] * self.token + ["personal_key"] * self.personal_key


def read(path: Path = SETTINGS) -> Settings:
    """The settings of this checkout. Raises LoopError that names every wrong key."""
    return parse("kubernetes", load(path), Settings, path)


def of_commit(commit: str) -> Settings | None:
    """The settings of a commit; None where it, or the file in it, is not there. Raises LoopError."""
    there = Commit(commit)
    if there.file(SETTINGS) is None:
        return None
    return parse("kubernetes", there.yaml(SETTINGS), Settings, SETTINGS)
