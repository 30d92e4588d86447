"""What runs is the code of the tree that is worked on; what a child gets is decided in one place."""

import getpass
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from loop.base import environment
from loop.base.errors import INTERRUPTED
from loop.repo.git import git

ROOT = Path(__file__).resolve().parents[2]
VENV = Path(sys.executable).parent


@pytest.fixture
def tree(tmp_path):
    """A tree with this code, in which `loop --help` names the tree."""
    shutil.copytree(ROOT / "src", tmp_path / "größe/src", ignore=shutil.ignore_patterns("__pycache__"))
    home = tmp_path / "größe"
    (home / "dvc.yaml").write_text("stages: {}\n")
    cli = home / "src/loop/commands/command_line.py"
    cli.write_text(cli.read_text().replace("is a pull request with evidence.\\n", "of THIS TREE, größe.\\n"))
    return home


def loop(folder, *arguments, python=VENV / "python", **more):
    found = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONUTF8")}
    return subprocess.run(
        [python, "-c", "from loop.cli import main; main()", *arguments],
        cwd=folder,
        env=found | more,
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("below", [".", "src/problem"])
def test_another_trees_script_runs_the_code_of_this_tree(tree, below):
    assert b"THIS TREE" in loop(tree / below, "--help").stdout


def test_what_was_installed_as_a_copy_runs_the_code_of_this_tree(tree, tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    assert b"THIS TREE" in loop(tree, "--help", PYTHONPATH=str(tmp_path / "copy")).stdout


def test_a_tree_with_an_environment_of_its_own_runs_in_it(tree, tmp_path):
    (tree / ".venv/bin").mkdir(parents=True)
    script = tree / ".venv/bin/python"
    script.write_text('#!/bin/sh\necho in its own: "$@"\n')
    script.chmod(0o755)
    assert b"in its own: -m loop.cli --help" in loop(tree, "--help").stdout


def test_an_interrupt_while_the_commands_are_imported_is_one_message(tree, tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "first/typer.py").write_text("raise KeyboardInterrupt\n")
    done = loop(tree, "--help", PYTHONPATH=str(tmp_path / "first"))
    assert (done.returncode, done.stderr.decode()) == (130, f"{INTERRUPTED}\n")


def test_a_python_that_imports_another_tree_all_the_same_is_one_error_and_no_circle(tree):
    done = loop(tree, "--help", LOOP_TREE_TRIED=str(tree))
    assert done.returncode == 1
    assert b"to do:" in done.stderr


def test_a_tree_whose_problem_has_another_name_is_told_so(tree):
    (tree / "src/problem").rename(tree / "src/rides")
    done = loop(tree, "--help")
    assert done.returncode == 1
    assert b"src/problem/__init__.py is missing" in done.stderr
    assert b"make setup" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("LC_ALL", "C"), ("LC_ALL", "de_DE.ISO-8859-1"), ("LC_ALL", "C.UTF-8"), ("PYTHONIOENCODING", "ascii")],
)
def test_the_command_line_writes_utf8_in_any_locale(tree, name, value):
    assert "THIS TREE, größe".encode() in loop(tree, "--help", **{name: value}).stdout


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("PYTHONWARNINGS", "error", "import warnings; warnings.warn('old', DeprecationWarning)"),
        ("PYTHONOPTIMIZE", "2", "__doc__.format()"),
        ("PYTHONINSPECT", "1", "pass"),
        ("MPLBACKEND", "module://of_a_notebook", "import matplotlib"),
        ("LOKY_MAX_CPU_COUNT", "abc", "from joblib import cpu_count; cpu_count()"),
        ("MATPLOTLIBRC", "rc", "import matplotlib; assert not matplotlib.rcParams['axes.grid']"),
    ],
)
def test_what_python_is_told_ends_nothing_in_a_library(tree, name, value, code):
    with (tree / "src/loop/base/exit_codes.py").open("a") as module:
        module.write(f"{code}\n")
    (tree / "rc").write_text("axes.grid: True\n")
    assert loop(tree, "--help", **{name: value}).returncode == 0


