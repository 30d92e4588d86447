"""What is the template's own and leaves with its example: data, results, tests of the machinery, pages.

`python -m loop.init.template_parts [SOURCE [STEPS]]` leaves of a checkout of the template what a copy holds
of it: `loop update` compares versions so. It needs no package but those that every version has.
"""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from loop.base import files

EXAMPLE = re.compile(r"\s*\"([\w-]+)[^\"]*\",\s*# the example's data")  # a package of pyproject.toml
RESULTS = (
    *("dvc.lock", "data/raw", "data/valid", "data/examples", "data/predictions.parquet"),
    *("reports/plots", "reports/evaluation.html", "reports/golden.json", "reports/metrics.json"),
    *("reports/slices.json", "reports/validation.json", "models/model.skops", "models/reference.json"),
    *("models/lineage.json", "models/card.json", "models/card.md"),
)
OWN = (
    *("benchmarks", ".ci", "CHANGELOG.md", "src/problem", "tests/problem", "tests/second_problem"),
    *("docs/adopt.md", "docs/data.md", "docs/example", "docs/monitoring-judged.md", "docs/replay.md"),
    *("docs/start.md", "docs/decisions"),
)
KEPT_TESTS = {"contract", "problem", "conftest.py", "support"}  # of any problem
KEPT_SUPPORT = {"closure.py", "runs.py", "states.py", "warm"}
STEPS = "src/problem/steps.py"
LINK = re.compile(r"!?\[(?P<words>[^\]]*)\]\((?P<target>[^)#\s]+)(#[^)\s]*)?\)")
ENTRY = re.compile(rf"\s*- {LINK.pattern}")  # of a list, about that page
SENTENCE = re.compile(rf"[^.!\[]*{LINK.pattern}\.?\s*$")  # that is there for the link alone
BRACKETS = re.compile(rf"\s?\({LINK.pattern}\)")


def adopt(root: Path, source: Path | None, *, steps: bool) -> None:
    """Leave what a copy holds whose source reads the files at `source`, with or without steps of its own."""
    remove(root)
    one_part(root)
    unlock(root)
    stages(root, source, steps=steps)


def source_of(text: str) -> tuple[str, bool]:
    """Of the dvc.yaml of a copy: the path that its source reads, if one, and whether it has own steps."""
    found = re.search(r"^      - (data/source/.*)$", text, re.MULTILINE)
    return (found[1] if found else "", f"      - {STEPS}\n" in text)


def remove(root: Path) -> None:
    """Take away what speaks of the example, or is only for whoever develops the template."""
    for name in (*RESULTS, *OWN):
        _gone(root / name)
    for path in sorted((root / "tests").iterdir()):
        if path.name not in KEPT_TESTS:
            _gone(path)
    for path in sorted((root / "tests/support").iterdir()):
        if path.name not in KEPT_SUPPORT:
            _gone(path)
    _unlinked(root / "docs")


def _gone(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _unlinked(docs: Path) -> None:
    """Pages that do not speak of pages that are gone, and no picture that no page shows."""
    shown: set[Path] = set()
    for page in sorted(docs.rglob("*.md")):

        def there(target: str, page: Path = page) -> bool:
            if "://" in target or target.startswith("#"):
                return True
            shown.add((page.parent / target).resolve())
            return (page.parent / target).exists()

        files.write_text(page, without_dead_links(page.read_text(encoding="utf-8"), there))
    for picture in sorted((docs / "figures").glob("*")):
        if picture.resolve() not in shown:
            picture.unlink()


def without_dead_links(text: str, there: Callable[[str], bool]) -> str:
    """A page without links to what is not `there`.

    An entry of a list, a sentence of one line and brackets go with the link that they are there for; else
    its words stay.
    """

    def dead(link: re.Match[str]) -> bool:
        return not there(link["target"])

    def words(link: re.Match[str]) -> str:
        return link[0] if not dead(link) else "" if link[0].startswith("!") else link["words"]

    text = BRACKETS.sub(lambda found: "" if dead(found) else found[0], text)
    kept: list[str] = []
    for line in text.splitlines(keepends=True):
        begins = not kept or kept[-1].rstrip()[-1:] in {"", "."}  # a sentence begins with this line
        alone = ENTRY.match(line) or (SENTENCE.match(line) if begins else None)
        if not (alone and dead(alone)):
            kept.append(LINK.sub(words, line))
    return "".join(kept)


def one_part(root: Path) -> None:
    """Let one job of checks.yml run all tests: those of one problem take minutes."""
    path = root / ".github/workflows/checks.yml"
    if path.is_file():
        files.write_text(path, re.sub(r"\bpart: \[1/.*\]", "part: [1/1]", path.read_text(encoding="utf-8")))


def unlock(root: Path) -> None:
    """Take the example's package out of pyproject.toml and uv.lock; all other versions stay as they are."""
    project, lock = root / "pyproject.toml", root / "uv.lock"
    lines = project.read_text(encoding="utf-8").splitlines(keepends=True)
    names = [found[1] for found in map(EXAMPLE.match, lines) if found]
    files.write_text(project, "".join(line for line in lines if not EXAMPLE.match(line)))
    for name in names:
        parts = re.split(r"(?m)^(?=\[\[package\]\]\n)", lock.read_text(encoding="utf-8"))
        text = "".join(part for part in parts if f'\nname = "{name}"\n' not in part)
        files.write_text(lock, re.sub(rf'(?m)^ *\{{ name = "{name}"[^\n]*\n', "", text))


def stages(root: Path, source: Path | None, *, steps: bool) -> None:
    """Let stages of dvc.yaml depend on the files that the source reads, and on steps of one's own."""
    path = root / "dvc.yaml"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    own, model = f"      - {STEPS}\n", "      - src/problem/model.py\n"
    lines = [line for line in lines if not line.startswith("      - data/source/") and line != own]
    if steps:
        lines = [one for line in lines for one in ((line, own) if line == model else (line,))]
    if source:
        lines.insert(lines.index("    deps:\n") + 1, f"      - {source.as_posix()}\n")
    files.write_text(path, "".join(lines))


if __name__ == "__main__":
    _source, _steps = [*sys.argv[1:], "", ""][:2]
    adopt(Path.cwd(), Path(_source) if _source else None, steps=bool(_steps))
