"""What this host may bring about: the newest state of `production` whose shares other people approved.

What was approved once is kept beside the servers, so that a host goes on when GitHub does not answer.
"""

import json
from pathlib import Path

from loop.base.errors import LoopError
from loop.base.files import write_json
from loop.production import log, promotion
from loop.production.state import Production, State

FAR = 20  # commits of the branch among which an approved state is looked for


def of(there: Production, kept: Path) -> tuple[State, LoopError | None]:
    """The state to bring about, and why it is not the newest one; `kept` remembers what was approved.

    Raises LoopError where nothing among the newest states was approved, or GitHub cannot be asked.
    """
    known = _read(kept)
    if all(known.get(one.version, 0) >= one.weight for one in there.state.models) or not promotion.asked():
        return there.state, None
    transitions = log.transitions(there.commit)
    asked = promotion.Approvals(transitions, known)
    lacks = asked.lacking(there.state)
    for state in [
        one.state for one in transitions[-FAR:][::-1] if one.state is not None and one.state.models
    ]:
        if not asked.lacking(state):
            write_json(kept, {str(version): weight for version, weight in sorted(asked.kept.items())})
            return state, promotion.refusal(lacks) if lacks else None
    raise promotion.refusal(lacks)


def _read(kept: Path) -> dict[int, int]:
    try:
        return {int(version): int(weight) for version, weight in json.loads(kept.read_text()).items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):  # a power cut may leave half of it
        return {}
