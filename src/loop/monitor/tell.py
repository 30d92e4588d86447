"""tell"""

from loop.monitor.finding import Finding


def tell(found: Finding) -> None: ...
