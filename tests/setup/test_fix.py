"""`loop doctor --fix`: old names become new ones, and not another sign changes."""

import pytest
import yaml

from conftest import ROOT
from loop.base.errors import LoopError
from loop.settings import renamed
from loop.setup import fix, migrations

OLD = """\
# A comment above.
review:   # the policy
  holdout: {rows_min: 1}
  "minima":  # what nobody may ship below
    log_loss: {limit: 0.6, reason: minima are not a key here}

monitor:
  hysteresis: {looks: 2, of: 3}   # looks: runs
  window_days: 28
"""
NEW = """\
# A comment above.
review:   # the policy
  holdout: {rows_min: 1}
  minimum_requirements:  # what nobody may ship below
    log_loss: {limit: 0.6, reason: minima are not a key here}

monitor:
  hysteresis: {runs: 2, of: 3}   # looks: runs
  window_days: 28
"""
METRICS = '''\
"""Slices and cohorts."""


def cohorts(examples):  # cohorts: whom to serve alike
    return {"a": examples["a"]}


ALL = (cohorts,)
'''
SCHEMA = """\
class Repair:
    name: str
    mend: object


REPAIRS = (Repair(name="a", mend=str), Repair("b", len))
print(REPAIRS[0].mend)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A tree with old names everywhere."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src/problem").mkdir(parents=True)
    (tmp_path / "params.yaml").write_text(OLD)
    (tmp_path / "src/problem/metrics.py").write_text(METRICS)
    (tmp_path / "src/problem/schema.py").write_text(SCHEMA)
    return tmp_path


def test_names_change_and_comments_and_layout_stay(place, capsys):
    migrations.main()
    assert (place / "params.yaml").read_text() == NEW
    metrics = (place / "src/problem/metrics.py").read_text()
    assert metrics == METRICS.replace("def cohorts", "def subgroups").replace("(cohorts,)", "(subgroups,)")
    assert (place / "src/problem/schema.py").read_text() == SCHEMA.replace("mend", "fix")
    assert capsys.readouterr().out.splitlines() == [
        "params.yaml: review.minima -> review.minimum_requirements",
        "params.yaml: monitor.hysteresis.looks -> monitor.hysteresis.runs",
        "src/problem/metrics.py: cohorts -> subgroups",
        "src/problem/schema.py: Repair.mend -> fix",
    ]


def test_a_second_time_changes_nothing(place, capsys):
    migrations.main()
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    capsys.readouterr()
    migrations.main()
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    assert capsys.readouterr().out == "nothing has an old name\n"


def test_line_ends_of_windows_stay():
    assert fix.edit(OLD.replace("\n", "\r\n")) == NEW.replace("\n", "\r\n")


def test_this_repositorys_own_params_come_back_from_their_old_form():
    text = (ROOT / "params.yaml").read_text()
    old = text.replace("  minimum_requirements:", "  minima:").replace("{runs: 2", "{looks: 2")
    assert renamed.keys(yaml.safe_load(old)).keys() == renamed.KEYS.keys()
    assert fix.edit(old) == text


UNSAFE = {
    "both names": "review:\n  minima: {}\n  minimum_requirements: {}\n",
}


@pytest.mark.parametrize("text", UNSAFE.values(), ids=UNSAFE)
def test_params_that_cannot_be_edited_safely_stay_and_the_error_says_what_to_write(place, text):
    (place / "params.yaml").write_text(text)
    with pytest.raises(LoopError, match=r"params\.yaml cannot be replaced") as caught:
        migrations.main()
    assert "by hand: `" in caught.value.todo
    assert (place / "params.yaml").read_text() == text


TAKEN = {
    "the new name is taken": METRICS + "subgroups = 1\n",
    "a text that reads it": METRICS + "print(globals()['cohorts'])\n",
}


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN)
def test_a_module_that_cannot_be_edited_safely_stays(place, text):
    (place / "src/problem/metrics.py").write_text(text)
    with pytest.raises(LoopError, match=r"metrics\.py cannot be replaced") as caught:
        migrations.main()
    assert "`cohorts` is `subgroups` now" in caught.value.todo
    assert (place / "src/problem/metrics.py").read_text() == text


def test_a_tree_without_params_has_nothing_to_rename(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    migrations.main()
    assert capsys.readouterr().out == "nothing has an old name\n"
