"""The feed as a champion is asked of it: requests once each, features as its own code makes them."""

from types import SimpleNamespace

import pandas as pd
import pytest

from loop.base import files
from loop.base.errors import LoopError
from loop.monitor.inputs import feed
from problem import source
from support.monitor_case import NOW, windows

SINCE = NOW - pd.Timedelta(days=2)


def test_a_request_that_comes_twice_is_named(monkeypatch):
    honest = source.requests

    def doubled(tables):
        requests = honest(tables)
        return pd.concat([requests, requests.head(3)], ignore_index=True)

    monkeypatch.setattr(source, "requests", doubled)
    with pytest.raises(LoopError, match="3 requests twice, such as"):
        feed.made(SINCE, NOW, NOW)


def test_a_champion_of_other_code_is_asked_about_features_as_its_own_code_makes_them(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    asked = []

    class Home:
        path = tmp_path / "home"

        def ask(self, *question):
            asked.append(question)
            own = pd.DataFrame({"own": [1]})
            for name in ("examples", "labels"):
                files.write_table(tmp_path / "feed" / f"{name}.parquet", own)

    monkeypatch.setattr(feed, "git", lambda *arguments: "src/problem/features.py")
    monkeypatch.setattr(feed, "broken", lambda *arguments: [])
    champion = SimpleNamespace(commit="c" * 40, windows=windows(), home=Home())
    found = feed.by(champion, NOW, NOW, 28)
    assert found.examples["own"].tolist() == [1]
    assert asked[0][:3] == ("feed", windows().since.isoformat(), NOW.isoformat())


def test_features_are_joined_by_the_engine_of_params(monkeypatch):
    """Where the champion's code is that of this tree: no executor sees a worktree."""
    monkeypatch.setattr(feed, "git", lambda *arguments: "")
    monkeypatch.setattr(feed, "broken", lambda *arguments: [])
    monkeypatch.setattr(feed.engine_settings, "spark", lambda: "local[2]")
    monkeypatch.setattr(
        feed.joining, "join", lambda requests, tables, views, spark: pd.DataFrame({"by": [spark]})
    )
    champion = SimpleNamespace(commit="c" * 40, windows=SimpleNamespace(since=SINCE))
    assert feed.by(champion, NOW, NOW, 28).examples["by"].tolist() == ["local[2]"]


def test_what_a_checkout_writes_is_what_its_code_makes(tmp_path, monkeypatch):
    instants = [at.isoformat() for at in (SINCE, NOW, NOW)]
    monkeypatch.setattr("sys.argv", ["feed", *instants, str(tmp_path)])
    feed.main()
    examples, labels = feed.made(SINCE, NOW, NOW)
    pd.testing.assert_frame_equal(files.read_table(tmp_path / "examples.parquet"), examples)
    pd.testing.assert_frame_equal(
        files.read_table(tmp_path / "labels.parquet").reset_index(drop=True), labels.reset_index(drop=True)
    )
