"""Numbers of things in messages."""


def counted(number: int, one: str, many: str = "") -> str:
    """A number and its noun: 1 row, 1,234 rows, 2 entities."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def in_digits(value: float) -> str:
    """A value in as many digits as count: 12.31, 0.0512, 1,204."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
