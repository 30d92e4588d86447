"""Reads params.yaml strictly: a typo is an error that names file, key and the nearest key."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from loop.base.errors import LoopError, UsageError
from loop.settings import renamed
from loop.settings.paths import PARAMS
from loop.settings.plain_words import problem, shown
from loop.settings.yaml_file import load

ISO = "%Y-%m-%dT%H:%MZ"
INSTANT = "an instant with its time zone, in quotes, such as '2013-01-01T00:00Z'"
ORDER = "since, train.from, train.until, holdout.from, holdout.until and as_of, none before the one before it"


def instant(value: object) -> pd.Timestamp:
    """An instant in UTC from an ISO text with a zone, or from an instant with one."""
    if isinstance(value, pd.Timestamp) and value.tzinfo is not None:
        return value.tz_convert("UTC")
    if not isinstance(value, str):
        raise ValueError(f"is {shown(value)}, not a quoted time", INSTANT)
    try:
        instant = pd.Timestamp(value)
    except ValueError:
        raise ValueError(f"is {value!r}, no time that there is", INSTANT) from None
    if instant.tzinfo is None:
        raise ValueError(f"is {value!r}, which has no time zone", INSTANT)
    return instant.tz_convert("UTC")


def instant_option(name: str, text: str) -> pd.Timestamp:
    """The instant that an option of a command gives; a day is its start. Raises UsageError."""
    try:
        return instant(f"{text}T00:00Z" if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text)
    except ValueError as error:
        found = error.args[0].replace(f"{text}T00:00Z", text)
        forms = "a day of UTC (2013-06-03), or an instant with its zone (2013-06-03T12:00Z)"
        raise UsageError(f"{name} {found}", forms, f"for example {name} 2013-06-03") from None


Instant = Annotated[pd.Timestamp, BeforeValidator(instant)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # as scikit-learn takes it


class Section(BaseModel):
    """A section of params.yaml: unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


S = TypeVar("S", bound=BaseModel)


class Window(Section):
    """[from, until) in UTC, by the time of decision."""

    since: Instant = Field(alias="from")
    until: Instant

    @model_validator(mode="after")
    def _not_empty(self) -> "Window":
        if self.since >= self.until:
            raise ValueError(
                f"from {self.since:{ISO}} is not before until {self.until:{ISO}}", "a later until"
            )
        return self


class Windows(Section):
    """Which rows train and judge the model, and the instant of the view on the world."""

    since: Instant
    train: Window
    holdout: Window
    as_of: Instant

    @model_validator(mode="after")
    def _in_order(self) -> "Windows":
        if self.since > self.train.since:
            raise ValueError(f"since {self.since:{ISO}} is after train.from {self.train.since:{ISO}}", ORDER)
        if self.holdout.since < self.train.until:
            raise ValueError(
                f"holdout.from {self.holdout.since:{ISO}} is before train.until {self.train.until:{ISO}}: "
                "the model would be judged on rows it was trained on",
                ORDER,
            )
        if self.as_of < self.holdout.until:
            raise ValueError(
                f"as_of {self.as_of:{ISO}} is before holdout.until {self.holdout.until:{ISO}}", ORDER
            )
        return self


class Resampling(Section):
    """`evaluate` of params.yaml: how figures get their intervals, by resampling whole clusters."""

    seed: Seed
    cluster: str
    replicates: int = Field(ge=1, le=1_000_000)
    confidence: float = Field(gt=0, lt=1)
    slice_rows_min: int = Field(ge=1)


def section(name: str, model: type[S], path: Path = PARAMS) -> S:
    """The section `name` as `model`. Raises LoopError that names every wrong key."""
    return _of(name, whole(path), model, path)


def whole(path: Path = PARAMS) -> dict[str, Any]:
    """Every section as plain values. Raises LoopError for names that older versions had."""
    values = load(path)
    renamed.refuse(values, path)
    return values


def of_commit(name: str, values: Any, model: type[S], where: Path) -> S:
    """A section of another commit's params.yaml (`values`), whose old names are read as those of today."""
    return _of(name, renamed.current(values if isinstance(values, dict) else {}), model, where)


def _of(name: str, values: dict[str, Any], model: type[S], path: Path) -> S:
    if name not in values:
        near = get_close_matches(name, [str(key) for key in values], n=1)
        found = f"{path}: section `{name}` is missing" + (f", but there is `{near[0]}`" if near else "")
        raise LoopError(found, f"a section `{name}`", f"rename or add it in {path}")
    return parse(name, values[name], model, path)


def parse(name: str, value: Any, model: type[S], path: Path = PARAMS) -> S:
    """`value` as `model`; `name` is the dotted key that errors start with."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found, wanted = zip(*(_problem(name, model, dict(item)) for item in error.errors()), strict=True)
        raise LoopError(
            f"{path}: " + f"\n{' ' * len(str(path))}    ".join(found),
            "; ".join(dict.fromkeys(wanted)),
            f"fix {path} and run again",
        ) from None


def _problem(name: str, model: type[BaseModel], error: dict[str, Any]) -> tuple[str, str]:
    """Found and expected; of a key that is missing or wrong the nearest one, and all that there are."""
    found, wanted = problem(error, name)
    *above, last = map(str, error["loc"] or [name])
    keys = _keys(_at(model, above)) if error["type"] in ("missing", "extra_forbidden") else []
    near = get_close_matches(last, keys, n=1) if error["type"] == "extra_forbidden" else []
    whole = f"the keys of `{'.'.join([name, *above])}`: {', '.join(keys)}"
    return found + (f"; did you mean `{near[0]}`?" if near else ""), whole if keys else wanted


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _at(model: type[BaseModel], parts: list[str]) -> type[BaseModel] | None:
    here: Any = model
    for part in parts:
        if get_origin(here) is dict:  # of any keys, whose values are all of one kind
            here = get_args(here)[1]
            continue
        if not (isinstance(here, type) and issubclass(here, BaseModel)):
            return None
        fields = {field.alias or name: field for name, field in here.model_fields.items()}
        here = fields[part].annotation if part in fields else None
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None
