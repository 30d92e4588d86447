"""Nothing is installed from a place that pyproject.toml does not name."""

import subprocess
import sys

import pytest

from conftest import ROOT
from loop.repo.uv_lock import strange, unhashed

OWN = '[[tool.uv.index]]\nname = "own"\nurl = "https://user@own.example/simple/"\n'


def lock(url: str, source: str = 'registry = "https://pypi.org/simple"') -> str:
    return f'[[package]]\nname = "a"\nsource = {{ {source} }}\nwheels = [{{ url = "{url}" }}]\n'


SCRIPT = [sys.executable, "-I", ROOT / "src/loop/repo/uv_lock.py"]
GOOD = "https://files.pythonhosted.org/a-1-py3-none-any.whl"


def test_the_lock_of_this_repository_takes_what_it_names():
    assert not strange((ROOT / "pyproject.toml").read_text(), (ROOT / "uv.lock").read_text())


@pytest.mark.parametrize(
    ("pyproject", "text"),
    [
        ("", lock("https://evil.example/a-1-py3-none-any.whl")),
        ("", lock("http://files.pythonhosted.org/a-1-py3-none-any.whl")),
        ("", lock("https://files.pythonhosted.org@evil.example/a-1-py3-none-any.whl")),
        ("", lock(GOOD, 'registry = "https://evil.example/simple"')),
        ("", lock(GOOD, 'git = "https://github.com/a/b?rev=1#2"')),
        (OWN, lock("https://cdn.example/a-1-py3-none-any.whl", 'registry = "https://own.example/simple"')),
        (OWN + "default = true\n", lock(GOOD)),
        ("", lock("https://files.pythonhosted.org/evil-1-py3-none-any.whl")),
        ("", lock("https://files.pythonhosted.org/a_1-1.tar.gz")),
        ("", lock("https://files.pythonhosted.org/a-2-1.tar.gz")),
        ("", lock(GOOD + '", path = "data/a-1-py3-none-any.whl')),
        ("", lock("https://files.pythonhosted.org/a-2x-1.0.zip")),
        ("", lock("https://files.pythonhosted.org/a_2-1-py3-none-any.whl")),
        ("", lock("https://files.pythonhosted.org/evil-1-py3-none-any.whl#/a-1-py3-none-any.whl")),
        ("", lock("https://files.pythonhosted.org/evil-1-py3-none-any.whl%2Fa-1-py3-none-any.whl")),
        ("", lock(GOOD, 'path = "data/a-1-py3-none-any.whl"')),
        ("", lock(GOOD, 'directory = "docs/a"')),
        ("", lock(GOOD, 'registry = "vendor"')),
        ("", lock(GOOD, 'of-a-later-uv = "https://pypi.org/simple"')),
        ('[project]\nname = "own"\n', lock(GOOD, 'editable = "."')),
        (
            '[tool.uv.sources]\na = { url = "https://team.example/a-1-py3-none-any.whl" }\n',
            lock(
                "https://team.example/evil/a-1-py3-none-any.whl",
                'url = "https://team.example/a-1-py3-none-any.whl"',
            ),
        ),
        (
            '[tool.uv.sources]\nb = { git = "https://github.com/a/b" }\n',
            lock("https://github.com/evil/x/releases/download/a-1-py3-none-any.whl"),
        ),
    ],
)
def test_what_comes_from_elsewhere_is_named(pyproject, text):
    assert strange(pyproject, text)
    assert all(one.startswith("a from ") for one in strange(pyproject, text))


@pytest.mark.parametrize(
    ("pyproject", "text"),
    [
        ("", lock(GOOD)),
        (OWN, lock(GOOD)),
        (
            OWN,
            lock("https://own.example/files/a-1-py3-none-any.whl", 'registry = "https://own.example/simple"'),
        ),
        (
            OWN + '[tool.loop]\npackage-hosts = ["https://cdn.example"]\n',
            lock("https://cdn.example/a-1-py3-none-any.whl", 'registry = "https://own.example/simple"'),
        ),
        (
            '[tool.uv.sources]\na = { git = "https://github.com/a/b" }\n',
            '[[package]]\nname = "a"\nsource = { git = "https://github.com/a/b?rev=1#2" }\n',
        ),
        (
            '[tool.uv.sources]\na = { url = "https://team.example/a-1-py3-none-any.whl" }\n',
            lock(
                "https://team.example/a-1-py3-none-any.whl",
                'url = "https://team.example/a-1-py3-none-any.whl"',
            ),
        ),
        ('[tool.uv.sources]\na = { path = "libs/a" }\n', lock(GOOD, 'directory = "libs/a"')),
        ('[tool.uv.workspace]\nmembers = ["libs/*"]\n', lock(GOOD, 'editable = "libs/a"')),
        ("", lock("https://files.pythonhosted.org/a-1.0.post1.tar.gz")),
        ("", lock("https://files.pythonhosted.org/a-1.0-1-py3-none-any.whl")),
        ('[project]\nname = "My.Own"\n', '[[package]]\nname = "my-own"\nsource = { editable = "." }\n'),
    ],
)
def test_what_pyproject_names_is_taken(pyproject, text):
    assert not strange(pyproject, text)


