"""Issues where somebody must act."""

from loop.monitor.finding import Finding


def tell(found: Finding) -> None:
    """Open an issue about it."""
