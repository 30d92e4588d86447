"""The space of a search: values that a sampler draws, as params.yaml would hold them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from loop.base.errors import LoopError
from loop.pipeline import train as training
from loop.settings import params
from loop.settings.paths import PARAMS
from loop.settings.search_settings import Dimension, Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Values = Mapping[str, Value]


def distributions(space: Mapping[str, Dimension]) -> dict[str, "BaseDistribution"]:
    """The space in the sampler's terms."""
    return {key: _distribution(one) for key, one in space.items()}


def _distribution(one: Dimension) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if one.choices is not None:
        return CategoricalDistribution(one.choices)
    low, high, step = one.low or 0, one.high or 0, one.step
    if isinstance(low, int) and isinstance(high, int) and not isinstance(step, float):
        return IntDistribution(low, high, log=one.log, step=step or 1)
    return FloatDistribution(low, high, log=one.log, step=step)


def as_written(values: Values, space: Mapping[str, Dimension]) -> dict[str, Value]:
    """Values of the sampler as a person would write them: floats with three digits, within their range."""
    return {key: _short(value, space[key]) for key, value in values.items()}


def _short(value: Value, one: Dimension) -> Value:
    if one.choices is not None or not isinstance(value, float):
        return value
    return min(max(float(f"{value:.3g}"), float(one.low or 0)), float(one.high or 0))


def usual(settings: training.Params, space: Mapping[str, Dimension]) -> dict[str, Value]:
    """What params.yaml says of the keys that the space names."""
    return {key: getattr(settings.model, key) for key in space}


def with_values(values: Values) -> training.Params:
    """`train` of params.yaml with these values of `model`. Raises LoopError where the model refuses one."""
    train = params.whole()["train"]
    asked = {**train, "model": {**train["model"], **values}}
    found: training.Params = params.parse("train", asked, training.Params)
    return found


def check(space: Mapping[str, Dimension]) -> None:
    """Raise LoopError for an end or a choice that the model refuses, and for a usual value outside."""
    for key, value in usual(with_values({}), space).items():
        one = space[key]
        if not one.holds(value):
            raise LoopError(
                f"{PARAMS}: search.space.{key} does not hold train.model.{key}, which is {value}",
                "a space around the params as they are: every trial is compared with them",
                f"widen search.space.{key} in {PARAMS}",
            )
        for corner in one.corners:
            try:
                with_values({key: corner})
            except LoopError as error:
                raise LoopError(
                    f"{PARAMS}: search.space.{key} reaches {corner}, which the model refuses: {error.found}",
                    error.expected,
                    f"narrow search.space.{key} in {PARAMS}",
                ) from None
