"""What pages say of a problem whose rows have no time of their own."""

from problem import source


def notes() -> list[str]:
    """What cannot be told where no table has a time; nothing where one has."""
    said = (
        "rows have no time of their own: days are drawn by a hash; drift, and leaks over time, cannot be told"
    )
    return [] if any(source.TIME.values()) else [said]
