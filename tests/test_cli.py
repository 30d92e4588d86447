"""The command line: every verb has help with an example, and no mistake shows a traceback."""

import re
from typing import get_args

import pandas as pd
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from loop.base import exit_codes
from loop.base.errors import LoopError
from loop.cli import app
from loop.monitor import schema as finding
from loop.production import log, state
from loop.production.log import Move
from loop.review import verdict

COMMANDS = get_command(app).commands
VERBS = sorted(name for name, command in COMMANDS.items() if not hasattr(command, "commands"))
TIMES = {"now", "since", "until", "judged_from", "as_of", "day"}


def invoke(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_help_lists_every_verb_and_the_exit_codes():
    said = invoke("--help").stdout
    assert all(verb in said for verb in VERBS)
    for table in (exit_codes.GENERAL, exit_codes.REVIEW, exit_codes.MONITOR):
        assert exit_codes.said(table) in " ".join(said.split())


def test_each_exit_code_is_said_once_with_all_that_it_means():
    assert exit_codes.said({"a": 0, "b": 0, "c": 0, "d": 3}) == "0 a, b or c, 3 d"
    assert exit_codes.said({"a": 0, "b": 3, "c": 0}) == "0 a or c, 3 b"


@pytest.mark.parametrize(
    ("verb", "table", "words"),
    [("review", exit_codes.REVIEW, verdict.Word), ("monitor", exit_codes.MONITOR, finding.Word)],
)
def test_a_verb_that_decides_has_an_exit_code_for_each_decision_and_its_help_names_it(verb, table, words):
    assert set(table) == set(get_args(words))
    said = " ".join(invoke(verb, "--help").stdout.split())
    for code in set(table.values()):
        meaning = exit_codes.said({word: its for word, its in table.items() if its == code})
        assert meaning in said


def options():
    """Each option that is an instant or a day: the verb, and how the option is called."""

    def under(command, path):
        for name, inner in getattr(command, "commands", {}).items():
            yield from under(inner, [*path, name])
        yield from ((path, option.opts[0]) for option in command.params if option.name in TIMES)

    return list(under(get_command(app), []))


@pytest.mark.parametrize(("verb", "option"), options(), ids=lambda value: "-".join([*value]))
def test_an_instant_that_is_none_is_refused_under_the_name_of_its_option(verb, option, monkeypatch):
    monkeypatch.setattr(log, "moves", lambda _: [Move])  # that something was released: for `loop audit`
    monkeypatch.setattr(state, "ref", lambda: "production")
    monkeypatch.setattr(Move, "at", pd.Timestamp("2026-01-05", tz="UTC"), raising=False)
    more = ["--until", "2026-01-05"] if verb == ["replay"] and option != "--until" else []
    more += ["--reason", "x"] if verb == ["rollout", "abort"] else []
    with pytest.raises(LoopError, match=rf"^{option} .*'soon'"):
        CliRunner().invoke(app, [*verb, *more, option, "soon"], catch_exceptions=False)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_with_an_example_of_itself(verb):
    said = invoke(verb, "--help").stdout
    assert re.search(rf"Example: .*loop {verb}", said)


def test_an_unknown_verb_is_wrong_usage():
    done = invoke("trian")
    assert done.exit_code == 2
    assert "trian" in done.output


def test_a_missing_params_file_is_one_message(bare_copy):
    (bare_copy.path / "params.yaml").unlink()
    done = bare_copy.run("loop", "run", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml is missing")


def test_debug_shows_the_traceback(bare_copy):
    (bare_copy.path / "params.yaml").unlink()
    done = bare_copy.run("loop", "--debug", "run", check=False)
    assert "Traceback" in done.stderr
