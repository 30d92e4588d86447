"""Examples: each request once, with its label, whatever the parts that it is read in."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.base import files
from loop.base.errors import LoopError
from loop.data import joining
from loop.kit import contracts, views
from loop.kit.sources import Requests
from loop.pipeline import examples
from loop.settings.params import Window
from problem import schema, source

AT = pd.Timestamp("2013-06-10T00:00Z")
HOUR = pd.Timedelta(hours=1)
OWN = Requests("orders", list, ["order"], "late", time="at", lead=HOUR, known="known_at")
VIEWS = (
    views.latest("prices", ("shop",), "at", ("price",), ttl=3 * HOUR, age="price_age_hours"),
    views.trailing(
        "day", "orders", ("shop",), "known_at", 4 * HOUR, count="orders", means={}, until="newest row"
    ),
)


@pytest.mark.parametrize("what", ["requests", "labels"])
def test_a_key_that_comes_twice_is_named_with_what_to_do(monkeypatch, what):
    asked = pd.DataFrame(schema.REQUEST_EXAMPLES).iloc[:1].astype({"decided_at": "datetime64[us, UTC]"})
    given = {"requests": asked, "labels": asked[source.KEY].assign(label=1, label_known_at=AT)}
    given[what] = pd.concat([given[what]] * 3)
    monkeypatch.setattr(examples.contract, "require", lambda *_: None)
    for name in given:
        monkeypatch.setattr(source, name, lambda *_, of=name: given[of])
    window = Window(**{"from": "1900-01-01T00:00Z", "until": "2100-01-01T00:00Z"})
    with pytest.raises(LoopError, match=f"{what} of .* has keys that came before, in rows: 2") as error:
        examples.labelled({}, window, AT)
    assert error.value.expected == f"each {', '.join(source.KEY)} once"


@pytest.fixture
def shop(monkeypatch, tmp_path):
    """A problem of orders in shops, in the place of ours."""
    request = {
        "order": contracts.number(0, 100, whole=True),
        "shop": contracts.text(),
        "at": contracts.instant(),
    }
    label = contracts.number(0, 1, whole=True)
    derived = contracts.derived(request, OWN.key, VIEWS, score=contracts.probability(), label=label)
    monkeypatch.setattr(schema, "REQUEST", derived.request)
    monkeypatch.setattr(schema, "EXAMPLE", derived.example)
    for name, value in {"KEY": OWN.key, "requests": OWN.requests, "labels": OWN.labels}.items():
        monkeypatch.setattr(source, name, value)
    monkeypatch.chdir(tmp_path)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    max_examples=30,
)
@given(
    hours=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    group=st.integers(1, 20),
    at_once=st.integers(1, 60),
    since=st.integers(0, 10),
    seed=st.integers(0, 99),
)
def test_examples_made_in_parts_are_those_made_at_once(shop, monkeypatch, hours, group, at_once, since, seed):
    """To the bit, with several requests of an instant, labels that are not known, shops without prices."""
    rng = np.random.default_rng(seed)
    at = (AT + pd.to_timedelta(np.sort(hours), unit="h")).astype("datetime64[us, UTC]")
    known = (at + pd.to_timedelta(rng.integers(0, 9, len(at)), unit="h")).where(rng.random(len(at)) < 0.8)
    orders = pd.DataFrame(
        {"order": rng.permutation(len(at)), "shop": rng.choice([*"abc"], len(at)), "at": at}
    )
    orders = orders.assign(late=orders["order"] % 2, known_at=known)
    of = pd.MultiIndex.from_product([pd.date_range(AT, periods=9, freq="2h", unit="us"), [*"ab"]])
    prices = of.to_frame(False, ["at", "shop"]).assign(price=rng.normal(size=18))
    window = Window(**{"from": f"{AT + since * HOUR:%Y-%m-%dT%H:%MZ}", "until": "2013-06-10T15:00Z"})
    stored = {name: Path(f"{name}.parquet") for name in ("orders", "prices")}
    monkeypatch.setattr(files, "ROW_GROUP", group)
    for name, table in {"orders": orders, "prices": prices}.items():
        files.write_table(stored[name], table)
    made = examples.Labelled(stored, window, AT + 20 * HOUR)
    rows, unlabelled = examples.labelled({"orders": orders, "prices": prices}, window, AT + 20 * HOUR)
    with joining.joining(stored, VIEWS) as join:
        found = pd.concat(examples.examples(join, made, "all", at_once), ignore_index=True)
        pd.testing.assert_frame_equal(
            found, pd.concat(examples.examples(join, [rows], "all")), check_exact=True
        )
    assert (made.rows, made.unlabelled) == (len(rows), unlabelled)


def test_a_table_that_validate_did_not_write_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(examples, "VALID", tmp_path)
    with pytest.raises(LoopError, match=r"\.parquet is missing") as refused:
        examples.main()
    assert "dvc repro" in refused.value.todo
