"""What a changelog says of two versions, on literal facts."""

from dataclasses import replace

from loop.model.tracking import flat
from loop.release.changelog import MOST, Contents, changelog

WAS = Contents(
    card={
        "metrics": {"loss": {"title": "loss", "value": 0.45, "low": 0.41, "high": 0.48}},
        "data": {"holdout": {"from": "2026-01-01 00:00Z", "until": "2026-02-01 00:00Z"}},
    },
    params={"train": {"trees": 200}, "windows": {"as_of": "2026-02-03"}},
    lock={"stages": {"ingest": {"outs": [{"path": "data/raw", "md5": "a" * 32}]}}},
    served={"src/loop/serve/app.py": "1"},
)


def test_equal_facts_have_figures_and_no_changes():
    output = changelog(WAS, WAS)
    assert "| loss | 0.4500 | 0.4500 | 0.4100 to 0.4800 |" in output
    assert "Params" not in output
    assert "Data" not in output
    assert "Serving" not in output


def test_each_change_is_reported_with_its_key_and_both_values():
    output = changelog(WAS, replace(WAS, params={"train": {"trees": 300, "depth": 3}}))
    assert "- `train.trees`: `200` → `300`" in output
    assert "- `train.depth`: new, `3`" in output
    assert "- `windows.as_of`: gone" in output


def test_data_and_code_are_reported_by_path():
    data = {"stages": {"ingest": {"outs": [{"path": "data/raw", "md5": "b" * 32}]}}}
    output = changelog(WAS, replace(WAS, lock=data, served={"src/loop/serve/app.py": "2"}))
    assert f"- `data/raw`: `{'a' * 32}` → `{'b' * 32}`" in output
    assert "- `src/loop/serve/app.py`" in output


def test_figures_of_other_rows_are_not_set_against_each_other_without_saying_so():
    other = {**WAS.card, "data": {"holdout": {"from": "2026-02-01 00:00Z", "until": "2026-03-01 00:00Z"}}}
    output = changelog(WAS, replace(WAS, card=other))
    assert "other rows than before: 2026-01-01 until 2026-02-01, now 2026-02-01 until 2026-03-01" in output
    assert "other rows" not in changelog(WAS, WAS)


def test_the_first_version_has_figures_and_nothing_to_compare_with():
    output = changelog(None, WAS)
    assert output.startswith("The first version.")
    assert "| loss | - | 0.4500 |" in output


def test_a_metric_that_the_older_card_lacks_has_no_earlier_value():
    output = changelog(replace(WAS, card={"metrics": {}, "data": WAS.card["data"]}), WAS)
    assert "| loss | - | 0.4500 |" in output


def test_a_value_cannot_act_as_markup_and_a_long_list_is_cut():
    output = changelog(WAS, replace(WAS, params={f"k{n:03}": "`|@all <b>\n# x" for n in range(MOST + 10)}))
    assert "and 12 more" in output  # two that are gone
    assert "\n# x" not in output
    other = {"metrics": WAS.card["metrics"], "data": {"holdout": {"from": "<b>@all", "until": "|"}}}
    output = changelog(WAS, replace(WAS, card=other))
    assert "<b>" not in output
    assert "@all" not in output


def test_nested_params_are_dotted_keys_and_lists_are_values():
    assert flat({"a": {"b": 1, "c": [1, {"d": 2}]}}) == {"a.b": 1, "a.c": [1, {"d": 2}]}
