"""A run as files, `run.json` and `figures/NAME.svg`: how it travels where no MLflow server may be written.

What is read is hostile until checked: keys, types, lengths and counts are bounded, numbers are numbers, and a
figure can neither run nor fetch anything. A run that is taken in names its model as `claimed_model_sha256`:
the registry, which looks for `model_sha256`, never builds on it.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict, Field

from loop.base import files
from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.model import tracking
from loop.model.run_entries import SYSTEM, Entries, Input, add
from loop.settings.paths import PIPELINE_LOCK
from loop.settings.plain_words import read_json

NAME, FIGURES = "run.json", "figures"
FIGURE = re.compile(r"[a-z][a-z_]{0,39}\.svg")
LARGEST, MOST = 2_000_000, 12  # bytes of one file; figures
SOURCE, CLAIM = "imported_from", "claimed_model_sha256"
_DRAWN = {
    *("svg", "g", "path", "defs", "clipPath", "rect", "use", "style", "text", "tspan", "title", "desc"),
    *("circle", "ellipse", "line", "polyline", "polygon"),
    *("metadata", "RDF", "Work", "type", "format", "date", "creator", "Agent"),
}
_ACTS = re.compile(r"(?i)javascript:|@import|expression\(|url\((?!\s*['\"]?#)|\\")
_IN_STYLES = re.compile(r"(?i)//|data:|image|src\(|@")  # by which CSS fetches without `url`
_COMMENT = re.compile("<!--(?!-?>)")  # which does not end at once where it is read as HTML
_HASHES = re.compile(r"data [^.].*|\w+_lock_sha256")

Name = Annotated[str, Field(min_length=1, max_length=250, pattern=r"^[\w\-. :/]+$")]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=6000)]
Points = Annotated[list[tuple[float, float]], Field(max_length=2000)]


class Part(BaseModel):
    """A part of the file: unknown keys, wrong types and numbers that are none are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Table(Part):
    """A table that the run read."""

    name: Name
    context: Name
    source: Annotated[str, Field(min_length=1, max_length=1000)]
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}(\.dir)?$")]
    rows: int | None = None


class Run(Part):
    """`run.json`. started is in milliseconds since 1970; series: points of (seconds since then, value)."""

    schema_version: Literal[1]
    model_sha256: Hash
    git_commit: Annotated[str, Field(pattern="^([0-9a-f]{40}|none)$")]
    git_dirty: bool
    started: Annotated[int, Field(ge=0, lt=10**13)]
    verdict: Annotated[str, Field(max_length=40)]
    params: Annotated[dict[Name, Text], Field(max_length=1000)]
    metrics: Annotated[dict[Name, float], Field(max_length=5000)]
    hashes: Annotated[dict[Name, Annotated[str, Field(max_length=64)]], Field(max_length=100)]
    inputs: Annotated[list[Table], Field(max_length=200)]
    series: Annotated[dict[Name, Points], Field(max_length=10)]


def leave(folder: Path, model_sha256: str, verdict: str, home: Path | None = None) -> bool:
    """Write the newest run of a model to a folder; False, and nothing written, where MLflow has none.

    `home` is another checkout, which keeps its runs in a file of its own.
    """
    own_file = (
        (f"{tracking.FILE_URI}{(home / tracking.FILE).absolute()}", tracking.EXPERIMENT) if home else ()
    )
    client, experiment = tracking.connect(*own_file)
    found = tracking.find(client, experiment, model_sha256)
    if found is None:
        return False
    own, tags = tracking.measured(client, found), found.data.tags
    metrics = {name: one for name, one in found.data.metrics.items() if not name.startswith(SYSTEM)}
    lock = (home or Path()) / PIPELINE_LOCK
    locks = {"dvc_lock_sha256": files.digest(lock, "sha256")} if lock.is_file() else {}
    made = Run(
        schema_version=1,
        model_sha256=model_sha256,
        git_commit=tags.get("git_commit", "none"),
        git_dirty=tags.get("git_dirty") != "false",
        started=found.info.start_time,
        verdict=verdict,
        params=found.data.params,
        metrics=metrics,
        hashes={name: value for name, value in tags.items() if _HASHES.fullmatch(name)} | locks,
        inputs=_tables(found.inputs.dataset_inputs),
        series={name: [(at, value) for at, value in points] for name, points in own.series.items()},
    )
    files.write_text(folder / NAME, made.model_dump_json(indent=1) + "\n")
    with TemporaryDirectory(prefix="loop-run-") as place:
        for one in client.list_artifacts(found.info.run_id, FIGURES):
            if FIGURE.fullmatch(name := PurePath(one.path).name):
                brought = Path(client.download_artifacts(found.info.run_id, one.path, place))
                files.write_text(folder / FIGURES / name, brought.read_text(encoding="utf-8"))
    return True


