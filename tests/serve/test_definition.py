"""Two problems of two repositories that share views by a package: what each may read of one store."""

import importlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from conftest import ROOT
from loop.serve import materialize, online
from loop.serve.definition import LIBRARIES, definition, packages
from loop.serve.store import RedisStore, SqliteStore
from support.closure import packages as tops

VIEWS = """
import pandas as pd
from loop.kit import views
from .windows import DAYS
from team_words import TABLE

VIEWS = (
    views.trailing(
        "clinic", TABLE, ("clinic",), "at", DAYS * pd.Timedelta(days=1), count="visits", means={},
        until="newest row",
    ),
)
"""
PROBLEMS = {"first": ROOT / "src/problem", "second": ROOT / "tests/second_problem/problem"}


@dataclass(frozen=True)
class Team:
    """A team's packages, and the sources of two models that use them."""

    packages: Path
    homes: dict[str, Path]

    def definitions(self) -> dict[str, str]:
        return {name: definition(home) for name, home in self.homes.items()}


@pytest.fixture
def team(tmp_path, monkeypatch) -> Team:
    site = tmp_path / "site"
    (site / "team_views/sql/__pycache__").mkdir(parents=True)
    (site / "team_views/tests").mkdir()
    for name, text in {
        "team_views/__init__.py": VIEWS,
        "team_views/windows.py": "DAYS = 7\n",
        "team_views/unused.py": "import none_has_this\n",
        "team_views/sql/visits.sql": "select 1\n",
        "team_views/sql/__pycache__/a.pyc": "1",
        "team_views/tests/test_views.py": "",
        "team_views/fast.pyi": "",
        "team_words.py": 'TABLE = "visits"\n\ndef plot():\n    import team_plots\n',
        "team_plots.py": "",
    }.items():
        (site / name).write_text(text)
    homes = {name: tmp_path / name / "src" for name in PROBLEMS}
    for name, home in homes.items():
        shutil.copytree(PROBLEMS[name], home / "problem", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(
            ROOT / "src/loop/kit", home / "loop/kit", ignore=shutil.ignore_patterns("__pycache__")
        )
        with (home / "problem/features.py").open("a") as file:
            file.write("\nfrom team_views import VIEWS as SHARED\n\nVIEWS = (*VIEWS, *SHARED)\n")
    monkeypatch.syspath_prepend(str(site))
    yield Team(site, homes)
    for name in [name for name in sys.modules if name.startswith("team_")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    "file", ["team_views/__init__.py", "team_views/windows.py", "team_views/sql/visits.sql", "team_words.py"]
)
def test_another_release_of_a_shared_view_is_another_definition_for_both(team, file):
    before = team.definitions()
    with (team.packages / file).open("a") as changed:
        changed.write("\n")
    after = team.definitions()
    assert all(before[name] != after[name] for name in team.homes)
    assert len({*before.values(), *after.values()}) == 4


@pytest.mark.parametrize(
    "file",
    [
        "team_plots.py",
        "team_views/tests/test_views.py",
        "team_views/fast.pyi",
        "team_views/sql/__pycache__/a.pyc",
    ],
)
def test_what_a_server_may_lack_defines_nothing(team, file):
    before = team.definitions()
    (team.packages / file).unlink()
    assert team.definitions() == before


def test_the_same_code_is_one_definition_wherever_it_lies(team, tmp_path, monkeypatch):
    before = team.definitions()
    shutil.copytree(team.packages, tmp_path / "image")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "image"), *sys.path[1:]])
    assert team.definitions() == before


def test_a_module_of_a_namespace_counts_and_not_what_lies_beside_it(tmp_path, monkeypatch):
    (tmp_path / "space/of").mkdir(parents=True)
    (tmp_path / "space/of/views.py").write_text("from . import words\n")
    (tmp_path / "space/of/words.py").write_text("")
    (tmp_path / "space/of/others.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = packages(["from space.of import views\nimport os, pandas.api, absent.altogether"])
    assert found == {
        "space.of.views": tmp_path / "space/of/views.py",
        "space.of.words": tmp_path / "space/of/words.py",
    }


def test_a_problem_without_packages_of_its_own_is_defined_by_its_code_alone():
    texts = [path.read_text() for path in (*PROBLEMS["first"].glob("*.py"), *PROBLEMS["second"].glob("*.py"))]
    assert packages(texts) == {}


def test_the_libraries_of_the_kit_define_nothing():
    kit = tops((ROOT / "src/loop/kit").glob("*.py")) - sys.stdlib_module_names - {"loop"}
    assert kit <= LIBRARIES


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_two_models_fill_one_store_and_neither_reads_or_replaces_what_the_other_wrote(
    team, kind, request, tmp_path
):
    where = tmp_path if kind == "sqlite" else request.getfixturevalue("redis_url")

    def store(space: str) -> SqliteStore | RedisStore:
        return (SqliteStore if kind == "sqlite" else RedisStore)(where, space)

    views = importlib.import_module("team_views").VIEWS
    hour = pd.Timedelta(hours=1)
    noon = pd.Timestamp("2026-03-01T12:00", tz="UTC")

    def fill(space: str, visits: int, as_of: pd.Timestamp) -> None:
        rows = pd.DataFrame(
            {"clinic": ["east"] * visits, "at": [noon - (one + 1) * hour for one in range(visits)]}
        )
        materialize.materialize({"visits": rows}, store(space), as_of, views)

    def read(space: str) -> float:
        asked = {"clinic": ["east"], "decided_at": [noon]}
        requests = {name: pd.Series(values).to_numpy() for name, values in asked.items()}
        requests["decided_at"] = pd.DatetimeIndex([noon.tz_localize(None)]).to_numpy("datetime64[us]")
        return float(online.Features(store(space), views).of(requests).numbers[0, 0])

    spaces = team.definitions()
    fill(spaces["first"], 2, noon)
    fill(spaces["second"], 3, noon + hour)
    assert [read(spaces[name]) for name in ("first", "second")] == [2, 3]
    fill(spaces["second"], 1, noon)
    assert [read(spaces[name]) for name in ("first", "second")] == [2, 1]

    (team.packages / "team_views/windows.py").write_text("DAYS = 14\n")
    for space in team.definitions().values():  # the new release begins with nothing
        if kind == "redis":
            assert store(space).as_of() is None
        else:
            assert not store(space).path.exists()
    assert read(spaces["first"]) == 2  # and what still runs by the old one goes on
