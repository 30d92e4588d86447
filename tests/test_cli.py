"""The command line: every command has help with an example, and no mistake shows a traceback."""

import re

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from loop.cli import app

GROUP = get_command(app).commands
COMMANDS = sorted(name for name, command in GROUP.items() if not hasattr(command, "commands"))


def invoke(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_help_lists_every_command_and_the_exit_codes():
    printed = invoke("--help").stdout
    assert all(command in printed for command in COMMANDS)
    assert "Exit codes" in printed


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example_of_itself(command):
    printed = invoke(command, "--help").stdout
    assert re.search(rf"Example: .*loop {command}", printed)


def test_an_unknown_command_is_wrong_usage():
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
