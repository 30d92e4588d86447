"""An update of a tiny copy of a tiny template, in good and in bad moments."""

import json
import os
import subprocess

import pytest

from loop.base.errors import LoopError, UsageError
from loop.repo import machinery
from loop.update import update
from loop.update.make_update import ConflictError, Wanted
from support.template import ADOPT, FIRST, NEXT, PROTOCOL, Copy, Home, Template

pytestmark = pytest.mark.slow  # a repository of the template, and copies of it


@pytest.fixture
def template(tmp_path) -> Template:
    return Template(tmp_path / "template")


@pytest.fixture
def copy(tmp_path, template, monkeypatch) -> Copy:
    made = Copy(tmp_path / "copy", template)
    monkeypatch.chdir(made.path)
    return made


def run(to=None, *, check=False, out=None, **wanted) -> int:
    return update.main(Wanted(to, **wanted), check=check, out=out)


def test_an_untouched_copy_becomes_the_later_version_in_one_commit_on_a_branch(template, copy, capsys):
    template.version("1.1.0", NEXT)
    before = copy.state()
    assert run() == 0
    assert copy.git("rev-parse", "update/1.1.0^") == copy.git("rev-parse", "main")
    assert copy.text("src/loop/one.py") == "ONE = 11"
    assert copy.changed() == {
        *("src/loop/one.py", "src/loop/two.py", "src/loop/new.py"),
        *("loop-version.json", "pyproject.toml"),
    }
    said = copy.git("log", "-1", "--format=%B", "update/1.1.0")
    assert "Eleven" in said
    assert "It began" not in said
    assert "Not yet" not in said
    printed = capsys.readouterr().out
    assert "git push origin update/1.1.0 && gh pr create" in " && ".join(printed.split("\n        "))
    copy.git("branch", "-D", "update/1.1.0")
    assert copy.state() == before, "no tag, no remote, no setting is left"


def test_after_the_update_the_copy_is_of_that_version_and_has_no_edit(template, copy):
    template.version("1.1.0", NEXT)
    run()
    copy.git("switch", "--quiet", "update/1.1.0")
    assert machinery.recorded(copy.path).version == "1.1.0"
    assert machinery.edited(copy.path) == []
    assert run() == 0, "nothing is left to do"


def test_an_edit_is_merged_with_the_templates_and_stays_an_edit(template, copy, capsys):
    lines = FIRST["Makefile"]
    copy.commit({"Makefile": lines.replace("task1:", "task1: mine"), "docs/page.md": "Our page.\n"})
    template.version("1.1.0", {"Makefile": lines.replace("task20:", "task20: theirs")})
    run()
    assert {"task1: mine", "task20: theirs"} <= set(copy.text("Makefile").split("\n"))
    assert copy.text("docs/page.md") == "Our page."
    printed = capsys.readouterr().out
    assert "merged: read these: 1 (`Makefile`)" in printed
    assert "left so: 1 (`docs/page.md`)" in printed
    copy.git("switch", "--quiet", "update/1.1.0")
    assert machinery.edited(copy.path) == ["Makefile"]


def test_an_edit_follows_a_file_that_the_template_moved(template, copy):
    lines = "".join(f"A{number} = {number}\n" for number in range(30))
    template.version("1.1.0", {"src/loop/one.py": lines})
    run()
    copy.git("merge", "--quiet", "update/1.1.0")
    copy.commit({"src/loop/one.py": lines.replace("A3 = 3", "A3 = 33")})
    template.version("1.2.0", {"src/loop/one.py": None, "src/loop/deep/one.py": lines})
    run()
    assert "A3 = 33" in copy.text("src/loop/deep/one.py", "update/1.2.0")


CONFLICTS = {
    "src/loop/one.py": ("ONE = 5\n", "ONE = 11\n", "edited here and by the template"),
    ".github/workflows/checks.yml": ("on: [a]\n", "on: [b]\n", "edited here and by the template"),
    "src/loop/two.py": ("TWO = 5\n", None, "edited here, and removed by the template"),
    "docs/page.md": (None, "Another.\n", "removed here, and changed by the template"),
    "src/loop/own.py": ("OWN = 1\n", "OWN = 2\n", "a file here, and new in the template"),
}


