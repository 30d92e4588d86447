"""The review's artifact, read as hostile input: whoever opened the pull request could make it.

Nothing is unpacked to disk. Members are read by the names that are expected; one that is not a
plain file, has another name or is too large makes all of it refused.
"""

import hashlib
import io
import stat
import zipfile
from dataclasses import dataclass

from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.model import run_file
from loop.production.results_commit import LOCK, result
from loop.review.verdict import SCHEMA_VERSION, Verdict
from loop.settings.plain_words import read_json

NAME = "review"
LARGEST = 20_000_000  # bytes, of the archive and of what it unpacks to
VERDICT_LARGEST = 2_000_000  # bytes; each key that is none takes its time to be named
MEMBERS = 200
VERDICT = "review/verdict.json"
_RUN = f"review/{run_file.NAME}"
_PAGES = {VERDICT, _RUN, "review/report.md", "review/report.html"}


@dataclass(frozen=True)
class Artifact:
    """A verdict of the right schema, results by path, files of a run by name; none is true for that."""

    verdict: Verdict
    files: dict[str, bytes]
    sha256: str
    run: dict[str, bytes]


def read(archive: bytes) -> Artifact:
    """The artifact in a zip archive. Raises LoopError with the reason when anything is not as expected."""
    files = _members(archive)
    if VERDICT not in files:
        raise _refused(f"has no {VERDICT}")
    other = LoopError(
        f"{VERDICT} of the pull request is of another version of loop than main",
        f"schema_version {SCHEMA_VERSION}, as main's own review writes it",
        "merge main into the branch: the review runs again by itself",
    )
    verdict = read_json(
        Verdict, files.pop(VERDICT), lambda why: _refused(f"{VERDICT} is not of main's schema: {why}"), other
    )
    run = {name.removeprefix("review/"): text for name, text in files.items() if _of_run(name)}
    results = {name: text for name, text in files.items() if result(name)}
    return Artifact(verdict, results, hashlib.sha256(archive).hexdigest(), run)


def _of_run(path: str) -> bool:
    place, _, name = path.rpartition("/")
    return path == _RUN or (place == f"review/{run_file.FIGURES}" and bool(run_file.FIGURE.fullmatch(name)))


def _members(archive: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            infos = [info for info in opened.infolist() if not info.is_dir()]
            if len(infos) > MEMBERS:
                raise _refused(f"has {len(infos):,} files, at most {MEMBERS} are expected")
            if sum(info.file_size for info in infos) > LARGEST:
                raise _refused(f"unpacks to more than {LARGEST:,} bytes")
            found: dict[str, bytes] = {}
            for info in infos:
                _expected(info, found)
                found[info.filename] = _bytes(opened, info)
            return found
    except LoopError:
        raise
    except Exception as error:  # whatever a reader of archives stumbles over in hostile bytes
        raise _refused(f"is no archive that can be read: {type(error).__name__}: {error}") from None


def _expected(info: zipfile.ZipInfo, found: dict[str, bytes]) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):  # 0 where the archive says nothing of it
        raise _refused(f"holds {info.filename}, which is no regular file")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack without bound
        raise _refused(f"holds {info.filename}, compressed in an unusual way")
    if info.filename == VERDICT and info.file_size > VERDICT_LARGEST:
        raise _refused(f"has a {VERDICT} of more than {VERDICT_LARGEST:,} bytes")
    if info.filename in found:
        raise _refused(f"holds {info.filename} twice")
    if info.filename not in _PAGES and not result(info.filename) and not _of_run(info.filename):
        raise _refused(f"holds {info.filename}, which no review makes")


def _bytes(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A member's bytes, never more than it announced."""
    with opened.open(info) as stream:
        text = stream.read(info.file_size + 1)
    if len(text) != info.file_size:
        raise _refused(f"announces another size of {info.filename} than it has")
    return text


def _refused(why: str) -> LoopError:
    return LoopError(
        f"the review's artifact {plain(why, 200)}",
        f"{VERDICT}, {LOCK} and small results, as review.yml makes them",
        "look at what the pull request does to the review before it is run again",
    )
