"""The model card: complete, for people and for programs, and no data can act as markup in it."""

import datetime
import json
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from jinja2 import UndefinedError

from loop.base import files
from loop.base.errors import LoopError
from loop.kit import groups
from loop.pipeline import card_groups, evaluation_report, model_card, run
from loop.settings.params import parse

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
    for part in (
        *("Intended use", "Out of scope", "How good it is", "Fairness", "Where errors crowd", "Limits"),
        *(
            "Ethical considerations",
            "owner",
            "contact",
            "trained on",
            "Who is among the rows that trained it",
        ),
    ):
        assert part in text
    assert card["owner"] in text
    assert card["model"]["sha256"] in text
    assert all(limit in text for limit in card["limits"])
    for row in [*card["slices"], *card["subgroups"], *card["training"], *card["errors"]]:
        row["slice"] = row.get("slice") or row["group"]
        assert f"| {row['slice']} | {row['rows']:,} |" in text


def test_it_says_of_how_many_rows_a_sample_was_fitted(card):
    card["data"]["train"] |= {"rows": 5_000, "sampled_from": 34_000_000}
    assert "5,000 rows, drawn by the hash of their key from 34,000,000, labels" in model_card.markdown(card)


def test_days_of_rows_without_a_time_are_shown_nowhere_and_that_they_are_draws_is_said(card):
    note = "rows have no time of their own"
    figures: dict[str, str] = defaultdict(str)
    day = card["data"]["train"]["from"][:10]
    pages = (model_card.markdown, lambda of: evaluation_report.html(of, figures), run.summary)
    for page in pages:
        assert day in page(card)
        assert note not in page(card)
    card["data"]["notes"] = [note]
    for page in pages:
        assert day not in page(card)
        assert note in page(card)


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
        assert set(table[1]) <= set("|-:"), table[1]


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


ABOUT = {"name": "n", "owner": "o", "intended_use": "u", "out_of_scope": ["x"], "limits": ["y"]}


def test_a_team_s_own_keys_are_shown_under_their_own_title(card):
    own = {"carbon_footprint": "0.1 kWh a training", "Reviewed by": ["ann", HOSTILE]}
    about = parse("card", ABOUT | own, model_card.Params)
    card["more"] = about.more()
    text = model_card.markdown(card)
    assert "## Carbon footprint\n\n- 0.1 kWh a training" in text
    assert "## Reviewed by\n\n- ann" in text
    assert "<script" not in text


@pytest.mark.parametrize(
    ("own", "lines"),
    [
        (3, ["3"]),
        ({"by": "ann", "on_site": True}, ["by: ann", "on site: yes"]),
        ({"high": ["a", "b"], "low": None, "deep": {"er": 1}}, ["high: a", "high: b", "deep: er: 1"]),
        ([{"who": "ann", "kWh": 0.5}, "all"], ["who: ann", "kWh: 0.5", "all"]),
        (datetime.date(2026, 1, 2), ["2026-01-02"]),
    ],
)
def test_what_lies_below_a_team_s_own_key_is_a_line_with_the_keys_before_it(card, own, lines):
    card["more"] = parse("card", ABOUT | {"audit": own}, model_card.Params).more()
    text = model_card.markdown(card)
    assert "## Audit\n\n" + "".join(f"- {line}\n" for line in lines) in text


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ({"contacts": "x"}, "has the key `contacts`; did you mean `contact`?"),
        ({"ethical_consideration": ["x"]}, "did you mean `ethical_considerations`?"),
        ({"note": None}, "`card` has nothing below `note`"),
        ({"note": {"a": [""]}}, "`card` has nothing below `note`"),
    ],
)
def test_a_typo_and_what_says_nothing_are_refused_by_key(own, found):
    with pytest.raises(LoopError) as refused:
        parse("card", ABOUT | own, model_card.Params)
    assert found in refused.value.found


