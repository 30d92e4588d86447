"""What a caller gets: for each request its id, score, decision, model version, and what was not known."""

import json
from collections.abc import Sequence
from typing import Any

from loop.serve.explain import Explanation
from loop.serve.predict import Predictions, said_of


class Answers:
    """Writes answers as JSON; what repeats is written once and kept."""

    def __init__(self, version: str, threshold: float | None, views: list[str]) -> None:
        self._version, self._threshold, self._views = json.dumps(version), threshold, views
        self._notes: dict[tuple[bytes, tuple[str, ...]], str] = {}

    def write(
        self, ids: Sequence[str], found: Predictions, explained: Sequence[Explanation] = (), *, many: bool
    ) -> bytes:
        """The answer to one request, or to a list of them; ids are of plain characters."""
        scores = found.scores.tolist()
        same = not found.states.any() and not found.unknown
        note = self._note(found, 0) if same else ""
        rows = [
            f'{{"request_id":"{ids[row]}","score":{score!r},"decision":{self._decision(score)},'
            f'"model_version":{self._version},{note or self._note(found, row)}'
            f"{_explained(explained[row]) if explained else ''}}}"
            for row, score in enumerate(scores)
        ]
        return ("[" + ",".join(rows) + "]" if many else rows[0]).encode()

    def _decision(self, score: float) -> str:
        if self._threshold is None:
            return "null"
        return "true" if score >= self._threshold else "false"

    def _note(self, found: Predictions, row: int) -> str:
        strange = tuple(name for name, marks in found.unknown.items() if marks[row])
        key = (found.states[row].tobytes(), strange)
        if key not in self._notes:
            self._notes[key] = json.dumps(said_of(found, row, self._views))[1:-1]
        return self._notes[key]


def _explained(explanation: Explanation) -> str:
    more: dict[str, Any] = {"base": explanation.base, "contributions": explanation.contributions}
    return "," + json.dumps(more)[1:-1]
