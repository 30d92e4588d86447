"""`monitor.accepted`: a change that a person explained, by its place, its day and the reason."""

import pytest

from loop.base.errors import LoopError
from support.monitor_case import settings

RIGHT = {"change": "weather.wind", "since": "2013-06-10", "reason": "new sensors"}


def test_a_change_is_accepted_by_place_day_and_reason():
    (one,) = settings(accepted=[RIGHT]).accepted
    assert (one.change, one.since, one.reason) == ("weather.wind", "2013-06-10", "new sensors")
    assert settings().accepted == ()


@pytest.mark.parametrize("day", ["June", "2013-06-31", "", "2013-06-10T00:00Z"])
def test_a_day_that_there_is_not_is_named(day):
    with pytest.raises(LoopError, match=r"monitor.accepted.0.since. is .*, no day") as error:
        settings(accepted=[RIGHT | {"since": day}])
    assert error.value.expected == "a day of UTC, as 2013-06-10"


@pytest.mark.parametrize("key", RIGHT)
def test_what_is_missing_is_named(key):
    part = {name: value for name, value in RIGHT.items() if name != key}
    with pytest.raises(LoopError, match=rf"monitor.accepted.0.{key}. is missing"):
        settings(accepted=[part])