def test_a_pipeline_of_another_kind_above_or_in_between_is_not_the_tree(tree):
    (tree.parent / "dvc.yaml").write_text("stages: {}\n")
    between = tree / "notebooks/deep"
    between.mkdir(parents=True)
    (between / "dvc.yaml").write_text("stages: {}\n")
    assert environment.tree(between) == tree
    assert environment.tree(tree.parent) is None


def test_a_stage_of_an_experiments_copy_runs_by_the_environment_of_its_repository(tree):
    copy = tree / ".dvc/tmp/exps/tmp1"
    (tree / ".venv/bin").mkdir(parents=True)
    (tree / ".venv/bin/python").touch()
    assert environment._python(copy) == tree / ".venv/bin/python"


@pytest.mark.parametrize(("name", "found"), [("dvc", VENV / "dvc"), ("other", None)])
def test_dvc_alone_finds_itself_in_any_shell(tmp_path, name, found):
    """It starts the workers of its queue by the PATH, and waits for ever where it is not there."""
    (tmp_path / name).write_text("import shutil\nprint(shutil.which('dvc'))\n")
    done = subprocess.run(
        [VENV / "python", tmp_path / name],
        env={"PATH": str(tmp_path / "nothing")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(found)


def test_a_child_gets_a_persons_git_and_no_hooks(monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/elsewhere/index")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ada")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "*")
    monkeypatch.setenv("LOOP_TOKEN", "secret")
    found = environment.child(("LOOP_",), ADDED="1")
    assert not {"GIT_DIR", "GIT_INDEX_FILE", "LOOP_TOKEN"} & set(found)
    assert (found["GIT_AUTHOR_NAME"], found["GIT_CONFIG_VALUE_0"], found["ADDED"]) == ("Ada", "*", "1")
    assert found["PATH"] == os.environ["PATH"]


def test_a_token_is_added_to_the_settings_that_a_person_gave_git(monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "*")
    assert environment.git_settings(("a.b", "c")) == {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_1": "a.b",
        "GIT_CONFIG_VALUE_1": "c",
    }


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ("a.example, 127.0.0.1", "", "a.example,127.0.0.1,localhost,::1"),
        ("", "b.example", "b.example,localhost,127.0.0.1,::1"),
        ("a.example", "b.example,a.example", "a.example,b.example,localhost,127.0.0.1,::1"),
        ("", "*", "*"),
    ],
)
def test_a_proxy_is_not_for_this_host_nor_for_those_that_a_person_named(
    tmp_path, monkeypatch, lower, upper, expected
):
    monkeypatch.setenv("no_proxy", lower)
    monkeypatch.setenv("NO_PROXY", upper)
    monkeypatch.chdir(tmp_path)
    environment.enter()
    assert (os.environ["no_proxy"], os.environ["NO_PROXY"]) == (expected, expected)


def test_caches_lie_elsewhere_where_home_takes_none(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/none")
    monkeypatch.setenv("BENTOML_HOME", "")
    monkeypatch.delenv("BENTOML_HOME")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.chdir(tmp_path)
    environment.enter()
    assert Path(os.environ["BENTOML_HOME"]).is_relative_to(tmp_path)


@pytest.mark.parametrize("kind", ["a file", "below a file", "another user's"])
def test_a_folder_that_nobody_may_go_into_is_as_if_not_named(tmp_path, monkeypatch, kind):
    """As after `su` and `sudo` that keep HOME and XDG_CONFIG_HOME: DVC ends by a traceback there."""
    place = tmp_path / "there"
    place.mkdir() if kind == "another user's" else place.touch()
    may = os.access
    monkeypatch.setattr("os.access", lambda path, how: may(path, how) and str(path) != str(place))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.chdir(tmp_path)
    names = ("HOME", "XDG_CONFIG_HOME", "DVC_GLOBAL_CONFIG_DIR", "DVC_SITE_CACHE_DIR", "MPLCONFIGDIR")
    for name in names:
        monkeypatch.setenv(name, str(place / ".config" if kind == "below a file" else place))
    environment.enter()
    assert Path(os.environ["HOME"]) == tmp_path / f"loop-{os.getuid()}"
    assert not [name for name in names if os.environ.get(name, "").startswith(str(place))]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("below", ["", "new"])
def test_what_dvc_always_writes_has_a_folder_where_its_own_takes_none(tmp_path, monkeypatch, named, below):
    """As on a disk that may only be read: DVC calls it an unexpected error."""
    (place := tmp_path / "read only").mkdir()
    may = os.access
    monkeypatch.setattr(
        "os.access", lambda path, how: may(path, how) and not (how & os.W_OK and place == Path(path))
    )
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(place / below) if named else "")
    monkeypatch.setattr(environment, "_SHARED", str(place / below))
    monkeypatch.chdir(tmp_path)
    environment.enter()
    assert Path(os.environ["DVC_SITE_CACHE_DIR"]) == tmp_path / f"loop-{os.getuid()}" / "dvc"
    assert Path(os.environ["HOME"]) != tmp_path / f"loop-{os.getuid()}"


