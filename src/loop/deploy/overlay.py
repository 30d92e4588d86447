"""What differs in the cluster of one environment: a component of kustomize, by its name.

It is read where deploy/kubernetes.yaml is, and lies beside the manifests on the environment's branch.
"""

from pathlib import Path
from typing import Any

from loop.base.errors import LoopError
from loop.repo.commit import Commit
from loop.settings import yaml_file

OVERLAYS = Path("deploy/overlays")
KUSTOMIZATION = "kustomization.yaml"
KIND = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}
AGAIN = "docs/kubernetes.md#environments shows one"


def read(environment: str, commit: str | None = None) -> dict[str, str]:
    """The files of deploy/overlays/NAME by path in it, of this checkout or a commit; maybe none.

    Raises LoopError for one that no base can take in: nothing that the branch holds could be applied.
    """
    folder = OVERLAYS / environment
    files = _here(folder) if commit is None else Commit(commit).texts(str(folder))
    found = {
        str(path): text
        for path, text in sorted((Path(name).relative_to(folder), text) for name, text in files.items())
        if not any(part.startswith(".") for part in path.parts)
    }
    if found:
        _check(folder, found)
    return found


def _here(folder: Path) -> dict[str, str]:
    there = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path): path.read_bytes().decode(errors="replace") for path in there}


def _check(folder: Path, files: dict[str, str]) -> None:
    path = folder / KUSTOMIZATION
    if KUSTOMIZATION not in files:
        raise LoopError(f"{folder} has no {KUSTOMIZATION}", "a component of kustomize", AGAIN)
    component = yaml_file.mapping(files[KUSTOMIZATION].encode(), path)
    for key, value in KIND.items():
        if component.get(key) != value:
            raise LoopError(f"{path} has {key}: {component.get(key)}", f"{key}: {value}", AGAIN)
    for name in _named(path, component):
        if name not in files and not any(one.startswith(f"{name}/") for one in files):
            raise LoopError(f"{path} names {name}, which is not there", f"a file in {folder}", AGAIN)


def _named(path: Path, component: dict[str, Any]) -> list[str]:
    """The files of its own folder that a component takes in; what lies elsewhere, kustomize fetches."""
    kinds = {"resources": (str, "texts"), "patches": (dict, "mappings")}
    lists = {key: component.get(key) or [] for key in kinds}
    for key, (kind, what) in kinds.items():
        if not isinstance(lists[key], list) or not all(isinstance(one, kind) for one in lists[key]):
            raise LoopError(f"{path}: {key} is not a list of {what}", f"a list of {what}", AGAIN)
    named = [*lists["resources"], *(str(one["path"]) for one in lists["patches"] if "path" in one)]
    return [name for name in named if "/" not in name]
