"""A time zone that an option of a command names."""

from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from loop.base.errors import UsageError


def of_option(text: str) -> ZoneInfo:
    """The zone of `--zone`, by its name in the tz database. Raises UsageError with the nearest name."""
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        near = get_close_matches(text, available_timezones(), n=1, cutoff=0.4)
        todo = f"did you mean `{near[0]}`?" if near else "see the list of tz database time zones"
        raise UsageError(f"--zone {text!r} is no time zone", "a name such as Europe/London", todo) from None
