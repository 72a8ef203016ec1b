# SPDX-License-Identifier: Apache-2.0
"""Whatever is sent to any address that the OpenAPI document describes, the answer is one that it describes, and no 5xx.

`FUZZ_EXAMPLES` says how often each is asked; `make fuzz` asks 500 times.
"""

from __future__ import annotations

import os
import time
import zlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from schemathesis import checks

from governance.runtime import Runtime
from governance.settings import Settings
from governance.store import database
from governance.web import app as web
from governance.web import forms, tokens
from governance.web.access import Access
from governance.web.deeds import DEEDS
from governance.web.serving import Serving
from tests.factories import NOW
from tests.integration.browsing import BLOCKED, KEY, ROOT, WAITING, filled, login, may, of_task, rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", "20"))
WHO: Final = "sato"
LOGGED_IN: Final = {"authorization": f"Bearer {WHO}/Admin"}
URL: list[SecretStr] = []
"""The database, once there is one."""
FORMS: Final = {deed.path: deed for deed in DEEDS}
KNOWN: Final = {
    "gate": "G4",
    "check": "bias",
    "seat": "caio",
    "until": "2026-11-20",
    "facts": "0" * 64,
    "target": "credit-scoring",
}
DOOR: Final = "/webhooks/mlflow"
AS_DOCUMENTED: Final = [
    checks.status_code_conformance, checks.content_type_conformance, checks.response_headers_conformance,
    checks.response_schema_conformance,
]  # fmt: skip


def runtime(settings_: Settings) -> Runtime:
    url = URL[0]
    engine = database.connect(url)
    return Runtime(
        settings_.model_copy(update={"database_url": url}), rules(), engine, lambda: NOW, code_version=lambda: "1.0"
    )


def hosted() -> FastAPI:
    """The pages where a host mounts them."""
    access = Access(login, of_task, login, lambda *_: None, may, KEY)
    host = FastAPI(openapi_url=None)
    host.mount(ROOT, web.build(access, SecretStr("whsec_" + "x" * 32), lambda: None, Serving(runtime, Settings())))
    return host


HOST: Final = hosted()
SCHEMA: Final = schemathesis.openapi.from_asgi(f"{ROOT}/openapi.json", HOST, headers=LOGGED_IN)


@pytest.fixture(scope="module", autouse=True)
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with filled("sqlite", tmp_path_factory.mktemp("fuzz")) as url:
        URL[:] = [url]
        yield


def _likely(case: Case[Any]) -> None:
    """Every other request is about what there is, and its form carries a good token: else nothing gets past the door."""
    deed = FORMS.get(case.path)
    if case.method != "POST" or deed is None or not isinstance(case.body, dict):
        return
    if zlib.crc32(repr((case.query, case.body)).encode("utf-8", "replace")) % 2:
        key = WAITING if deed.name == "answer" else BLOCKED
        fixed = KNOWN | {"model": key.model, "version": str(key.version)}
        query: dict[str, Any] = dict(case.query or {})
        case.query = query | {
            one.name: fixed[one.name] for one in deed.fields if one.name in fixed and one.name in query
        }
        case.body |= {
            one.name: fixed[one.name] for one in deed.fields if one.kind in {"day", "line"} and one.name in fixed
        }
    there = {name: unquote(str(value)) for name, value in (case.path_parameters or {}).items()}
    said = {**(case.query or {}), **there}
    wanted = [one.name for one in deed.fields if one.kind == "fixed"]
    if all(isinstance(said.get(name), str) for name in wanted):
        address = forms._address(deed, {name: said[name] for name in wanted})
        case.body["token"] = tokens.issue(KEY, tokens.Bound(WHO, address), time.time())


def _is_cut(case: Case[Any]) -> bool:
    """A line's end in a path: the host's mount itself does not find it."""
    return any("\n" in unquote(str(value)) for value in (case.path_parameters or {}).values())


@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_every_answer_is_one_that_the_document_describes(case: Case[Any]) -> None:
    _likely(case)
    answer = case.call(headers=LOGGED_IN)
    assert answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text
    if _is_cut(case):
        assert answer.status_code == 404
        return
    is_empty = answer.status_code == 303  # nothing comes with it whose type could be told
    case.validate_response(
        answer, checks=AS_DOCUMENTED, excluded_checks=[checks.content_type_conformance] if is_empty else None
    )


@SCHEMA.parametrize()
@settings(max_examples=max(3, EXAMPLES // 10), deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_no_address_answers_without_a_login(case: Case[Any]) -> None:
    answer = case.call(headers={"authorization": "Bearer forged"})
    is_door = case.path == DOOR and case.method == "POST"
    assert answer.status_code in {401, 403} or (answer.status_code < 500 and (is_door or _is_cut(case)))


def test_the_document_describes_every_address_and_is_behind_the_login() -> None:
    found: list[Any] = [operation.ok() for operation in SCHEMA.get_all_operations()]  # type: ignore[union-attr]
    described = {(one.method.upper(), one.path) for one in found}
    assert {("GET", deed.path) for deed in DEEDS} | {("POST", deed.path) for deed in DEEDS} <= described
    described.add(("GET", "/openapi.json"))
    there = {
        (method, route.path) for app in HOST.routes for route in getattr(app, "routes", []) for method in route.methods
    }
    assert {one for one in there if one[1] != "/{path:path}"} == {
        (method, path.replace("{model}", "{model:path}")) for method, path in described
    }
