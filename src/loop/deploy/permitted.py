"""What this host may bring about: the newest state of `production` whose shares other people approved.

And whose versions came through the environments before it, where there are any; and, where images run, whose
images a release made.

What was approved once is kept beside the servers, so that a host goes on when GitHub does not answer.
"""

from pathlib import Path
from typing import Any

from loop.base import json_text
from loop.base.errors import LoopError
from loop.base.files import write_json
from loop.production import image_origin, log, promotion, rehearsal
from loop.production.image_origin import Origins
from loop.production.promotion import Approvals
from loop.production.state import BRANCH, Production, State

KEPT = Path(".deploy/approved.json")  # beside the servers of a host
IMAGES = "images.json"  # beside that
FAR = 20  # commits of the branch among which an approved state is looked for


def of(there: Production, kept: Path, *, images: bool = False) -> tuple[State, LoopError | None]:
    """The state to bring about, and why it is not the newest one; `kept` remembers what was approved.

    `images` says whether images run. Raises LoopError where nothing among the newest states may be, or GitHub
    cannot be asked.
    """
    live = there.branch == BRANCH  # nobody's requests are answered in an environment before it
    known, traced, past = _shares(kept), _images(kept), rehearsal.skipped(there) if live else []
    whole = all(known.get(promotion.named(one), 0) >= one.weight for one in there.state.models)
    strange = images and any(
        one.image and image_origin.named(one) not in traced for one in there.state.models
    )
    asks = ((live and not whole) or strange) and promotion.asked()
    if not (past or asks):
        return there.state, None
    transitions = log.transitions(there.commit)
    asked = Approvals(transitions, known) if asks and live else None
    origins = Origins(transitions, traced) if asks and images else None
    refusal = _refusal(there, asked, origins, past)
    for state in [
        one.state for one in transitions[-FAR:][::-1] if one.state is not None and one.state.models
    ]:
        skipped = any(one.version in past for one in state.models)
        if not skipped and not (asked and asked.lacking(state)) and not (origins and origins.lacking(state)):
            if asked:
                write_json(kept, dict(sorted(asked.kept.items())))
            if origins:
                write_json(kept.with_name(IMAGES), sorted(origins.kept))
            return state, refusal
    raise refusal or LoopError(
        f"{there.branch} has no state that could serve", "one", "`loop rollout status`"
    )


def _refusal(
    there: Production, asked: Approvals | None, origins: Origins | None, past: list[int]
) -> LoopError | None:
    """Why the newest state may not be brought about."""
    if asked and (lacks := asked.lacking(there.state)):
        return promotion.refusal(lacks)
    if origins and (lacks := origins.lacking(there.state)):
        return image_origin.refusal(lacks, there.branch)
    return rehearsal.past(past, there.branch) if past else None


def _shares(kept: Path) -> dict[str, int]:
    found = _read(kept)
    items = found.items() if isinstance(found, dict) else ()
    try:
        return {name: int(weight) for name, weight in items if " " in name}  # once by number alone
    except (ValueError, TypeError):
        return {}


def _images(kept: Path) -> set[str]:
    found = _read(kept.with_name(IMAGES))
    return {one for one in found if isinstance(one, str)} if isinstance(found, list) else set()


def _read(path: Path) -> Any:
    try:
        return json_text.parse(path.read_text())
    except (FileNotFoundError, ValueError):  # a power cut may leave half of it
        return None
