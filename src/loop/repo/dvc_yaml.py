"""dvc.yaml as a record: what each stage runs, reads and writes. Read by DVC's own syntax, and by no other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.base.errors import LoopError
from loop.settings.paths import PIPELINE
from loop.settings.yaml_file import load

_OUTS = ("outs", "metrics", "plots")
_LISTS = ("deps", "params", *_OUTS)
_OTHER = {"foreach", "matrix", "wdir"}  # by which files have other names than a stage says


@dataclass(frozen=True)
class Stage:
    """A stage: `outs` holds the path of each output, and whether DVC's cache keeps it (else git does)."""

    name: str
    command: str
    deps: list[str]
    params: list[Any]  # keys of params.yaml, or a mapping of another file to its keys
    outs: dict[str, bool]
    frozen: bool

    @property
    def in_git(self) -> list[str]:
        """Outputs that git keeps."""
        return [path for path, cached in self.outs.items() if not cached]


def stages(pipeline: Any) -> list[Stage]:
    """The stages of a dvc.yaml as read; none of what is no pipeline.

    Raises LoopError for a stage that DVC fills in or runs elsewhere: it has other files than it names.
    """
    found = (pipeline.get("stages") if isinstance(pipeline, dict) else None) or {}
    if not isinstance(found, dict):
        raise _odd("stages", "stages by their names")
    for name, spec in found.items():
        if isinstance(spec, dict) and (odd := next((kind for kind in _LISTS if not _listed(spec, kind)), "")):
            raise _odd(f"{odd} of stage {name}", "a list of paths, or of keys of params.yaml")
        if not isinstance(spec, dict) or _OTHER.intersection(spec) or "${" in str(spec):
            raise LoopError(
                f"{PIPELINE}: stage {name} is a template, or runs in another folder",
                f"files by their names, and none of {', '.join(sorted(_OTHER))} or ${{…}}",
                "write each stage out",
            )
    return [_stage(str(name), spec) for name, spec in found.items()]


def _listed(spec: dict[Any, Any], kind: str) -> bool:
    """Whether a stage names files or keys as DVC takes them: texts, or mappings of one to its options."""
    entries = spec.get(kind) or []
    return isinstance(entries, list) and all(
        isinstance(one, str) or (isinstance(one, dict) and len(one) > 0) for one in entries
    )


def _odd(what: str, expected: str) -> LoopError:
    return LoopError(
        f"{PIPELINE}: {what} is not what DVC reads", expected, f"`git checkout {PIPELINE}`, or fix it"
    )


def of(home: Path = Path()) -> list[Stage]:
    """The stages of a checkout. Raises LoopError for a dvc.yaml that is missing, or no YAML."""
    return stages(load(home / PIPELINE))


def named(path: Any) -> str:
    """The path of an entry, which is a text or a mapping of it to options."""
    return str(next(iter(path)) if isinstance(path, dict) else path)


def _stage(name: str, spec: dict[str, Any]) -> Stage:
    entries = [entry for kind in _OUTS for entry in spec.get(kind) or []]
    return Stage(
        name=name,
        command=str(spec.get("cmd")),
        deps=[named(entry) for entry in spec.get("deps") or []],
        params=list(spec.get("params") or []),
        outs={named(entry): _cached(entry) for entry in entries},
        frozen=bool(spec.get("frozen")),
    )


def _cached(entry: Any) -> bool:
    options = next(iter(entry.values())) if isinstance(entry, dict) else None
    return not (isinstance(options, dict) and options.get("cache") is False)