def test_what_nobody_wrote_down_is_said_to_be_that(card):
    about = parse("card", ABOUT, model_card.Params)
    card |= about.model_dump()
    text = model_card.markdown(card)
    assert "| contact | the owner |" in text
    assert "Nobody has written any down yet" in text


def test_errors_are_said_to_crowd_where_they_do(monkeypatch):
    """Twenty rows, of which the worst two are both of b: a fifth of the rows, all of the worst tenth."""
    monkeypatch.setattr(card_groups.metrics, "SLICES", {"shop": groups.column("shop")})
    monkeypatch.setattr(card_groups.metrics, "SUBGROUPS", {})
    rows = pd.DataFrame({"shop": ["a"] * 16 + ["b"] * 4, "label": [0.0] * 20})
    score, days = np.array([0.1] * 16 + [0.9, 0.8, 0.1, 0.1]), np.arange(20) % 5
    found = card_groups.errors(rows, score, days, rows_min=3, confidence=0.95)
    shown = {"cut": "shop", "group": "b", "rows": 4, "share": 0.2, "worst_share": 1.0, "times": 5.0}
    assert found[list(shown)].to_dict("records") == [shown]
    assert card_groups.errors(rows, score, days, rows_min=5, confidence=0.95).empty


def test_a_crowd_is_certain_where_luck_does_not_explain_it_for_all_together(monkeypatch):
    monkeypatch.setattr(card_groups.metrics, "SLICES", {"shop": groups.column("shop")})
    monkeypatch.setattr(card_groups.metrics, "SUBGROUPS", {})
    rng = np.random.default_rng(1)
    shop, days = rng.choice(["a", "b", "c", "d"], 2000), np.arange(2000) % 40
    rows = pd.DataFrame({"shop": shop, "label": 0.0})
    error = np.abs(rng.normal(size=2000))
    chance = card_groups.errors(rows, error, days, 20, 0.95)
    assert not chance["certain"].any()
    planted = card_groups.errors(rows, error * np.where(shop == "c", 2, 1), days, 20, 0.95)
    assert planted[planted["certain"]]["group"].tolist() == ["c"]
    assert planted["low"][0] > 1


def test_with_classes_the_card_says_how_the_rows_of_a_group_part_among_them(card, monkeypatch):
    monkeypatch.setattr(card_groups.score_columns, "CLASSES", ["red", "green", "blue"])
    monkeypatch.setattr(card_groups.metrics, "SUBGROUPS", {"shop": groups.column("shop")})
    train = pd.DataFrame({"shop": ["a"] * 4, "label": [0.0, 2.0, 2.0, 2.0]})
    found = card_groups.training([train], train)
    assert found["classes"].tolist() == ["blue 75.0%, red 25.0%"]
    card["training"] = files.records(found)
    assert "| a | 4 | 100.0 % | 100.0 % | blue 75.0%, red 25.0% |" in model_card.markdown(card)


def test_the_error_with_classes_is_what_the_true_class_lacks():
    score = np.array([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]])
    assert card_groups.distance(np.array([0.0, 2.0]), score).tolist() == pytest.approx([0.3, 0.75])


def test_who_trained_it_is_counted_beside_who_judges_it(monkeypatch):
    monkeypatch.setattr(card_groups.metrics, "SUBGROUPS", {"shop": groups.column("shop")})
    train = pd.DataFrame({"shop": ["a", "a", "a", "b"], "label": [1.0, 0.0, 1.0, 1.0]})
    found = card_groups.training(
        [train[:3], train[3:]], pd.DataFrame({"shop": ["a", "c"], "label": [1.0, 1.0]})
    )
    assert found.to_dict("records") == [
        {"cut": "shop", "group": "a", "rows": 3, "share": 0.75, "holdout_share": 0.5, "mean_label": 2 / 3},
        {"cut": "shop", "group": "b", "rows": 1, "share": 0.25, "holdout_share": 0.0, "mean_label": 1.0},
    ]
