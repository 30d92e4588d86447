"""What this host may bring about: the newest state of `production` whose shares other people approved.

And whose versions came through the environments before it, where there are any.

What was approved once is kept beside the servers, so that a host goes on when GitHub does not answer.
"""

import json
from pathlib import Path

from loop.base.errors import LoopError
from loop.base.files import write_json
from loop.production import log, promotion, rehearsal
from loop.production.state import BRANCH, Production, State

KEPT = Path(".deploy/approved.json")  # beside the servers of a host
FAR = 20  # commits of the branch among which an approved state is looked for


def of(there: Production, kept: Path) -> tuple[State, LoopError | None]:
    """The state to bring about, and why it is not the newest one; `kept` remembers what was approved.

    Raises LoopError where nothing among the newest states may be, or GitHub cannot be asked.
    """
    if there.branch != BRANCH:  # nobody's requests are answered in an environment before it
        return there.state, None
    known, past = _read(kept), rehearsal.skipped(there)
    whole = all(known.get(promotion.named(one), 0) >= one.weight for one in there.state.models)
    asks = not whole and promotion.asked()
    if not (past or asks):
        return there.state, None
    transitions = log.transitions(there.commit)
    asked = promotion.Approvals(transitions, known) if asks else None
    lacks = asked.lacking(there.state) if asked else []
    refusal = promotion.refusal(lacks) if lacks else rehearsal.past(past, there.branch) if past else None
    for state in [
        one.state for one in transitions[-FAR:][::-1] if one.state is not None and one.state.models
    ]:
        skipped = any(one.version in past for one in state.models)
        if not skipped and not (asked and asked.lacking(state)):
            if asked:
                write_json(kept, dict(sorted(asked.kept.items())))
            return state, refusal
    raise refusal or promotion.refusal(lacks)


def _read(kept: Path) -> dict[str, int]:
    try:
        found = json.loads(kept.read_text()).items()
        return {name: int(weight) for name, weight in found if " " in name}  # once by number alone
    except (FileNotFoundError, ValueError, TypeError, AttributeError):  # a power cut may leave half of it
        return {}
