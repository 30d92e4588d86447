"""The machinery of a copy: what came is recorded, and what was edited since is named."""

import pytest

from loop.base.errors import LoopError
from loop.repo import machinery
from loop.repo.git import git
from loop.setup import machine
from loop.setup.need import State, examine

FILES = {
    "pyproject.toml": '[project]\nname = "loop"\n[tool.loop]\nversion = "1.2.0"\n',
    "Makefile": "run:\n",
    "src/loop/one.py": "ONE = 1\n",
    "src/loop/two.py": "TWO = 2\n",
    "src/problem/own.py": "OWN = 3\n",
    "tests/problem/test_own.py": "",
    ".gitignore": "*.pyc\n",
}


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy whose machinery is recorded."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    git("init", "--quiet", cwd=tmp_path)
    machinery.record(tmp_path, "own")
    git("add", "--all", cwd=tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def need():
    return next(one for one in machine.needs() if one.name == "the machinery as it came")


def test_a_copy_knows_its_problem_its_version_and_the_files_of_its_machinery(copy):
    found = machinery.recorded(copy)
    assert (found.problem, found.version) == ("own", "1.2.0")
    assert set(found.machinery) == {"Makefile", "src/loop/one.py", "src/loop/two.py"}


def test_a_problem_of_ones_own_is_no_edit_of_the_machinery(copy):
    (copy / "src/problem/own.py").write_text("OWN = 4\n")
    (copy / "src/loop/one.pyc").write_text("")
    assert machinery.edited(copy) == []
    assert examine(need()).state == State.MET


def test_what_was_changed_removed_or_added_is_named(copy):
    (copy / "src/loop/one.py").write_text("ONE = 2\n")
    (copy / "src/loop/two.py").unlink()
    (copy / "src/loop/three.py").write_text("")
    assert machinery.edited(copy) == ["src/loop/one.py", "src/loop/three.py", "src/loop/two.py"]
    found = examine(need())
    assert found.state == State.OPTIONAL
    assert found.reason == "edited: src/loop/one.py, src/loop/three.py, src/loop/two.py"


def test_of_many_edited_files_a_few_are_named(copy):
    for number in range(7):
        (copy / f"src/loop/a{number}.py").write_text("")
    assert examine(need()).reason.endswith("src/loop/a4.py and 2 more")


def test_a_copy_that_began_before_hashes_were_recorded_has_nothing_to_compare(copy):
    (copy / "loop-version.json").write_text('{"problem": "own"}')
    assert machinery.edited(copy) == []


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"problem": 1}', '{"problem": "a", "machinery": []}'])
def test_a_record_that_is_none_is_one_message_and_hides_no_other_need(copy, text):
    (copy / "loop-version.json").write_text(text)
    found = examine(need())
    assert (found.state, found.todo.split(" --")[0]) == (State.UNKNOWN, "`git log")
    with pytest.raises(LoopError, match="is not what `loop init` wrote"):
        machinery.recorded(copy)


@pytest.mark.parametrize("data", [b"[tool", b'[project]\nname = "\xe4"\n'])
def test_a_project_file_that_cannot_be_read_is_one_message(copy, data):
    (copy / "pyproject.toml").write_bytes(data)
    for asked in (machinery.version, machinery.address):
        with pytest.raises(LoopError, match=r"pyproject\.toml cannot be read"):
            asked(copy)


@pytest.mark.parametrize(
    "text", ["", 'tool = 1\nproject = "x"\n', "[tool]\nloop = []\n[project]\nurls = 1\n"]
)
def test_a_project_file_that_says_nothing_of_the_template_names_no_version(copy, text):
    (copy / "pyproject.toml").write_text(text)
    assert (machinery.version(copy), machinery.address(copy)) == ("", None)