EVIL = lock("https://evil.example/a-1-py3-none-any.whl")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (EVIL.replace("[{ url", "[{\n url"), "no TOML 1.0"),
        (EVIL.replace(" }]", ", }]"), "no TOML 1.0"),
        (EVIL.replace('"a"', r'"\x61"'), "no TOML 1.0"),
        ("\ufeff" + EVIL, "no TOML 1.0"),
        (EVIL.replace("[[package]]", "[[distribution]]"), "a key that uv does not write: distribution"),
        (EVIL.replace("wheels", "wheel"), "a key that uv does not write: wheel"),
        ("package = 3", "no list of tables"),
        (EVIL.replace('name = "a"\n', ""), "no list of tables"),
        *(
            (lock(GOOD).replace('{ registry = "https://pypi.org/simple" }', to), "names no source")
            for to in ("{}", '["https://pypi.org/simple"]', '"https://pypi.org/simple"')
        ),
    ],
)
def test_a_lock_that_uv_reads_and_this_does_not_is_refused(text, why):
    """Uv 0.13 takes the first five, and would install from there."""
    (found,) = strange("", text)
    assert why in found


@pytest.mark.parametrize("file", ['filename = "a-1-py3-none-any.whl"', 'hash = "sha256:0"'])
def test_a_file_without_an_address_is_named(file):
    text = lock(GOOD).replace(f'url = "{GOOD}"', file)
    assert strange("", text)[0].startswith("a from no address")
    whole = text.replace('registry = "https://pypi.org/simple"', 'path = "libs/a-1-py3-none-any.whl"')
    pyproject = '[tool.uv.sources]\na = { path = "libs/a-1-py3-none-any.whl" }\n'
    assert not strange(pyproject, whole), "its source names it"


def test_it_is_refused_in_a_message_before_anything_is_installed(tmp_path):
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "uv.lock").write_text(lock("https://evil.example/a-1-py3-none-any.whl"))
    done = subprocess.run(SCRIPT, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: uv.lock takes 'a from https://evil.example'\n  expected: ")
    (tmp_path / "pyproject.toml").write_text("<<<<<<< HEAD\n")
    done = subprocess.run(SCRIPT, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.startswith("error: pyproject.toml or uv.lock cannot be read: ")
    setup = (ROOT / "Makefile").read_text().partition("\nsetup:")[2]
    assert setup.index("uv_lock.py") < setup.index("sync --locked")


PROJECT = """
[[package]]
name = "loop"
source = {{ editable = "." }}
[package.dev-dependencies]
{group} = [{{ name = "a" }}]
[[package]]
name = "a"
source = {{ registry = "https://pypi.org/simple" }}
dependencies = [{{ name = "views" }}]
[[package]]
name = "views"
source = {{ {source} }}
"""


@pytest.mark.parametrize("kind", ["directory", "editable", "virtual"])
def test_a_folder_that_stages_or_servers_run_is_named(kind):
    """No hash of it is in uv.lock, which is all that stages and the image know of packages."""
    for group in ("pipeline", "serve"):
        assert unhashed(PROJECT.format(group=group, source=f'{kind} = "libs/views"')) == [
            "views from libs/views"
        ]


@pytest.mark.parametrize("kept", ["nothing", "md5:0cc175b9c0f1b6a831c399e269772661", "sha256:0"])
@pytest.mark.parametrize("group", ["pipeline", "serve"])
def test_a_file_of_an_index_without_a_hash_is_refused_where_stages_or_servers_install_it(group, kept):
    """Whatever lies at its address is installed then."""
    whole = PROJECT.format(group=group, source='registry = "https://pypi.org/simple"')
    held = '{{ url = "https://files.pythonhosted.org/views-1-py3-none-any.whl"{} }}'
    good = f', hash = "sha256:{"a" * 64}"'
    other = "" if kept == "nothing" else f', hash = "{kept}"'
    assert not unhashed(f"{whole}wheels = [{held.format(good)}]\n")
    assert unhashed(f"{whole}wheels = [{held.format(good)}, {held.format(other)}]\n") == [
        "views from https://files.pythonhosted.org, https://pypi.org/simple"
    ]


@pytest.mark.parametrize(
    ("group", "source"),
    [
        ("dev", 'directory = "libs/views"'),
        ("serve", 'path = "wheels/views-1.0-py3-none-any.whl"'),
        ("serve", 'git = "https://github.com/team/views?tag=v1#12ab"'),
    ],
)
def test_what_the_lock_pins_and_tools_of_developers_are_taken(group, source):
    assert not unhashed(PROJECT.format(group=group, source=source))


def test_a_folder_is_refused_in_a_message_before_anything_is_installed(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "loop"\n[tool.uv.workspace]\nmembers = ["libs/*"]\n'
    )
    (tmp_path / "uv.lock").write_text(PROJECT.format(group="serve", source='editable = "libs/views"'))
    done = subprocess.run(SCRIPT, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: uv.lock takes 'views from libs/views', without a hash")