@pytest.mark.parametrize("home", [None, "", "not/absolute"])
def test_who_has_no_name_and_no_home_gets_them(tmp_path, monkeypatch, home):
    def unknown(_: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("HOME", home or "")
    if home is None:
        monkeypatch.delenv("HOME")
    monkeypatch.chdir(tmp_path)
    environment.enter()
    assert Path(os.environ["HOME"]).is_absolute()
    assert getpass.getuser() == f"user-{os.getuid()}"


def of_make(tmp_path: Path, **given: str) -> list[str]:
    """The variables that a recipe gets."""
    (tmp_path / "show.mk").write_text(f"include {ROOT}/Makefile\nshow:\n\t@env\n")
    command = ["make", "-sf", str(tmp_path / "show.mk"), "show"]
    shown = subprocess.run(command, env=os.environ | given, capture_output=True, text=True, check=True)
    return shown.stdout.split("\n")


@pytest.mark.parametrize("name", ["UV_CACHE_DIR", "XDG_CACHE_HOME", "HOME"])
def test_make_gives_uv_a_cache_where_a_persons_folder_takes_none(tmp_path, monkeypatch, name):
    for other in ("UV_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(other, "")
    (tmp_path / "file").touch()
    own = [one for one in of_make(tmp_path, **{name: str(tmp_path / "file/x")}) if one.startswith("UV_CACHE")]
    assert own == [f"UV_CACHE_DIR={Path.cwd()}/.tools/uv-cache"]
    kept = of_make(tmp_path, **{name: str(tmp_path / "good")})
    assert f"UV_CACHE_DIR={Path.cwd()}/.tools/uv-cache" not in kept


REACH = dict.fromkeys(
    ("UV_INDEX_CORP_PASSWORD", "UV_DEFAULT_INDEX", "UV_HTTP_TIMEOUT", "UV_SYSTEM_CERTS"), "1"
)
ELSE = dict.fromkeys(  # by each uv installs something else, or elsewhere, or refuses the lock
    (
        *("UV_PROJECT_ENVIRONMENT", "UV_EXCLUDE_NEWER", "UV_RESOLUTION", "UV_NO_CONFIG"),
        *("UV_NO_INSTALL_PROJECT", "UV_PYTHON_PREFERENCE", "UV_NO_BUILD_ISOLATION", "UV_WHAT_COMES_NEXT"),
    ),
    "1",
)


def test_make_passes_nothing_on_that_is_of_another_environment(tmp_path):
    strange = {
        "PIP_USER": "1",
        "PIP_TARGET": "/x",
        "PIP_DRY_RUN": "1",
        "PIP_NO_BINARY": "uv",
        "VIRTUAL_ENV": "/x",
    }
    strange |= {"PYTHONWARNINGS": "error", "SOURCE_DATE_EPOCH": "0"} | ELSE
    reach = REACH | {"PIP_INDEX_URL": "https://x", "PIP_CERT": "/x"}
    lines = of_make(tmp_path, **strange, **reach)
    assert "PIP_USER=0" in lines  # which a pip.conf with `user = true` gives way to
    assert not [line for line in lines if line.startswith((*list(strange)[1:],))]
    assert {f"{name}={value}" for name, value in reach.items()} <= set(lines)


def test_a_shell_says_to_a_childs_uv_how_packages_are_reached_and_not_which(monkeypatch):
    for name in (*REACH, *ELSE):
        monkeypatch.setenv(name, "1")
    given = {name for name in environment.child() if name in REACH | ELSE}
    assert given == set(REACH)


def test_a_persons_pip_conf_sends_uv_to_no_other_place(tmp_path):
    with zipfile.ZipFile(wheel := tmp_path / "uv-1-py3-none-any.whl", "w") as parts:
        parts.writestr("uv-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 1\n")
        parts.writestr(
            "uv-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        parts.writestr("uv-1.data/scripts/uv", "#!python\n")
        parts.writestr("uv-1.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "requirements-uv.txt").write_text(f"uv @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    places = "".join(f"{option} = {tmp_path}/elsewhere\n" for option in ("target", "prefix", "root"))
    (tmp_path / "pip.conf").write_text(f"[global]\nuser = true\n{places}")
    command = ["make", "-f", str(ROOT / "Makefile"), ".tools/bin/uv"]
    set_up = os.environ | {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    (here := tmp_path / """o'brien "q" $HOME""").mkdir()  # nor does what a shell reads in a folder's name
    shutil.move(tmp_path / "requirements-uv.txt", here)
    subprocess.run(command, cwd=here, env=set_up, check=True)
    assert (here / ".tools/bin/uv").is_file()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("server", "shown"),
    [
        ("https://me:word@runs.example/x", "https://…@runs.example/x"),
        ("https://me:pa@word@runs.example/x", "https://…@runs.example/x"),
        ("https://me:p@a/word@runs.example/x", "https://…@runs.example/x"),
        ("HTTP://me:word@runs.example/x", "HTTP://…@runs.example/x"),
        ("https://runs.example/x?token=word", "https://runs.example/x"),
    ],
)
def test_make_ui_says_where_the_runs_are_and_no_part_of_a_password(server, shown):
    command = ["make", "-s", "-o", "setup", "ui"]
    asked = os.environ | {"MLFLOW_TRACKING_URI": server}
    done = subprocess.run(command, cwd=ROOT, env=asked, capture_output=True, text=True, check=True)
    assert done.stdout == f"the runs are on the server: {shown}\n"


@pytest.mark.parametrize(
    "server", ["databricks", "databricks://team", "databricks-uc", "uc:https://me:word@a"]
)
def test_make_ui_starts_nothing_for_a_server_without_an_address(server):
    command = ["make", "-s", "-o", "setup", "ui"]
    asked = os.environ | {"MLFLOW_TRACKING_URI": server}
    done = subprocess.run(command, cwd=ROOT, env=asked, capture_output=True, text=True, check=True)
    assert done.stdout == "the runs are on the server that MLFLOW_TRACKING_URI names: look at them there\n"


def test_make_ui_says_in_one_message_that_a_database_cannot_be_asked():
    command = ["make", "-s", "-o", "setup", "ui"]
    asked = os.environ | {"MLFLOW_TRACKING_URI": "nosuch://me:word@127.0.0.1:9/runs"}
    done = subprocess.run(command, cwd=ROOT, env=asked, capture_output=True, text=True, check=False)
    assert done.stderr.startswith("error: MLflow at nosuch://…@127.0.0.1:9/runs does not answer")
    assert not {"Traceback", "word"} & set(done.stderr.split())


def test_make_ui_names_another_port_where_one_is_taken():
    """As 5000 is on a Mac: MLflow said so in its own words, and make that all was well."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = ["make", "-s", "-o", "setup", "ui", f"PORT={port}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode
    assert f"127.0.0.1:{port} cannot be listened on" in done.stderr
    assert f"`make ui PORT={port + 1 if port < 65535 else 8080}`" in done.stderr


SETTINGS = {
    "diff.orderFile": "order",
    "diff.relative": "true",
    "log.showSignature": "true",
    "color.diff": "always",
    "core.hooksPath": "hooks",
    "color.ui": "always",
    "column.ui": "always",
    "merge.verifySignatures": "true",
    "status.showUntrackedFiles": "no",
    "core.quotePath": "false",
    "core.splitIndex": "true",
    "i18n.commitEncoding": "latin1",
    "i18n.logOutputEncoding": "latin1",
    "log.showRoot": "false",
    "diff.renames": "false",
    "diff.external": "false",
    "trailer.separators": "=",
    "trailer.by.key": "Von",
    "trailer.by.ifexists": "replace",
    "clone.defaultRemoteName": "other",
    "push.followTags": "true",
    "color.grep": "always",
    "commit.gpgSign": "true",
    "commit.cleanup": "strip",
    "push.gpgSign": "true",
    "push.pushOption": "ci.skip",
}


@pytest.fixture
def place(tmp_path):
    """A repository of one commit, with changes on top of it."""
    for part in ("init -q", "config user.name Größe", "config user.email a@b"):
        subprocess.run(["git", *part.split()], cwd=tmp_path, check=True)
    for name in ("a", "é", "old"):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in range(9)))
    git("add", ".", cwd=tmp_path)
    git("commit", "-qm", "Größe\n\nBy: Ada", cwd=tmp_path)
    git("tag", "--annotate", "mine", "-m", "mine", cwd=tmp_path)
    git("tag", "other", cwd=tmp_path)
    git("mv", "old", "moved", cwd=tmp_path)
    for name in ("a", "é", "new"):
        (tmp_path / name).write_text("2\n")
    return tmp_path


def with_settings(place) -> None:
    (place / "order").write_text("é\n")
    (place / ".git/info/exclude").write_text("hooks\norder\n")
    (place / "hooks").mkdir()
    (place / "hooks/pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (place / "hooks/pre-commit").chmod(0o755)
    for name, value in SETTINGS.items():
        git("config", name, value, cwd=place)


def test_a_persons_settings_of_git_change_no_output(place):
    questions = (
        ["log", "-1", "--format=%an %s"],
        ["log", "-1", "--format=%b"],
        ["log", "--diff-filter=A", "--format=%s", "--", "a"],
        ["status", "--porcelain"],
        ["diff", "--name-only", "HEAD"],
        ["diff", "--numstat", "HEAD"],
        ["grep", "--files-with-matches", "2", "HEAD", "--", "a"],
        ["tag", "--list"],
    )
    before = [git(*question, cwd=place) for question in questions]
    assert all(before)
    with_settings(place)
    assert [git(*question, cwd=place) for question in questions] == before
    git("commit", "-qam", "Größe\n\n#1 is why", cwd=place)
    assert git("log", "-1", "--format=%b", cwd=place) == "#1 is why"
    assert before[0] == git(*questions[0], cwd=place) == "Größe Größe"


def test_a_persons_settings_of_git_change_no_clone_and_no_push(place, monkeypatch):
    with_settings(place)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(place / ".git/config"))
    git("clone", "--quiet", "--bare", str(place), str(place / "bare"), cwd=place)
    git("tag", "--delete", "mine", "other", cwd=place / "bare")
    git("clone", "--quiet", str(place), str(place / "copy"), cwd=place)
    assert git("remote", cwd=place / "copy") == "origin"
    git("push", "--quiet", str(place / "bare"), "HEAD:refs/heads/more", cwd=place / "copy")
    git("checkout", "--quiet", "-b", "side", cwd=place / "copy")
    git("commit", "--quiet", "--allow-empty", "--message=side", cwd=place / "copy")
    git("checkout", "--quiet", "-", cwd=place / "copy")
    git("merge", "--quiet", "--no-ff", "-m", "both", "side", cwd=place / "copy")
    assert git("for-each-ref", "--format=%(refname)", "refs/tags", cwd=place / "bare") == ""
