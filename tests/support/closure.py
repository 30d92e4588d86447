"""Which files of a tree a module runs, by the tree's place."""

from pathlib import Path

from loop.repo.closure import reached


def closure(module: str, root: Path = Path()) -> set[str]:
    """Paths from `root` of a module below its `src`, and of all that it reaches."""

    def text(path: str) -> str | None:
        return (root / path).read_text(encoding="utf-8") if (root / path).is_file() else None

    return reached([module], text)
