"""A tiny template with versions, and a tiny copy of its first one."""

import json
import shutil
from pathlib import Path

from loop.repo import machinery
from loop.repo.git import git

PROTOCOL = "src/loop/repo/protocol.json"
MIGRATE = """
import json, pathlib
path = pathlib.Path("params.yaml")
text = path.read_text()
path.write_text(text.replace("{old}:", "{new}:"))
done = ["params.yaml: {old} -> {new}"] if "{old}:" in text else []
print(json.dumps({{"done": done, "todo": []}}))
"""
ADOPT = ["-c", "import os, shutil; shutil.rmtree('benchmarks'); os.remove('CHANGELOG.md')"]
FIRST = {
    "pyproject.toml": '[project]\nname = "loop"\n[tool.loop]\nversion = "1.0.0"\n',
    "dvc.yaml": "stages: {}\n",
    "Makefile": "".join(f"task{number}:\n" for number in range(30)),
    "CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n## 1.0.0\n\n- It began.\n",
    "README.md": "the template's\n",
    "params.yaml": "the: template's\n",
    "benchmarks/speed.py": "",
    "src/loop/one.py": "ONE = 1\n",
    "src/loop/two.py": "TWO = 2\n",
    "src/loop/three.py": "THREE = 3\n",
    ".github/workflows/checks.yml": "on: push\n",
    "docs/page.md": "A page.\n",
}


class Home:
    """A repository of literal files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        return git("-c", "user.name=t", "-c", "user.email=t@t", *arguments, cwd=self.path)

    def commit(self, changes: dict[str, str | None]) -> str:
        for name, text in changes.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink() if text is None else path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")


class Template(Home):
    """A template with versions, each with migrations of its own."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.version("1.0.0", FIRST)

    def version(self, number: str, changes: dict[str, str | None], renames: tuple[str, str] = ("", "")):
        old, new = renames if all(renames) else ("nothing", "nothing else")
        entries = {"adopt": ADOPT, "migrate": ["-c", MIGRATE.format(old=old, new=new)]}
        own = {
            PROTOCOL: json.dumps({"version": 2, "entries": entries}),
            "pyproject.toml": FIRST["pyproject.toml"].replace("1.0.0", number),
        }
        self.commit({**own, **changes})
        self.git("tag", "--force", "-a", f"v{number}", "-m", number)


class Copy(Home):
    """A copy of the template's first version, with a problem of its own."""

    def __init__(self, path: Path, template: Template) -> None:
        super().__init__(path)
        self.git("config", "user.name", "ann")
        self.git("config", "user.email", "ann@own.example")
        skip = shutil.ignore_patterns(".git")
        shutil.copytree(template.path, path, dirs_exist_ok=True, ignore=skip)
        own = {
            "README.md": "ours\n",
            "params.yaml": "old: 1  # a comment\n",
            "src/problem/source.py": "OWN = 1\n",
            "docs/ours.md": "A page of ours.\n",
            "benchmarks/speed.py": None,
            "CHANGELOG.md": None,
        }
        self.commit(own)
        machinery.record(path, "own", str(template.path))
        self.commit({})

    def text(self, name: str, at: str = "update/1.1.0") -> str:
        return self.git("show", f"{at}:{name}")

    def state(self) -> tuple[str, ...]:
        """Refs, what is staged, what differs, and settings: whatever a person may have lost."""
        status = self.git("status", "--porcelain", "--ignored")
        return self.git("for-each-ref"), status, self.git("rev-parse", "HEAD"), self.git("config", "--list")

    def changed(self, branch: str = "update/1.1.0") -> set[str]:
        return set(self.git("diff", "--name-only", "main", branch).split())


NEXT = {
    "src/loop/one.py": "ONE = 11\n",
    "src/loop/two.py": None,
    "src/loop/new.py": "NEW = 1\n",
    "README.md": "the template's other\n",
    "benchmarks/more.py": "",
    "CHANGELOG.md": "## Unreleased\n\n- Not yet.\n\n## 1.1.0\n\n- Eleven.\n\n## 1.0.0\n\n- It began.\n",
}
