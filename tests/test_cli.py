"""The command line: every command has help with an example, and no mistake shows a traceback."""

import re
from types import SimpleNamespace
from typing import get_args

import pandas as pd
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from conftest import ROOT
from loop.base import exit_codes
from loop.base.errors import INTERRUPTED, LoopError
from loop.cli import main
from loop.commands.command_line import app
from loop.monitor import schema as finding
from loop.production import log, state
from loop.review import verdict

GROUP = get_command(app).commands
TIMES = {"now", "since", "until", "judged_from", "as_of", "day"}
COMMANDS = sorted(name for name, command in GROUP.items() if not hasattr(command, "commands"))


def invoke(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_help_lists_every_command_and_the_exit_codes():
    printed = invoke("--help").stdout
    assert all(command in printed for command in COMMANDS)
    for table in (exit_codes.GENERAL, exit_codes.REVIEW, exit_codes.MONITOR):
        assert exit_codes.text(table) in " ".join(printed.split())


def test_each_exit_code_is_named_once_with_all_that_it_means():
    assert exit_codes.text({"a": 0, "b": 0, "c": 0, "d": 3}) == "0 a, b or c, 3 d"
    assert exit_codes.text({"a": 0, "b": 3, "c": 0}) == "0 a or c, 3 b"


@pytest.mark.parametrize(
    ("command", "table", "decisions"),
    [("review", exit_codes.REVIEW, verdict.Outcome), ("monitor", exit_codes.MONITOR, finding.Decision)],
)
def test_a_command_that_decides_has_an_exit_code_for_each_decision_and_its_help_names_it(
    command, table, decisions
):
    assert set(table) == set(get_args(decisions))
    printed = " ".join(invoke(command, "--help").stdout.split())
    for code in set(table.values()):
        assert exit_codes.text({name: its for name, its in table.items() if its == code}) in printed


def options():
    """Each option that is an instant or a day: the command, and how the option is called."""

    def under(command, path):
        for name, inner in getattr(command, "commands", {}).items():
            yield from under(inner, [*path, name])
        yield from ((path, option.opts[0]) for option in command.params if option.name in TIMES)

    return list(under(get_command(app), []))


@pytest.mark.parametrize(("command", "option"), options(), ids=lambda value: "-".join([*value]))
def test_an_instant_that_is_none_is_refused_under_the_name_of_its_option(command, option, monkeypatch):
    monkeypatch.setattr(
        log, "transitions", lambda _: [SimpleNamespace(at=pd.Timestamp("2026-01-05", tz="UTC"))]
    )
    monkeypatch.setattr(state, "ref", lambda: "production")  # something was released: for `loop audit`
    more = ["--until", "2026-01-05"] if command == ["replay"] and option != "--until" else []
    more += ["--reason", "x"] if command == ["rollout", "abort"] else []
    more += {"heartbeat": ["monitor", "--result", "success"], "forget": ["name=Ada"]}.get(command[0], [])
    with pytest.raises(LoopError, match=rf"^{option} .*'soon'"):
        CliRunner().invoke(app, [*command, *more, option, "soon"], catch_exceptions=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example_of_itself(command):
    printed = invoke(command, "--help").stdout
    assert re.search(rf"Example: .*loop {command}", printed)


def ended(monkeypatch, capsys, *arguments):
    """Exit code and errors of the console script."""
    monkeypatch.setattr("sys.argv", ["loop", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code, capsys.readouterr().err


def test_an_interrupt_of_a_command_is_said(monkeypatch, capsys):
    """The parser of the command line makes a silent exit of it."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("loop.setup.doctor.main", interrupted)
    assert ended(monkeypatch, capsys, "doctor") == (130, f"{INTERRUPTED}\n")


WRONG = {
    "a typo": (["trian"], "loop: no such command 'trian'. Did you mean 'train'", "one of run, ingest,"),
    "a part of a group": (["rollout", "stat"], "loop rollout: no such command 'stat'", "one of status,"),
    "no number": (["serve", "--port", "abc"], "loop serve: --port is 'abc'", "a whole number"),
    "a small number": (
        ["serve", "--port", "0"],
        "loop serve: --port is '0'",
        "a number greater",
    ),
    "no choice": (["render", "foo"], "loop render: what is 'foo'", "one of 'kubernetes', 'compose'"),
    "an option": (["review", "--agianst"], "loop review: no such option: --agianst (Pos", "loop review [OPT"),
    "no argument": (["score"], "loop score: missing argument 'IN'", "loop score [OPTIONS] {IN} {OUT}"),
    "one too many": (["lineage", "a", "b"], "loop lineage: got unexpected extra argument(s) (b)", "loop lin"),
    "no value": (["review", "--against"], "loop: option '--against' requires", "an option with its value"),
    "no reason": (["rollout", "hold"], "neither --reason nor --release", "one of the two"),
    "an option of DVC's": (["run", "--frobnicate"], "loop run: --frobnicate is no option", "options of `dvc"),
    "half an option": (
        ["run", "--force", "--glob=x"],
        "loop run: --force --glob=x is no ",
        "options of",
    ),
    "a stage": (
        ["run", "trian"],
        "loop run: trian is no option and no stage",
        "options",
    ),
    "no day": (["monitor", "--now", "2013-13-45"], "--now is '2013-13-45', no time", "a day of UTC (2013-06"),
    "no folder": (
        ["monitor", "--predictions", "x"],
        "loop monitor: invalid value for '--predictions': dir 'x' does not exist",
        "loop monitor [OPTIONS]",
    ),
}


@pytest.mark.parametrize(("arguments", "found", "expected"), WRONG.values(), ids=WRONG)
def test_wrong_usage_has_the_form_of_every_mistake_and_exits_with_2(
    arguments, found, expected, monkeypatch, capsys
):
    monkeypatch.chdir(ROOT)
    code, output = ended(monkeypatch, capsys, *arguments)
    assert code == 2
    assert output.startswith(f"error: {found}")
    assert f"\n  expected: {expected}" in output
    assert "\n  to do:    " in output
    assert not [word for word in ("Input should", "Value error", "Usage:") if word in output]


def paths(group, *above):
    """The words of every command that does something."""
    for name, command in group.commands.items():
        yield from paths(command, *above, name) if hasattr(command, "commands") else [[*above, name]]


@pytest.mark.parametrize("command", paths(get_command(app)), ids="-".join)
def test_below_the_root_every_command_is_one_error_but_its_help(command, monkeypatch, capsys):
    monkeypatch.chdir(ROOT / "docs")
    code, output = ended(monkeypatch, capsys, *command)
    assert (code, output.splitlines()[0]) == (2, "error: this is docs/ of a repository")
    assert f"`cd {ROOT}`" in output
    assert ended(monkeypatch, capsys, *command, "--help") == (0, "")


def test_a_missing_params_file_is_one_message(bare_copy):
    (bare_copy.path / "params.yaml").unlink()
    done = bare_copy.run("loop", "run", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml is missing")


def test_a_slip_in_src_problem_is_one_message_of_every_command_that_loads_it(bare_copy):
    bare_copy.append("src/problem/source.py", "\nundefined_name\n")
    line = len(bare_copy.text("src/problem/source.py").splitlines())
    scoring = ["score", "models/lineage.json", "scores.csv"]
    for command in (["ingest"], ["monitor", "--now", "2013-07-01"], ["materialize"], ["serve"], scoring):
        done = bare_copy.run("loop", *command, check=False)
        assert done.returncode == 1, command
        found = (
            f"error: src/problem/source.py, line {line}: NameError: name 'undefined_name' is not defined\n"
        )
        assert done.stderr.startswith(found), command
        assert "Traceback" not in done.stderr, command
    assert "Traceback" in bare_copy.run("loop", "--debug", "ingest", check=False).stderr


def test_debug_shows_the_traceback(bare_copy):
    (bare_copy.path / "params.yaml").unlink()
    done = bare_copy.run("loop", "--debug", "run", check=False)
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    "given", [["--key", "shop,day"], ["--key", "shop", "--key", "day"], ["--key", " shop, day,"]]
)
def test_columns_are_named_with_commas_or_one_by_one(given, monkeypatch):
    found = []
    monkeypatch.setattr("loop.init.begin.main", lambda data, options, **_: found.append(options))
    assert invoke("init", "sales.csv", *given, "--leave-out", "a", "--leave-out", "b").exit_code == 0
    assert (found[0].key, found[0].leave_out) == (("shop", "day"), ("a", "b"))
