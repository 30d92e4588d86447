"""The model card: complete, for people and for programs, and no data can act as markup in it."""

import json

import pytest
from jinja2 import UndefinedError

from loop.pipeline import evaluation_report, model_card

HOSTILE = "<script>alert(1)</script> | [x](http://evil) `code` @team"


@pytest.fixture
def card(finished):
    return json.loads(finished.text("models/card.json"))


@pytest.fixture
def hostile(card):
    first = card["slices"][0]["slice"]
    for row in card["slices"]:
        row["slice"] = HOSTILE if row["slice"] == first else row["slice"]
    card["name"] = HOSTILE
    return card


def test_it_says_what_it_saw_how_good_it_is_and_where_it_ends(card):
    text = model_card.markdown(card)
    for part in ("Intended use", "Out of scope", "How good it is", "Limits", "owner", "trained on"):
        assert part in text
    assert card["owner"] in text
    assert card["model"]["sha256"] in text
    assert all(limit in text for limit in card["limits"])
    for row in card["slices"]:
        assert f"| {row['slice']} | {row['rows']:,} |" in text


def test_it_says_which_changes_of_the_feed_nobody_or_somebody_explained(card):
    card["feed_changes"] = [{"summary": "readings.warmth, since 2013-03-04: the level"}]
    card["accepted_changes"] = [{"change": "readings.wind", "since": "2013-02-01", "reason": "a new sensor"}]
    text = model_card.markdown(card)
    assert "readings.warmth, since 2013-03-04" in text
    assert "a person explained it: readings.wind, since 2013-02-01: a new sensor" in text


def test_every_table_row_has_as_many_cells_as_its_head(card):
    tables = [
        block.splitlines() for block in model_card.markdown(card).split("\n\n") if block.startswith("|")
    ]
    assert len(tables) >= 5
    for table in tables:
        assert len({line.count("|") for line in table if line.startswith("|")}) == 1, table[0]


def test_a_fact_that_is_missing_fails_by_name(card):
    del card["owner"]
    with pytest.raises(UndefinedError, match="owner"):
        model_card.markdown(card)


def test_markdown_from_data_is_only_words(hostile):
    text = model_card.markdown(hostile)
    for sign in ("<script", "[x](", "@team", "</script> |"):
        assert sign not in text


def test_html_from_data_is_only_words(hostile):
    page = evaluation_report.html(
        hostile, dict.fromkeys(("calibration", "scores", "clusters", "slices"), "<svg></svg>")
    )
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_asks_for_nothing_from_elsewhere(finished):
    page = finished.text("reports/evaluation.html")
    assert "default-src 'none'" in page
    for sign in ("src=", 'href="http', "url(http", "@import", "<script"):
        assert sign not in page


def test_the_committed_card_is_the_one_of_the_run(finished, card):
    assert finished.text("models/card.md") == model_card.markdown(card)
