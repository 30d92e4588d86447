"""docs/figures/comment.png and report.png: a real review of a small change, as a pull request shows it.

The change is made in a clone that is gone afterwards: a branch, one number in params.yaml, `loop run`,
`loop review`. What came out stays in docs/example, from which the README's outputs are written.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from markdown_it import MarkdownIt
from PIL import Image
from selenium import webdriver

ROOT = Path(__file__).parents[2]
EXAMPLE = Path("docs/example")
FIGURES = Path("docs/figures")
BRANCH, OLD, NEW = "learn-slower", "learning_rate: 0.05", "learning_rate: 0.03"
COMMENT_WIDE, REPORT_WIDE = 680, 960  # pixels of CSS
SHARP, COLOURS = 2, 96  # pixels of the picture in one of CSS, and its colours
DRAW = """const done = arguments[0];
window.mermaid ? mermaid.run().then(() => done(""), error => done(error.message || error.str)) : done("")"""
ABOVE_COMMANDS = """const names = [...document.querySelectorAll("strong")]
const found = names.find(one => one.textContent === "Reproduce")  // what decides is above
return found ? found.getBoundingClientRect().top - 16 : document.documentElement.scrollHeight"""
ABOVE_SLICES = (
    "return document.querySelectorAll('h2')[1].getBoundingClientRect().top - 20"  # gains and days are above
)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars")
PAGE = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<base href="{base}"><style>{style}</style>
<body class="{theme}">{body}"""
MERMAID = """<script src="{file}"></script>
<script>mermaid.initialize({{startOnLoad: false, theme: "{theme}"}})</script>"""
COMMENT = """<article class="comment"><header><b>github-actions</b> <i>bot</i> commented</header>
{body}</article>"""


def main() -> None:
    """Review the change, then take both pictures."""
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        clone = Path(folder, "clone")
        _review(clone)
        take(browser, clone / "review", ROOT / FIGURES)


def take(browser: webdriver.Chrome, review: Path, to: Path) -> None:
    """comment.png and report.png of what `loop review` wrote, into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "comment.html")
        page.write_text(comment((review / "report.md").read_text(encoding="utf-8")), encoding="utf-8")
        _shoot(browser, page, to / "comment.png", COMMENT_WIDE, ABOVE_COMMANDS)
    _shoot(browser, review / "report.html", to / "report.png", REPORT_WIDE, ABOVE_SLICES)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def comment(markdown: str, theme: str = "default") -> str:
    """A comment on a pull request as a page, with what GitHub folds left folded, its figures to be drawn."""
    body = re.sub(
        r'<pre><code class="language-mermaid">(.*?)</code></pre>',
        r'<pre class="mermaid">\1</pre>',
        _body(markdown),
        flags=re.DOTALL,
    )
    file = next(ROOT.glob(".tools/mermaid-*/mermaid.min.js"), None)
    if file is None:
        sys.exit("error: there is no Mermaid to draw figures with\n  to do: make docs PICTURES=1, with npm")
    return _page(COMMENT.format(body=body) + MERMAID.format(file=file.as_uri(), theme=theme), theme)


def show(browser: webdriver.Chrome, page: Path) -> None:
    """Open a page; Mermaid draws the figures of a comment, as GitHub lets it."""
    browser.set_script_timeout(600)
    browser.get(page.as_uri())
    if error := browser.execute_async_script(DRAW):
        raise ValueError(f"Mermaid refuses a figure of {page}: {error}")


def page(markdown: str) -> str:
    """A file of the repository's root as a page, about as GitHub shows it."""
    return _page(f'<article class="file">{_body(markdown)}</article>')


def _page(body: str, theme: str = "default") -> str:
    style = (Path(__file__).parent / "github.css").read_text(encoding="utf-8")
    return PAGE.format(base=f"{ROOT.as_uri()}/", style=style, body=body, theme=theme)


def _body(markdown: str) -> str:
    body = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(markdown)
    return f'<div class="markdown-body">{body}</div>'


def _review(clone: Path) -> None:
    """Review the change in a clone whose `main` is this commit, and keep card and verdict."""
    _do(ROOT, "git", "clone", "--quiet", ".", str(clone))
    _do(clone, "git", "switch", "--quiet", "--force-create", "main")
    _do(clone, "dvc", "config", "--local", "cache.dir", str(ROOT / ".dvc/cache"))
    _do(clone, "loop", "run")
    _do(clone, "git", "commit", "--quiet", "--all", "--allow-empty", "--message", "Results of main")
    shutil.copy(clone / "models/card.json", ROOT / EXAMPLE / "card.json")
    _do(clone, "git", "switch", "--quiet", "--create", BRANCH)
    params = clone / "params.yaml"
    text = params.read_text(encoding="utf-8")
    if OLD not in text:
        sys.exit(f"error: params.yaml has no `{OLD}`\n  to do: name another change in docs/make/pictures.py")
    params.write_text(text.replace(OLD, NEW), encoding="utf-8")
    _do(clone, "loop", "run")
    _do(clone, "git", "commit", "--quiet", "--all", "--message", "Learn slower")
    _do(clone, "loop", "review", "--against", "main")
    shutil.copy(clone / "review/verdict.json", ROOT / EXAMPLE / "verdict.json")


def _do(where: Path, *command: str) -> None:
    tools = Path(sys.executable).parent
    who = {f"GIT_{role}_{key}": "docs" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    paths = {"PYTHONPATH": str(where / "src"), "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(command, cwd=where, env=os.environ | who | paths, check=True, timeout=3600)


@contextmanager
def _browser() -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        sys.exit(
            "error: there is no browser to take pictures with\n  to do: apt install chromium chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
        yield browser
        browser.quit()


def _shoot(browser: webdriver.Chrome, page: Path, to: Path, wide: int, high: str) -> None:
    """A page as a picture of few colours, as high as the script `high` says."""
    _size(browser, wide, 1)
    show(browser, page)
    _size(browser, wide, int(browser.execute_script(high)))
    browser.save_screenshot(str(to))
    with Image.open(to) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(to, optimize=True)


def _size(browser: webdriver.Chrome, wide: int, high: int) -> None:
    size = {"width": wide, "height": high, "deviceScaleFactor": SHARP, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