@pytest.fixture
def apart(template, copy) -> Copy:
    """A copy that cannot be merged with the next version."""
    copy.commit({path: ours for path, (ours, _, _) in CONFLICTS.items()})
    theirs = {path: their for path, (_, their, _) in CONFLICTS.items()}
    template.version("1.1.0", {**theirs, "src/loop/three.py": "THREE = 33\n"})
    return copy


def test_conflicts_are_named_with_their_reasons_and_nothing_is_written(apart):
    before = apart.state()
    with pytest.raises(ConflictError) as caught:
        run()
    assert caught.value.code == 6
    assert caught.value.why == [f"{path}: {why}" for path, (_, _, why) in sorted(CONFLICTS.items())]
    assert apart.state() == before


def test_the_way_out_of_a_conflict_is_to_keep_or_to_take_a_file(apart):
    keep = ["src/loop/one.py", "docs/page.md"]
    run(keep=keep, take=[path for path in CONFLICTS if path not in keep])
    assert not set(keep) & apart.changed()
    assert apart.text("src/loop/three.py") == "THREE = 33"
    assert apart.text("src/loop/own.py") == "OWN = 2"
    assert apart.text(".github/workflows/checks.yml") == "on: [b]"
    assert "src/loop/two.py" not in apart.git("ls-tree", "-r", "--name-only", "update/1.1.0")


def test_what_was_removed_here_stays_so_and_is_said(template, copy, capsys):
    copy.commit({"docs/page.md": None})
    template.version("1.1.0", {"src/loop/one.py": "ONE = 11\n"})
    run()
    assert "docs/page.md" not in copy.git("ls-tree", "-r", "--name-only", "update/1.1.0")
    assert "removed here, and left so: 1 (`docs/page.md`)" in capsys.readouterr().out


def test_modes_and_links_are_kept(template, copy):
    tool, link = template.path / "tool.sh", template.path / "link"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    link.symlink_to("Makefile")
    template.version("1.1.0", {})
    run()
    modes = copy.git("ls-tree", "update/1.1.0", "tool.sh", "link").split()
    assert [modes[0], modes[4]] == ["120000", "100755"]


def test_two_versions_at_once_go_through_the_migrations_of_each(template, copy, capsys):
    template.version("1.1.0", NEXT, renames=("old", "newer"))
    template.version("1.2.0", {"src/loop/one.py": "ONE = 12\n"}, renames=("newer", "newest"))
    run()
    assert copy.text("params.yaml", "update/1.2.0") == "newest: 1  # a comment"
    printed = capsys.readouterr().out
    assert printed.index("`params.yaml: old -> newer`") < printed.index("`params.yaml: newer -> newest`")
    assert copy.text("src/loop/one.py", "update/1.2.0") == "ONE = 12"


def test_a_version_may_be_named_and_the_next_update_goes_on_from_it(template, copy):
    template.version("1.1.0", NEXT, renames=("old", "newer"))
    template.version("1.2.0", {"src/loop/one.py": "ONE = 12\n"})
    run("1.1.0")
    assert copy.text("params.yaml") == "newer: 1  # a comment"
    copy.git("merge", "--quiet", "update/1.1.0")
    run()
    assert copy.changed("update/1.2.0") == {
        *("src/loop/one.py", "loop-version.json", "pyproject.toml", PROTOCOL)
    }


def test_a_fix_may_be_taken_alone_and_the_next_update_knows_it(template, copy):
    template.version("1.1.0", NEXT)
    template.version("1.2.0", {"src/loop/one.py": "ONE = 12\n"})
    run("1.1.0", only=["src/loop/one.py"])
    assert copy.changed("update/1.1.0-in-part") == {"src/loop/one.py", "loop-version.json"}
    copy.git("merge", "--quiet", "update/1.1.0-in-part")
    record = machinery.recorded(copy.path)
    assert (record.version, record.taken) == ("1.0.0", {"src/loop/one.py": "1.1.0"})
    assert machinery.edited(copy.path) == []
    run()
    assert copy.text("src/loop/one.py", "update/1.2.0") == "ONE = 12"
    assert json.loads(copy.text("loop-version.json", "update/1.2.0")).get("taken") is None


