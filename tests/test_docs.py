"""The docs: short at the door, no dead link, every page found by its reader, generated pages up to date."""

import re
import subprocess
from pathlib import Path

import pytest
from docs.make import architecture, commands, pictures, readme
from typer.main import get_command

from loop.commands.command_line import app
from loop.init import template_parts
from loop.pipeline import problem_parts
from loop.production import transitions
from support.tools import tool

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]
)
INDEX = ROOT / "docs/README.md"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
MENTION = re.compile(r"\bdocs/[\w/.-]+\.(?:md|json|svg|png)\b")
GENERATED = {
    architecture.PAGE: architecture.page,
    commands.PAGE: commands.page,
    readme.PAGE: lambda: readme.page((ROOT / readme.PAGE).read_text()),
}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def links(path: Path) -> list[str]:
    found = ["".join(pair) for pair in LINK.findall(prose(path))]
    return [link for link in found if not re.match(r"https?:|mailto:", link)]


def anchors(path: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    heads = re.findall(r"^#+ +(.+)$", prose(path), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head).lower() for head in heads)
    return {re.sub(r"[^\w\- ]", "", head).strip().replace(" ", "-") for head in plain}


def target(page: Path, link: str) -> tuple[Path, str]:
    path, _, anchor = link.partition("#")
    return ((page.parent / path).resolve() if path else page), anchor


def test_the_door_is_small():
    assert (ROOT / "README.md").stat().st_size <= 7_000, "the rest has its page in docs/"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page):
    dead = [
        link
        for link in links(page)
        for path, anchor in [target(page, link)]
        if not path.exists() or (anchor and anchor not in anchors(path))
    ]
    assert not dead


def test_a_link_is_found_and_its_anchor_is_that_of_github(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# What `dvc.lock` is, and why\n\n[a](b.md#c) ![d](e.svg)\n\n```\n[no](no.md)\n```\n")
    assert links(page) == ["b.md#c", "e.svg"]
    assert anchors(page) == {"what-dvclock-is-and-why"}


def test_every_page_is_found_from_the_index_and_the_index_from_the_door():
    listed = {target(INDEX, link)[0] for link in links(INDEX)}
    assert not set(ROOT.glob("docs/**/*.md")) - listed - {INDEX}
    assert INDEX in {target(ROOT / "README.md", link)[0] for link in links(ROOT / "README.md")}


def test_every_page_that_code_speaks_of_is_there():
    tracked = subprocess.run(
        [
            "git",
            "ls-files",
            "src",
            ".github",
            "deploy",
            "params.yaml",
            "pyproject.toml",
            "Makefile",
            "benchmarks",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    texts = {name: (ROOT / name).read_text() for name in tracked if (ROOT / name).suffix != ".parquet"}
    assert not [
        (name, page)
        for name, text in texts.items()
        for page in MENTION.findall(text)
        if not (ROOT / page).exists()
    ]


def test_every_picture_is_shown_and_small():
    shown = {target(page, link)[0] for page in PAGES for link in links(page)}
    drawn = [*ROOT.glob("docs/figures/*.svg"), *ROOT.glob("docs/figures/*.png")]
    assert not set(drawn) - shown
    assert not [path for path in drawn if path.suffix == ".png" and path.stat().st_size > 200_000]


@pytest.mark.parametrize("page", GENERATED, ids=str)
def test_a_page_made_from_the_code_is_that_of_the_code(page):
    assert (ROOT / page).read_text() == GENERATED[page](), "`make docs` writes it anew"


def test_every_task_and_command_has_its_place():
    page = (ROOT / commands.PAGE).read_text()
    tasks = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    words = list(get_command(app).commands)
    assert "run" in tasks
    assert "review" in words
    assert not [task for task in tasks if f"| `make {task}` |" not in page]
    assert not [word for word in words if f"\n## loop {word}" not in page]


def test_every_workflow_is_explained():
    page = (ROOT / "docs/github.md").read_text()
    workflows = list((ROOT / ".github/workflows").glob("*.yml"))
    assert workflows
    assert not [path.name for path in workflows if f"| `{path.name}` |" not in page]


def test_the_transitions_that_a_page_shows_have_the_subjects_that_are_written():
    """Lines as `loop audit` prints them, on any page."""
    line = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\dZ  (\w+) +version (\d+) +\S.*?  +(\S.*)$", re.MULTILINE)
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = [found.groups() for page in pages for found in line.finditer(page.read_text())]
    assert len(shown) >= 3
    for kind, number, subject in shown:
        form = transitions.SUBJECTS[kind].replace("{version}", number)
        assert re.fullmatch(re.sub(r"\{\w+\}", r"[\\w, -]+", form), subject), subject


def test_the_problem_is_described_by_its_own_files():
    for page in (ROOT / "README.md", ROOT / "docs/adopt.md", ROOT / "docs/problem.md"):
        text = page.read_text()
        files = {path.name for path in (ROOT / "src/problem").glob("*.py")} - {"__init__.py"}
        assert len(files) == 5
        assert not [name for name in files if f"{name}` |" not in text]


def test_every_part_of_a_problem_is_explained():
    page = (ROOT / "docs/problem.md").read_text()
    parts = {name for file in problem_parts.PARTS.values() for name in file}
    assert not [name for name in sorted(parts) if not re.search(rf"`{name}[`(]", page)]


def test_no_message_sends_a_copy_to_a_page_that_it_does_not_have():
    named = {
        (page, path.name)
        for path in (ROOT / "src/loop").rglob("*")
        if path.suffix in {".py", ".j2"} and path.name != "template_parts.py"
        for page in re.findall(r"docs/[\w./-]+\.md", path.read_text())
    }
    assert named
    assert not [one for one in sorted(named) if not (ROOT / one[0]).is_file()]
    assert not [one for one in sorted(named) if one[0] in template_parts.OWN]


def test_a_comment_is_rendered_as_github_does():
    tool("MERMAID")
    page = pictures.comment(
        "## Better\n\n| a | b |\n|---|--:|\n| x | 1 |\n\n<details><summary>s</summary>\n\nt\n\n</details>\n"
    )
    assert "<h2>Better</h2>" in page
    assert '<td style="text-align:right">1</td>' in page
    assert "<details><summary>s</summary>" in page
