"""Where a new copy finds later versions, and what it may never keep."""

import pytest

from loop.base.errors import UsageError
from loop.init import begin, template_parts
from loop.repo.git import git

PROJECT = '[project]\nname = "loop"\n{more}\n[tool.loop]\nversion = "1.2.0"\n'
URL = "https://host.example/own/template.git"


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone of one commit, whose origin is said."""
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet")
    (tmp_path / "pyproject.toml").write_text(PROJECT.format(more=""))
    git("add", "--all")
    git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "first")
    git("remote", "add", "origin", URL)
    return tmp_path


def test_an_origin_is_the_template_where_it_has_a_tag_of_this_version(clone):
    assert begin._template(None) is None, "it may be the copy's own"
    git("tag", "v1.2.0")
    assert begin._template(None) == URL
    git("remote", "set-url", "origin", URL.replace("host", "ann:hush@host"))
    assert begin._template(None) is None, "no password is kept"


def test_what_is_said_counts_before_what_the_template_says_of_itself(clone):
    (clone / "pyproject.toml").write_text(PROJECT.format(more=f'[project.urls]\nTemplate = "{URL}"\n'))
    assert begin._template(None) == URL
    assert begin._template("/srv/template") == "/srv/template"


def test_an_address_with_a_password_is_refused(clone):
    with pytest.raises(UsageError, match="password"):
        begin._template("https://ann:hush@host.example/own/template.git")


@pytest.mark.parametrize(("source", "steps"), [("", False), ("data/source/a b.csv", True)])
def test_what_init_wrote_of_the_source_is_read_back(tmp_path, source, steps):
    text = "stages:\n  a:\n    deps:\n      - uv.lock\n      - src/problem/model.py\n"
    (tmp_path / "dvc.yaml").write_text(text)
    template_parts.stages(tmp_path, tmp_path.__class__(source) if source else None, steps=steps)
    assert template_parts.source_of((tmp_path / "dvc.yaml").read_text()) == (source, steps)