def _tables(inputs: Iterable[Any]) -> list[Table]:
    """The tables that a stage named; what else was logged says no hash of DVC's."""
    found = []
    for one in inputs:
        tags, data = {tag.key: tag.value for tag in one.tags}, one.dataset
        if "dvc_md5" in tags:
            place, rows = json.loads(data.source)["uri"], json.loads(data.profile or "{}").get("num_rows")
            context = tags["mlflow.data.context"]
            found.append(Table(name=data.name, context=context, source=place, md5=tags["dvc_md5"], rows=rows))
    return found


def read(folder: Path) -> dict[str, bytes]:
    """The files of a run in a folder, or in `review` below it. Raises LoopError where there is none."""
    home = next((one for one in (folder, folder / "review") if (one / NAME).is_file()), None)
    if home is None:
        raise LoopError(
            f"{folder} holds no {NAME}",
            f"{NAME} and {FIGURES}/*.svg, as a review leaves them",
            "download the artifact `review` of a run of review.yml, unpack it, and name its folder",
        )
    found = {}
    for path in [home / NAME, *sorted((home / FIGURES).glob("*"))]:
        if path.is_symlink() or not path.is_file() or (home / FIGURES).is_symlink():
            raise _refused(f"holds {path.name}, which is no regular file")
        if path.stat().st_size > LARGEST:
            raise _refused(f"holds {path.name} of {path.stat().st_size:,} bytes, more than {LARGEST:,}")
        found[path.relative_to(home).as_posix()] = path.read_bytes()
    return found


def take_in(content: Mapping[str, bytes], tags: Mapping[str, str]) -> tuple[str, bool]:
    """Log a run that was read; its id, and whether it is new: what was taken in before is left as it is.

    `tags` are the caller's own. Raises LoopError for what is no run, and nothing is logged.
    """
    run, figures = checked(content)
    client, experiment = tracking.connect()
    source = hashlib.sha256(content[NAME]).hexdigest()
    found = client.search_runs([experiment], f"tags.{SOURCE} = '{source}'", max_results=1)
    if found and found[0].info.status == "FINISHED":
        return str(found[0].info.run_id), False
    entries = Entries(
        params=run.params,
        metrics=run.metrics,
        tags={**run.hashes, "verdict": run.verdict, **tags} if run.verdict else {**run.hashes, **tags},
        texts={f"{FIGURES}/{name}": svg for name, svg in figures.items()},
        inputs=[Input(**one.model_dump()) for one in run.inputs],
        series=run.series,
        started=run.started,
    )
    own = {SOURCE: source, CLAIM: run.model_sha256, "git_commit": run.git_commit}
    own["git_dirty"] = str(run.git_dirty).lower()
    made = str(found[0].info.run_id) if found else tracking.new(client, experiment, entries, own)
    add(client, made, entries)
    return made, True


def checked(content: Mapping[str, bytes]) -> tuple[Run, dict[str, str]]:
    """The run and its figures by name. Raises LoopError with what is not as expected."""
    if len(content) > 1 + MOST:
        raise _refused(f"has {len(content) - 1} figures, at most {MOST} are expected")
    other = _refused(f"has a {NAME} of another version of loop")
    run = read_json(Run, content.get(NAME, b""), lambda why: _refused(f"has a wrong {NAME}: {why}"), other)
    if strange := sorted(name for name in run.hashes if not _HASHES.fullmatch(name)):
        raise _refused(f"has a hash of {strange[0]}, which no run names")
    figures = {}
    for name, text in content.items():
        if name == NAME:
            continue
        place, _, last = name.rpartition("/")
        if place != FIGURES or not FIGURE.fullmatch(last):
            raise _refused(f"holds {name}, which no run makes")
        figures[last] = _drawing(last, text)
    return run, figures


def _drawing(name: str, text: bytes) -> str:
    """An SVG that only draws, as text."""
    try:
        words = text.decode("utf-8")
        if re.search(r"<!|<\?", _COMMENT.sub("", words)):  # entities, style sheets
            raise ValueError("it declares something")
        for one in ElementTree.fromstring(words).iter():  # noqa: S314 - nothing is declared: no entities
            kind = str(one.tag).rpartition("}")[2]
            if kind not in _DRAWN:
                raise ValueError(f"it has an element {kind}")
            styles = [one.attrib.get("style", ""), *([one.text or ""] if kind == "style" else [])]
            names = {key.rpartition("}")[2].lower(): value for key, value in one.attrib.items()}
            acts = any(key.startswith("on") or key == "base" for key in names) or (
                kind == "style" and len(one)
            )
            acts = acts or any(map(_ACTS.search, [*styles, *one.attrib.values()]))
            if acts or any(map(_IN_STYLES.search, styles)) or not names.get("href", "#").startswith("#"):
                raise ValueError(f"an element {kind} of it runs or fetches something")
    except (ValueError, ElementTree.ParseError) as error:
        raise _refused(f"holds a figure {name} that is no mere drawing: {error}") from None
    return words


def _refused(why: str) -> LoopError:
    return LoopError(
        f"the run {plain(why, 200)}",
        f"{NAME} and {FIGURES}, as `loop review --rerun` leaves them",
        "look at where it comes from; nothing was logged",
    )
