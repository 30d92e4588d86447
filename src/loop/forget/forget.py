"""`loop forget`: a person, erased from what this clone and its stores hold, and a record of it.

It changes nothing before all is found. A run that was killed is run again: what was erased is not found.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from loop.base import exit_codes, files
from loop.base.counted import counted
from loop.base.errors import LoopError, first_line
from loop.base.warning import warn
from loop.data import golden_rows, raw
from loop.forget import erasure_record, holding, places
from loop.forget import person as persons
from loop.forget.person import Person
from loop.forget.places import Place
from loop.history import registry
from loop.history.registry import FORGOTTEN
from loop.model import tracking
from loop.production import environments
from loop.production import log as production_log
from loop.production import state as production
from loop.production.state import Version
from loop.repo.commit import Commit
from loop.repo.git import git
from loop.settings import params, serve_settings
from loop.settings.paths import HOLDOUT, LINEAGE, TRAIN
from problem import metrics, source

CODES = exit_codes.FORGET


def main(pairs: Sequence[str], folders: Sequence[Path], now: pd.Timestamp, *, dry_run: bool) -> int:
    """Erase, or say what would go; the exit code."""
    place = serve_settings.place()
    columns = {str(path): holding.header(path) for path in places.of_source()}
    who, hider = persons.read(pairs, persons.known_columns(columns), place.personal_key)
    if any(one.row in source.KEY for one in persons.files_of_source() if one.row):
        raise LoopError(
            "KEY is the number of the row: without a row, every later one would have the key of another",
            "a key that stays",
            "name another KEY in src/problem/source.py, in a pull request of its own",
        )
    begun, folders = erasure_record.Begun(who.id), list(folders) or [place.predictions]
    before = begun.read() or {}
    places.hold_tables(bool(before))
    who = who.knowing([*before.get("keys", []), *_keys(who)], hider)
    objects = places.Objects(who)
    found = list(_everywhere(who, objects, folders, place.features))
    if not found and not before:
        return _nobody(who)
    models = sorted({*before.get("models", []), *_trained(objects)})
    rows = Counter(before.get("rows", {}))
    if not before:
        for one in found:
            rows[one.kind] += one.rows
    golden = [*before.get("golden", []), *_golden(who)]
    _say(found, dry_run)
    if dry_run:
        _say_models(models)
        print("nothing is changed: --dry-run")
        return CODES["dry run"]
    begun.write({"keys": sorted(who.keys), "models": models, "rows": dict(rows), "golden": golden})
    for one in found:
        one.erase()
    places.track_again()
    left = _left(who, folders, place.features)
    erasure_record.add(who.id, f"{now:%Y-%m-%d}", list(who.values), rows, models, left)
    _tag_versions()
    if not any(one.startswith(places.LOG) for one in left):
        begun.end()
    _say_models(models)
    _say_next(left, golden)
    return CODES["something is left"] if left else CODES["forgotten"]


def _keys(who: Person) -> list[str]:
    """Keys of their requests, as tables of the source and raw tables tell them."""
    raw = [path for path in sorted(Path("data").rglob("*.parquet")) if path.is_file()]
    return [key for path in dict.fromkeys([*places.of_source(), *raw]) for key in holding.keys(path, who)]


def _golden(who: Person) -> list[str]:
    """Why each golden request is one that is theirs."""
    there = [path for path in (TRAIN, HOLDOUT) if path.is_file()]
    if not there:
        return []
    rows = pd.concat([files.read_table(path) for path in there], ignore_index=True)
    theirs = who.of(rows)
    places_of = golden_rows.find(rows, [golden_rows.named(key) for _, key in metrics.GOLDEN])
    return [metrics.GOLDEN[at][0] for at, place in places_of.items() if theirs[place]]


def _everywhere(who: Person, objects: places.Objects, folders: Sequence[Path], store: str) -> Iterator[Place]:
    """All that is found of them; tables of the source last, which tell whose the rest is."""
    yield from places.logged(who, folders)
    yield from places.segments(who, folders)
    yield from places.stored(who, store)
    yield from places.runs(who)
    told = [*places.of_source(), *places.of_log(folders), *places.of_store(store)]
    told += [Path("mlflow.db"), erasure_record.Begun(who.id).path]
    yield from places.others(who, [*folders, *([] if "://" in store else [Path(store)])], told)
    yield from objects.places()
    yield from places.tables(who)


def _left(who: Person, folders: Sequence[Path], store: str) -> list[str]:
    """What is still found after all was erased, in words that name nobody."""
    left = [f"{one.kind}: {one.name}" for one in _everywhere(who, places.Objects(who), folders, store)]
    return left + _beyond(who)


def _beyond(who: Person) -> list[str]:
    """Where they are and nothing here can erase them, likewise."""
    given = ["source: it still gives them"] if _given(who) else []
    return [*(f"git: {name}" for name in places.in_git(who)), *given]


def _given(who: Person) -> bool:
    """Whether the source itself, such as a database, gives rows of theirs."""
    windows = params.section("windows", params.Windows)
    tables = raw.tables(windows.since, windows.as_of, windows.as_of)
    return any(who.of(frame).any() for frame in tables.values())


def _trained(objects: places.Objects) -> list[str]:
    """Models whose training table holds them: 12 signs of the sha256, and the version of a release."""
    found: dict[str, str] = {}
    for commit in git("log", "--all", "--format=%H", "--", str(LINEAGE)).splitlines():
        try:
            made: Any = Commit(commit).json(LINEAGE)
        except LoopError:
            continue  # it was removed there, or is none
        if objects.held.get(made.get("data", {}).get(str(TRAIN), "")):
            found[made["model"]["sha256"]] = ""
    released: dict[int, Version] = {}
    for name in environments.in_force().chain:
        released |= production_log.versions(production.ref(name))
    for number, version in sorted(released.items()):
        if version.model in found or objects.held.get(version.data.get(str(TRAIN), "")):
            found[version.model] = f" (version {number})"
    return [f"{sha256[:12]}{number}" for sha256, number in found.items()]


def _nobody(who: Person) -> int:
    if left := _beyond(who):
        print("nothing of them is here that could be erased; nothing is changed")
        _say_left(left)
        return CODES["something is left"]
    if done := erasure_record.known(who.id):
        print(f"they were forgotten on {done['day']}, and nothing is found now ({FORGOTTEN})")
        return CODES["forgotten"]
    print("nothing is found of them: no row, no prediction, no run and no file here or in a remote")
    print(f"  looked for: {', '.join(who.values)}, exactly as the data have it; nothing is changed")
    return CODES["not there"]


def _say(found: Sequence[Place], dry_run: bool) -> None:
    print("would erase" if dry_run else "erasing")
    for one in found:
        print(f"  {one.kind:<21} {counted(one.rows, 'row')} in {one.name}")


def _say_models(models: Sequence[str]) -> None:
    if models:
        print(f"models that learned from them: {', '.join(models)}")
    else:
        print("no model that git knows is seen to have learned from them")


def _tag_versions() -> None:
    """Tag what MLflow has of the models that learned from somebody; one that is down stops nothing."""
    try:
        numbers = registry.tag_forgotten()
    except Exception as error:  # whatever a client of a server that is down raises
        warn(f"versions in MLflow are not tagged: {first_line(error, 200)}; `loop registry sync` does it")
        return
    if numbers:
        print(f"tagged in MLflow, learned_from_forgotten: version {', '.join(map(str, numbers))}")


def _say_next(left: Sequence[str], golden: Sequence[str]) -> None:
    print(f"record: {FORGOTTEN}, by a keyed hash")
    for why in dict.fromkeys(golden):
        print(f"golden request `{why}` was theirs: take another in GOLDEN of src/problem/metrics.py")
    print("next: a model that never knew them, as a pull request that the review judges:")
    print("  git switch -c forget && loop run && git add -A && git commit -m 'Train without erased rows'")
    print("  dvc push, where there is a remote; then open the pull request and release it")
    if tracking.server():
        print("  `mlflow gc` where the server runs: until then it keeps runs that were deleted")
    _say_left(left)


def _say_left(left: Sequence[str]) -> None:
    for one in left:
        print(f"left: {one}")
    if any(one.startswith("git") for one in left):
        print("  git keeps what was committed: `git filter-repo` rewrites it; every clone must be made anew")
    if any(one.startswith("source") for one in left):
        print("  erase them there first, then run this again: the next `loop ingest` would bring them back")
    if any(one.startswith(places.LOG) for one in left):
        print("  run this again in two minutes: a server ends a segment within one")