def test_check_says_what_would_change_and_writes_nothing(template, copy, capsys):
    template.version("1.1.0", NEXT)
    before = copy.state()
    assert run(check=True) == 0
    assert "src/loop/new.py" in capsys.readouterr().out
    assert copy.state() == before


def test_history_of_the_template_that_was_merged_by_hand_is_no_conflict(template, copy):
    template.version("1.1.0", NEXT)
    options = (
        "--quiet",
        "--no-tags",
        "--no-rebase",
        "--no-edit",
        "--allow-unrelated-histories",
        "-X",
        "theirs",
    )
    copy.git("pull", *options, str(template.path), "v1.1.0")
    run()
    assert copy.changed() == {"loop-version.json", "src/loop/two.py"}, "a merge of strangers removes nothing"
    assert json.loads(copy.text("loop-version.json"))["version"] == "1.1.0"


@pytest.mark.parametrize("kind", ["path", "relative", "file", "bundle"])
def test_a_path_an_address_and_a_bundle_will_do(template, copy, kind):
    template.version("1.1.0", NEXT)
    bundle = copy.path.parent / "template.bundle"
    template.git("bundle", "create", "--quiet", str(bundle), "--tags")
    places = {
        "path": str(template.path),
        "relative": "../template",
        "file": f"file://{template.path}",
        "bundle": str(bundle),
    }
    run(source=places[kind])
    assert copy.text("src/loop/one.py") == "ONE = 11"
    kept = json.loads(copy.text("loop-version.json"))["template"]
    assert kept == (places["file"] if kind == "file" else str(template.path)), (
        "a place that lasts is recorded"
    )


def refused(match: str, **wanted) -> str:
    with pytest.raises(LoopError, match=match) as caught:
        run(**wanted)
    return str(caught.value)


def test_work_that_is_not_committed_is_refused(template, copy):
    (copy.path / "Makefile").write_text("mine\n")
    refused("not committed")
    copy.git("checkout", "--quiet", "Makefile")
    (copy.path / "notes.txt").write_text("mine\n")
    template.version("1.1.0", NEXT)
    assert run() == 0, "what git does not know is in nobody's way"


def test_a_template_that_is_gone_or_without_versions_is_one_message(copy, tmp_path):
    where = "--from names another address, a path or a bundle"
    assert where in refused("does not answer", source="https://localhost:1/gone.git")
    assert where in refused("does not answer", source=str(tmp_path / "nowhere"))
    empty = Home(tmp_path / "empty")
    empty.commit({"a": "a"})
    refused("has no version", source=str(empty.path))
    empty.git("tag", "v2.0.0")
    refused("has no tag v1.0.0.*", source=str(empty.path))


def test_a_password_in_an_address_is_neither_shown_nor_kept(template, copy):
    said = refused("does not answer", source="https://ann:hush@localhost:1/gone.git")
    assert "hush" not in said


@pytest.mark.parametrize("source", ["--upload-pack=touch pwned", "ext::sh -c touch% pwned"])
def test_an_address_runs_nothing(copy, source):
    with pytest.raises(UsageError):
        run(source=source)
    assert not (copy.path / "pwned").exists()


def test_a_tag_that_was_moved_is_refused_with_both_hashes(template, copy):
    template.version("1.0.0", {"src/loop/one.py": "EVIL = 1\n"})
    template.version("1.1.0", NEXT)
    said = refused(r"v1\.0\.0 of the template was moved: src/loop/one\.py")
    assert machinery.recorded(copy.path).machinery["src/loop/one.py"][:12] in said
    assert not copy.git("branch", "--list", "update/*")


def test_a_renamed_problem_is_refused(template, copy):
    copy.git("mv", "src/problem", "src/rides")
    copy.commit({})
    refused("there is no src/problem")


@pytest.mark.parametrize("to", ["1.1", "newest", "1.0.0.0", "../1.0.0", "1.9.0", "0.9.0"])
def test_a_version_that_is_none_or_not_there_or_earlier_is_wrong_usage(template, copy, to):
    template.version("0.9.0", {})
    with pytest.raises(UsageError):
        run(to)


