"""The report: what matters first, nothing foreign acts in it, and it is never too long."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from conftest import ROOT
from loop.review import review_report
from loop.review.review_html import report as page
from loop.review.verdict import (
    NO_CHANGES,
    Change,
    Check,
    Commit,
    Errors,
    ErrorSlice,
    Holdout,
    Metric,
    Slice,
    Verdict,
    WorstRow,
)

RENDERER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
HOSTILE = "<img src=x> [a](http://evil.example) @team #1 | `x` www.evil.example **b** </details>\n## head"


def verdict(finding: str = "quiet", many: int = 2, **more) -> Verdict:
    """A verdict in which every foreign text is `said`, with `many` of each thing."""
    moved = [Change(name=finding, old=finding, new=None)] * many
    values = {
        "schema_version": 2,
        "verdict": "worse",
        "sentence": f"primary: {finding}",
        "todo": finding,
        "confidence": 0.95,
        "base": Commit(name=finding, commit="a" * 40, dirty=False),
        "candidate": Commit(name=finding, commit="b" * 40, dirty=True),
        "champion": finding,
        "holdout": Holdout(since="2020-01-01", until="2020-02-01", rows=1000, clusters=31, cluster=finding),
        "metrics": [metric("log_loss", "primary", finding), metric("bias", "guard", finding)],
        "slices": [
            Slice(
                cut=finding,
                name=finding,
                rows=10,
                champion=0.1,
                candidate=0.2,
                gain=-0.1,
                low=-0.2,
                high=-0.01,
                p=0.001,
                worse=True,
            )
        ]
        * many,
        "slices_compared": 40,
        "errors": Errors(
            metric=finding,
            rows=50,
            share=0.3,
            worst=[WorstRow(row=1, key={finding: finding}, loss=2.0)] * max(many, 1),
            slices=[
                ErrorSlice(
                    cut=finding, name=finding, rows=100, worst=20, times=4.0, low=2.0, high=6.0, p=0.001
                )
            ]
            * many,
            found=many,
            looked_at=90,
            rows_min=100,
        ),
        "checks": [
            Check(name="primary", result="fail", figure=-0.1, limit=-0.01, finding=finding, reason=finding),
            *[Check(name="size", result="pass", figure=1.0, limit=5.0, finding=finding, reason=finding)]
            * many,
        ],
        "changes": NO_CHANGES.model_copy(
            update={
                "params": moved,
                "policy": moved,
                "judge": [finding] * many,
                "code": {finding: [finding] * many},
                "data": moved,
                "drift": [finding] * many,
                "environment": moved,
                "training": moved[0] if moved else None,
                "other": [finding] * many,
            }
        ),
        "notes": [finding],
        "reproduce": [f"git switch --detach {finding}", "make review"],
    }
    return Verdict(**(values | more))


def metric(name: str, role: str, title: str) -> Metric:
    return Metric(
        name=name, title=title, role=role, champion=0.4, candidate=0.5, gain=-0.1, low=-0.15, high=-0.05,
        margin=0.01, verdict="worse",
    )  # fmt: skip


def test_what_matters_stands_before_the_first_fold_and_fits_a_screen():
    text = re.sub(r"```mermaid.*?```", "\n" * 8, review_report.markdown(verdict()), flags=re.DOTALL)
    first = text[: text.index("<details>")]
    assert first.startswith("## Worse: this change may not become the champion")
    assert all(
        part in first
        for part in ("primary: quiet", "95% interval", "checks pass", "What changed", "make review")
    )
    assert len(first.splitlines()) <= 55, "a figure counts as eight lines"


def test_packages_from_elsewhere_and_what_steers_stand_above_all_else_that_changed():
    elsewhere = [
        Change(name=f"p{at}", old="https://pypi.org", new="https://evil.example") for at in range(12)
    ]
    bumps = [Change(name=f"a{at}", old="1", new="2") for at in range(50)]
    changes = NO_CHANGES.model_copy(
        update={"sources": elsewhere, "environment": bumps, "unlisted": ["data/.dvcignore", "a.txt"]}
    )
    text = review_report.markdown(verdict().model_copy(update={"changes": changes}))
    (told,) = re.findall(r"^- \*\*packages from another place.*$", text, re.MULTILINE)
    assert [one.name for one in elsewhere if f"`{one.name}`" in told] == [one.name for one in elsewhere]
    places = [text.index(one) for one in (told, "`data/.dvcignore`", "**environment**", "<details>")]
    assert places == sorted(places)


@pytest.mark.parametrize("many", [1, 3000])
def test_it_is_never_longer_than_a_comment_may_be(many):
    text = review_report.markdown(verdict("x" * 400, many))
    assert len(text) <= 55_000
    assert text.count("<details>") == text.count("</details>")
    assert ("The report is cut here" in text) == (many == 3000)


@given(st.one_of(st.text(max_size=80), st.just(HOSTILE)))
@settings(deadline=None, max_examples=60)
def test_foreign_text_is_only_words(finding):
    html = RENDERER.render(review_report.markdown(verdict(finding)))
    tags = set(re.findall(r"<(\w+)", html))
    ours = "h2 p strong em table thead tbody tr th td ul li code pre details summary"
    assert tags <= set(ours.split())
    words = re.sub(r"<code.*?</code>", "", html, flags=re.DOTALL)
    assert not re.search(r"(?<!\w)@\w|(?<!&)#\d|<[^>]*(href|src)=", words)
    assert html.count("<details>") == html.count("</details>") == 5


def test_a_table_has_as_many_cells_in_each_row():
    for block in review_report.markdown(verdict(HOSTILE)).split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") - line.count("\\|") for line in rows}) <= 1, rows


def test_the_page_shows_foreign_text_as_words():
    html = page(verdict(HOSTILE, metrics=[]))
    assert "<img" not in html
    assert "&lt;img src=x&gt;" in html
    assert "default-src 'none'" in html


def test_the_terminal_says_the_verdict_and_its_reason_in_the_first_lines():
    lines = review_report.terminal(verdict(HOSTILE)).splitlines()
    assert lines[0] == "Worse: this change may not become the champion"
    assert lines[1].startswith("  primary: ")
    assert any("fail: primary" in line for line in lines)
    assert lines[-1] == "  report      review/report.html, review/report.md"


def test_no_model_change_is_one_sentence():
    empty = {key: [] for key in ("metrics", "slices", "checks", "notes")}
    blank = {
        "todo": "",
        "champion": "",
        "holdout": None,
        "slices_compared": 0,
        "changes": NO_CHANGES,
        "errors": None,
    }
    quiet = verdict(verdict="no model change", sentence="docs", **empty, **blank)
    text = review_report.markdown(quiet)
    assert text.startswith("## No model change: the model stays as it is\n\ndocs\n")
    assert "|" not in text


def test_without_a_base_nothing_is_to_be_reproduced_and_no_name_stands_empty():
    nobody = Commit(name="", commit="", dirty=True)
    found = verdict(base=nobody, candidate=nobody, holdout=None, reproduce=[], todo="`git fetch`")
    text, html = review_report.markdown(found), page(found.model_copy(update={"metrics": []}))
    assert "Reproduce" not in text + html
    assert not re.search(r"<code>\s*</code>", RENDERER.render(text) + html)
    assert "**To do:** `git fetch`" in text
    assert "<code>git fetch</code>" in html


def test_the_terminal_says_whether_changes_are_not_committed():
    note = "note: this tree has changes that are not committed"
    assert note in review_report.terminal(verdict())
    assert note not in review_report.terminal(
        verdict(candidate=Commit(name="x", commit="b" * 40, dirty=False))
    )


def test_the_published_schema_is_that_of_the_verdict():
    schema = json.loads((ROOT / "docs/verdict.schema.json").read_text())
    assert schema == Verdict.model_json_schema()


def test_a_verdict_survives_its_file():
    found = verdict(HOSTILE)
    assert Verdict.model_validate_json(found.model_dump_json()) == found
    assert review_report.markdown(
        Verdict.model_validate_json(found.model_dump_json())
    ) == review_report.markdown(found)


def test_every_module_of_the_report_reads_the_verdict_alone():
    source = (ROOT / "src/loop/review/review_report.py").read_text()
    assert set(re.findall(r"^from (loop\S*) import", source, re.MULTILINE)) == {
        "loop.base.markup",
        "loop.repo.inert",  # names alone
        "loop.base.template",  # fills with what it is given
        "loop.review",  # comment_figures, which draws the same verdict
        "loop.review.verdict",
        "loop.settings.paths",  # names alone
    }


@pytest.mark.parametrize(
    ("failed", "first"),
    [
        ("minimum_requirements.log_loss", "Refused"),
        ("fairness", "Refused"),
        ("guards.bias", "Worse"),
        ("slices", "Worse"),
    ],
)
def test_what_breaks_a_limit_is_refused_and_only_what_loses_against_the_champion_is_worse(failed, first):
    checks = [
        Check(name=name, result=result, figure=0.5, limit=0.4, finding="f", reason="r")
        for name, result in (("primary", "pass"), (failed, "fail"))
    ]
    one = verdict(checks=checks, metrics=[])
    assert review_report.terminal(one).startswith(f"{first}: this change may not become the champion")
    assert review_report.markdown(one).startswith(f"## {first}: ")
    assert f"<h1>{first}: " in page(one)
