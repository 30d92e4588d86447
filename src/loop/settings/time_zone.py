"""A time zone that an option of a command names."""

from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from loop.base.errors import UsageError

NO_PLACES = {"localtime", "Factory"}


def of_option(text: str) -> ZoneInfo:
    """The zone of `--zone`, by its name in the tz database. Raises UsageError with the nearest name.

    What is no place is none: `localtime` is another on each machine, and `right/...` counts leap seconds.
    """
    names = available_timezones() - NO_PLACES
    if text in names:
        return ZoneInfo(text)
    near = get_close_matches(text, names, n=1, cutoff=0.4)
    todo = f"did you mean `{near[0]}`?" if near else "see the list of tz database time zones"
    raise UsageError(f"--zone {text[:40]!r} is no time zone", "a name such as Europe/London", todo)
