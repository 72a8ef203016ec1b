# SPDX-License-Identifier: Apache-2.0
"""What the OpenAPI document says about each address: its parameters, what its form takes, and how it may answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fastapi import FastAPI

    from governance.web.deeds import Deed, Field

OK: Final = 200
SEE_OTHER: Final = 303
MOST_BYTES: Final = 128 * 1024
"""Of a form that is sent."""
_WHAT: Final = {
    200: "the page",
    202: "accepted",
    303: "taken; the result is at `location`",
    401: "nobody is logged in, or the signature is wrong",
    403: "the login does not allow it, or the form is forged, another's or too old",
    404: "nothing is known under that name",
    405: "not possible here",
    408: "the body did not arrive in time",
    409: "it has changed meanwhile, or was done before",
    413: "the body is too long",
    415: "the body is no form",
    422: "what was typed is missing, too long or not allowed",
    429: "too many at once",
    503: "the database, the policy or the host is not available",
}
_ALWAYS: Final = (401, 403, 422, 503)
_KEPT: Final = (
    ("lang", "`ja` or `en`; anything else is the browser's language"),
    ("theme", "`light` or `dark`; anything else is the browser's"),
    ("bare", "`1`: without the menu, as inside Airflow's tab"),
)
_GUARD: Final = {
    "type": "object",
    "required": ["open", "reasons"],
    "properties": {
        "open": {"type": "boolean"},
        "reasons": {"type": "array", "items": {"type": "string"}},
        "model": {"type": "string"},
        "version": {"type": "integer"},
    },
}
QUERIES: Final = {
    "/gates": (("page", "number of the page; nonsense is the first"), ("state", "`blocked`, `open` or `unknown`")),
    "/use-cases": (("page", "number of the page; nonsense is the first"),),
    "/inventory": (("page", "number of the page; nonsense is the first"), ("q", "a part of the name")),
    "/guard": (("model", "name of the model"), ("version", "its number"), ("alias", "or one of its aliases")),
}
"""What addresses read beside language and theme."""


def a_page(path: str, *codes: int, kind: str = "text/html") -> dict[str, Any]:
    """Of something that is read."""
    parameters = [_query(name, what) for name, what in (*QUERIES.get(path, ()), *_KEPT)]
    return _described(parameters, (200, *codes, *_ALWAYS), kind)


def program(path: str) -> dict[str, Any]:
    """Of what programs ask; errors other than its own are pages."""
    found = a_page(path, 404)
    for code in ("200", "404"):
        found["responses"][int(code)]["content"] = {"application/json": {"schema": _GUARD}}
    return found


def shown(deed: Deed) -> dict[str, Any]:
    """Of a form that is looked at."""
    asked = [_query(one.name, one.label.en) for one in deed.fields if one.kind in {"choice", "line"}]
    parameters = [*_fixed(deed), *asked, *(_query(*one) for one in _KEPT)]
    return _described(parameters, (200, 404, *_ALWAYS), "text/html") | {"summary": deed.title.en}


def sent(deed: Deed) -> dict[str, Any]:
    """Of a form that is sent."""
    typed = {one.name: _schema(one) for one in deed.fields if one.kind != "fixed"}
    token = {"type": "string", "maxLength": 200, "description": "what the form carried when it was shown"}
    schema = {"type": "object", "required": [*typed, "token"], "properties": typed | {"token": token}}
    body = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}
    parameters = [*_fixed(deed), *(_query(*one) for one in _KEPT)]
    described = _described(parameters, (303, 404, 408, 409, 413, 415, *_ALWAYS), "text/html")
    described["openapi_extra"]["requestBody"] = body
    described["status_code"] = SEE_OTHER
    return described | {"summary": deed.title.en}


def webhook(app: FastAPI) -> None:
    """Say of the one door without a login what it answers."""
    for route in app.routes:
        if getattr(route, "path", "") == "/webhooks/mlflow":
            codes = (401, 408, 409, 413, 429, 503)
            route.responses = {code: {"description": _WHAT[code]} for code in codes}  # type: ignore[attr-defined]


def _described(parameters: list[dict[str, Any]], codes: tuple[int, ...], kind: str) -> dict[str, Any]:
    responses: dict[int | str, dict[str, Any]] = {}
    for code in sorted(set(codes)):
        told: dict[str, Any] = {"description": _WHAT[code]}
        if code == SEE_OTHER:
            told["headers"] = {"location": {"required": True, "schema": {"type": "string"}}}
        else:
            told["content"] = {(kind if code == OK else "text/html"): {"schema": {"type": "string"}}}
        responses[code] = told
    return {"responses": responses, "openapi_extra": {"parameters": parameters}}


def _fixed(deed: Deed) -> list[dict[str, Any]]:
    """What the address says, in its path and its query."""
    said = [one for one in deed.fields if one.kind == "fixed"]
    return [
        _query(one.name, one.label.en)
        | {"in": "path" if f"{{{one.name}}}" in deed.path else "query", "required": True, "schema": _schema(one)}
        for one in said
    ]


def _query(name: str, what: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": what, "schema": {"type": "string"}}


def _schema(one: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": one.least, "maxLength": one.most}
    if one.choices:
        schema["enum"] = list(one.choices)
    if one.pattern:
        schema["pattern"] = f"^({one.pattern})$"
    return schema