def test_the_template_itself_and_a_copy_that_knows_too_little_are_refused(template, copy, monkeypatch):
    record = json.loads((copy.path / "loop-version.json").read_text())
    copy.commit({"loop-version.json": json.dumps({**record, "template": None})})
    assert "loop update --from" in refused("names no template")
    copy.commit({"loop-version.json": json.dumps({"problem": "own"})})
    refused("does not say which version")
    monkeypatch.chdir(template.path)
    refused("this is the template itself")


def test_a_version_that_is_there_already_is_not_made_twice(template, copy):
    template.version("1.1.0", NEXT)
    run()
    refused("update/1.1.0 is there already")


def test_a_version_that_speaks_a_newer_protocol_is_no_hindrance(template, copy):
    entries = {"adopt": ADOPT, "migrate": ["-c", "print('{}')"]}
    template.version("1.1.0", {**NEXT, PROTOCOL: json.dumps({"version": 99, "entries": entries})})
    assert run() == 0


def test_a_version_of_before_updates_is_one_message(template, copy):
    template.version("1.1.0", {**NEXT, PROTOCOL: json.dumps({"version": 2, "entries": {}})})
    refused("v1.1.0 of the template is from before")


def test_a_version_whose_own_code_fails_leaves_all_as_it_was(template, copy):
    template.version("1.1.0", NEXT)
    broken = {"version": 2, "entries": {"adopt": ADOPT, "migrate": ["-c", "raise SystemExit('broken')"]}}
    template.version("1.2.0", {PROTOCOL: json.dumps(broken)})
    before = copy.state()
    refused("broken")
    mute = {"version": 2, "entries": {"adopt": ADOPT, "migrate": ["-c", "print('done')"]}}
    template.version("1.3.0", {PROTOCOL: json.dumps(mute)})
    template.git("tag", "--delete", "v1.2.0")
    refused("migrations of v1.3.0 answered 'done")
    assert copy.state() == before


def test_a_change_of_workflows_says_before_the_push_who_may(template, copy, capsys):
    template.version("1.1.0", {".github/workflows/checks.yml": "on: [push]\n"})
    run()
    assert "gh auth refresh --scopes workflow" in capsys.readouterr().out


def test_a_package_of_ones_own_stays_and_the_lock_is_made_anew(template, copy, monkeypatch, tmp_path, capsys):
    uv = tmp_path / "bin/uv"
    uv.parent.mkdir()
    uv.write_text("#!/bin/sh\ngrep mine pyproject.toml > uv.lock\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}{os.pathsep}{os.environ['PATH']}")
    lines = "".join(f"dep{number}\n" for number in range(20))
    project = FIRST["pyproject.toml"]
    template.version("1.1.0", {"uv.lock": "theirs 1\n", "pyproject.toml": project + lines})
    run()
    copy.git("merge", "--quiet", "update/1.1.0")
    copy.commit({"pyproject.toml": project + lines.replace("dep3\n", "dep3\nmine\n"), "uv.lock": "mine 1\n"})
    newer = {"uv.lock": "theirs 2\n", "pyproject.toml": project + lines.replace("dep15\n", "")}
    template.version("1.2.0", newer)
    run()
    assert copy.text("uv.lock", "update/1.2.0") == "mine"
    uv.write_text("#!/bin/sh\necho offline >&2\nexit 1\n")
    copy.git("branch", "-D", "update/1.2.0")
    capsys.readouterr()
    run()
    assert copy.text("uv.lock", "update/1.2.0") == "theirs 2"
    assert "`uv lock` puts your packages in" in capsys.readouterr().out


def test_a_kill_at_any_moment_leaves_the_copy_as_it_was(template, copy, monkeypatch):
    template.version("1.1.0", NEXT)
    before, calls = copy.state(), []
    real = subprocess.Popen
    for stop in (3, 9, 15, 21, 27, 33):

        def killed(*arguments, stop=stop, **more):
            calls.append(arguments)
            if len(calls) == stop:
                raise KeyboardInterrupt
            return real(*arguments, **more)

        calls.clear()
        with monkeypatch.context() as patched:
            patched.setattr("loop.base.program.subprocess.Popen", killed)
            with pytest.raises(KeyboardInterrupt):
                run()
        assert copy.state() == before
