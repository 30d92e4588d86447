"""The bound: the compiled model on bare ASGI: JSON to matrix to trees, no contract, no store, no record.

What a server in Python on this machine cannot do much better, and what leaves out all that makes it safe.
"""

from typing import Any

import numpy as np
import orjson

from loop.data import columns
from loop.serve import loaded_model
from problem.schema import EXAMPLE

MODEL = loaded_model.load().pipeline  # its compiled form: `engine` says so
KINDS = {
    name: columns.kind(column)
    for name, column in EXAMPLE.columns.items()
    if name not in ("flight_date", "flight", "decided_at", "label", "label_known_at")  # no model sees them
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer one request: a list of rows gives a list of scores."""
    if scope["type"] != "http":
        return
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    rows = orjson.loads(b"".join(parts))
    body = orjson.dumps(MODEL.predict_proba(_columns(rows))[:, 1].tolist())
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: _array([row[name] for row in rows], kind) for name, kind in KINDS.items()}


def _array(values: list[Any], kind: str) -> Any:
    if kind == columns.TIME:
        return np.array([value[:-1] for value in values], kind)  # without the Z
    return np.array(values, kind)
