"""Examples: each request once, with its label."""

import pandas as pd
import pytest

from loop.base.errors import LoopError
from loop.pipeline import examples
from loop.settings.params import Window
from problem import schema, source

AT = pd.Timestamp("2013-06-10T00:00Z")


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
