"""The interface as a document (OpenAPI 3.1), from the contract; and the page that shows and tries it."""

from typing import Any

from loop.serve.request import Contract
from problem import metrics, schema

PROBLEM = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("field", "found", "expected")},
    "required": ["field", "found", "expected"],
}
REFUSAL = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "problems": {"type": "array", "items": PROBLEM},
        "request_id": {"type": "string"},
    },
    "required": ["error", "problems", "request_id"],
}
NAMES = {"type": "array", "items": {"type": "string"}}
PREDICTION = {
    "type": "object",
    "properties": {
        "request_id": {"type": "string"},
        "score": {"type": "number", "description": metrics.SCORE},
        "decision": {"type": ["boolean", "null"], "description": "whether the score reaches the threshold"},
        "model_version": {"type": "string"},
        "missing": NAMES | {"description": "feature views that knew nothing of this request"},
        "stale": NAMES | {"description": "feature views that knew only what is too old"},
        "unknown": NAMES | {"description": "fields whose value training never saw"},
        "base": {"type": "number", "description": "with explain: where contributions start from"},
        "contributions": {
            "type": "object",
            "additionalProperties": {"type": "number"},
            "description": "with explain: what each feature adds; base and contributions sum to the score",
        },
    },
    "required": ["request_id", "score", "decision", "model_version", "missing", "stale", "unknown"],
}
MODEL = {"type": "object", "required": ["version", "sha256", "commit", "data", "windows", "metrics", "card"]}
PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TITLE</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="static_content/swagger-ui.css">
<style>
body { margin: 0 }
.topbar, .swagger-ui .servers-title, .swagger-ui .servers, .swagger-ui .operation-servers,
.swagger-ui .scheme-container:not(:has(.auth-wrapper)) { display: none }
</style>
</head>
<body>
<div id="swagger-ui"></div>
<script src="static_content/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({ url: "docs.json", dom_id: "#swagger-ui", validatorUrl: null });</script>
</body>
</html>
"""


def document(contract: Contract, about: dict[str, Any], secured: bool) -> dict[str, Any]:
    """The document of a server with this contract and model."""
    one = contract.one.json_schema()
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": contract.rows_max}
    example = schema.REQUEST_EXAMPLES[0]
    predict = {
        "summary": f"Predict: {metrics.SCORE}",
        "description": "One request, or a list of them: an object gives an object, a list gives a list.",
        "operationId": "predict",
        "tags": ["model"],
        "parameters": [
            {
                "name": "explain",
                "in": "query",
                "schema": {"type": "boolean", "default": False},
                "description": f"Also what each feature adds, for up to {contract.explained_max} requests.",
            },
            {
                "name": "X-Request-Id",
                "in": "header",
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
                "description": "Yours, echoed and logged; made for you if you send none.",
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"oneOf": [one, many]},
                    "examples": {
                        "one": {"summary": "one request", "value": example},
                        "many": {"summary": "a list of requests", "value": [example, example]},
                    },
                }
            },
        },
        "responses": {
            "200": _response(
                "The predictions.", {"oneOf": [PREDICTION, {"type": "array", "items": PREDICTION}]}
            ),
            "400": _response("What was wrong: field, found, expected.", REFUSAL),
            "413": _response("The body is too large.", REFUSAL),
            **_stops(secured),
        },
    }
    model = {
        "summary": "What is served: version, commit, data, windows, metrics",
        "operationId": "model",
        "tags": ["model"],
        "responses": {"200": _response("The model.", MODEL), **_stops(secured)},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about["name"],
            "version": about["version"],
            "description": f"Gives: {metrics.SCORE}. Commit {about['commit'] or 'unknown'}.",
        },
        "servers": [{"url": "."}],  # beside this document, wherever a proxy mounts it
        "paths": {"/predict": {"post": predict}, "/model": {"get": model}},
        **(
            {
                "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
                "security": [{"token": []}],
            }
            if secured
            else {}
        ),
    }


def page(about: dict[str, Any]) -> bytes:
    """The page; it loads nothing from other hosts."""
    title = about["name"].replace("&", "&amp;").replace("<", "&lt;")
    return PAGE.replace(b"TITLE", title.encode())


def _response(description: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": content}}}


def _stops(secured: bool) -> dict[str, Any]:
    return {"401": _response("No token, or another one.", REFUSAL)} if secured else {}
