"""What a caller gets: for each request its id, score, decision, model version, and what was not known."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from loop.data import score_columns
from loop.serve.explain import Explanation
from loop.serve.predict import Predictions, said_of

YES_NO = ("false", "true")


class Answers:
    """Writes answers as JSON; what repeats is written once and kept."""

    def __init__(self, version: str, threshold: float | None, views: list[str]) -> None:
        self._version, self._threshold, self._views = json.dumps(version), threshold, views
        self._notes: dict[tuple[Any, ...], str] = {}

    def write(
        self, ids: Sequence[str], found: Predictions, explained: Sequence[Explanation] = (), *, many: bool
    ) -> bytes:
        """The answer to one request, or to a list of them; ids are of plain characters."""
        more = list(map(_explained, explained)) or [""] * len(ids)
        rows = [
            f'{{"request_id":"{name}",{score},"decision":{decision},'
            f'"model_version":{self._version},{note}{known}}}'
            for name, score, decision, note, known in zip(
                ids, self._scores(found), self._decisions(found), self._of(found), more, strict=True
            )
        ]
        return ("[" + ",".join(rows) + "]" if many else rows[0]).encode()

    @property
    def decisions(self) -> list[str]:
        """What a decision may be: true or false, one of several classes, or nothing without a threshold."""
        if score_columns.CLASSES:
            return list(score_columns.CLASSES)
        return [] if self._threshold is None else ["true", "false"]

    def decided(self, found: Predictions) -> dict[str, int]:
        """How many rows got which decision."""
        if found.scores.ndim > 1:
            return dict(Counter(score_columns.likeliest(found.scores)))
        if self._threshold is None:
            return {}
        yes = int((found.scores >= self._threshold).sum())
        return {"true": yes, "false": len(found.scores) - yes}

    def _scores(self, found: Predictions) -> list[str]:
        top = [f'"score":{score!r}' for score in score_columns.top(found.scores).tolist()]
        if found.scores.ndim == 1:
            return top
        pattern = ",".join(f"{name}:%r" for name in map(_quoted, score_columns.CLASSES))
        rows = found.scores.tolist()
        return [f'{one},"scores":{{{pattern % tuple(row)}}}' for one, row in zip(top, rows, strict=True)]

    def _decisions(self, found: Predictions) -> list[str]:
        if found.scores.ndim > 1:
            return list(map(json.dumps, score_columns.likeliest(found.scores)))
        if self._threshold is None:
            return ["null"] * len(found.scores)
        return [YES_NO[yes] for yes in (found.scores >= self._threshold).tolist()]

    def _of(self, found: Predictions) -> list[str]:
        """What each row's answer says of features that were not there."""
        rows, views = found.states.shape
        packed = found.states.tobytes()
        names = tuple(found.unknown)
        marks = list(zip(*(column.tolist() for column in found.unknown.values()), strict=True)) or [()] * rows
        keys = [(packed[row * views : (row + 1) * views], names, marks[row]) for row in range(rows)]
        for row, key in enumerate(keys):
            if key not in self._notes:
                self._notes[key] = json.dumps(said_of(found, row, self._views))[1:-1]
        return [self._notes[key] for key in keys]


def _quoted(name: str) -> str:
    """A name as JSON, within a pattern of `%`."""
    return json.dumps(name).replace("%", "%%")


def _explained(explanation: Explanation) -> str:
    more: dict[str, Any] = {"base": explanation.base, "contributions": explanation.contributions}
    return "," + json.dumps(more)[1:-1]
