"""Numbers of things in messages."""


def counted(number: int, one: str, many: str = "") -> str:
    """A number and its noun: 1 row, 1,234 rows, 2 entities."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
