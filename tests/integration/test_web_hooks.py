# SPDX-License-Identifier: Apache-2.0
"""The one door without a login: signed deliveries give a hint, everything else changes nothing."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi.routing import APIRoute
from pydantic import SecretStr

from governance.core import webhooks
from governance.web import hooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fastapi import FastAPI

SECRET = "a secret that both sides know"  # noqa: S105 - of the test
URL = "/webhooks/mlflow"
OPEN = {("POST", URL)}
"""Routes without Airflow's login."""


class Hints(list[float]):
    """Notes each hint; fails as often as it is told to."""

    failures = 0

    def __call__(self) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database is locked")
        self.append(time.monotonic())


def signed(body: bytes = b'{"entity": "model_version"}', *, off: int = 0, secret: str = SECRET) -> dict[str, Any]:
    id_, at = str(uuid.uuid4()), str(int(time.time()) + off)
    headers = {
        "X-MLflow-Delivery-Id": id_,
        "X-MLflow-Timestamp": at,
        "X-MLflow-Signature": webhooks.signature(secret, id_, at, body),
    }
    return {"headers": headers, "content": body}


def send(app: FastAPI, *requests: dict[str, Any], wait: float = 0) -> list[int]:
    async def talk() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            codes = [(await client.post(URL, **request)).status_code for request in requests]
            await asyncio.sleep(wait)
            return codes

    return asyncio.run(talk())


def app(hint: Callable[[], None], secret: str | None = SECRET, every: float = 60) -> FastAPI:
    return hooks.build(SecretStr(secret) if secret is not None else None, hint, at_most_every=every)


def test_a_signed_delivery_gives_one_hint() -> None:
    hints = Hints()
    assert send(app(hints), signed()) == [202]
    assert len(hints) == 1


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_nothing_is_accepted_however_it_is_signed(secret: str | None) -> None:
    hints = Hints()
    assert send(app(hints, secret), signed(), signed(secret=""), {}) == [503, 503, 503]
    assert hints == []


def test_what_is_forged_late_or_unsigned_is_refused() -> None:
    hints = Hints()
    tampered = signed() | {"content": b'{"entity": "other"}'}
    unsigned: dict[str, Any] = {"content": b"{}"}
    strange = signed()
    strange["headers"]["X-MLflow-Signature"] = "v1,\xe9".encode("latin-1")
    requests = (tampered, signed(secret="other"), signed(off=-301), signed(off=302), unsigned, strange)  # noqa: S106
    assert send(app(hints), *requests) == [401] * 6
    assert hints == []


def test_a_replay_is_refused() -> None:
    hints, once = Hints(), signed()
    assert send(app(hints, every=0), once, once, signed()) == [202, 409, 202]
    assert len(hints) == 2


def test_a_delivery_that_could_not_be_acted_on_may_come_again() -> None:
    hints, once = Hints(), signed()
    hints.failures = 1
    assert send(app(hints), once, once, once) == [503, 202, 409]
    assert len(hints) == 1


def test_many_deliveries_give_one_hint_at_once_and_one_for_what_came_after() -> None:
    hints = Hints()
    assert send(app(hints, every=0.3), *(signed() for _ in range(20)), wait=0.7) == [202] * 20
    assert len(hints) == 2
    assert hints[1] - hints[0] >= 0.29


def test_a_body_is_read_up_to_a_limit_whatever_length_it_claims() -> None:
    hints = Hints()
    most = signed(b"x" * hooks.MOST_BYTES)
    more = signed(b"x" * (hooks.MOST_BYTES + 1))
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65536
            yield b"x" * 65536

    assert send(app(hints), most, more, signed() | {"content": endless()}) == [202, 413, 413]
    assert len(hints) == 1
    assert read <= hooks.MOST_BYTES + 2 * 65536


def test_a_full_memory_refuses_and_forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST_REMEMBERED", 2)
    hints, first = Hints(), signed()
    assert send(app(hints), first, signed(), signed(), first) == [202, 202, 429, 409]


def test_only_what_is_authentic_is_remembered() -> None:
    hints, real = Hints(), signed()
    forged = {"headers": real["headers"] | {"X-MLflow-Signature": "v1,AAAA"}, "content": real["content"]}
    assert send(app(hints), forged, real) == [401, 202]


def test_the_content_is_not_looked_at() -> None:
    hints = Hints()
    bodies = (b"", b"\xff\xfe not json", b"[" * 100_000, json.dumps({"dag_id": "committee_pack"}).encode())
    assert send(app(hints, every=0), *(signed(body) for body in bodies)) == [202] * 4


def test_every_route_but_this_one_asks_for_airflows_login() -> None:
    unprotected = set()
    for route in app(Hints()).routes:
        assert isinstance(route, APIRoute), f"{route} is no route whose dependencies can be seen"
        if not any(map(_is_login, _calls(route))):
            unprotected |= {(method, route.path) for method in route.methods}
    assert unprotected == OPEN


def _calls(route: APIRoute) -> list[Callable[..., Any] | None]:
    return [each.call for each in route.dependant.dependencies]  # codespell:ignore dependant


def _is_login(call: Callable[..., Any] | None) -> bool:
    return getattr(call, "__module__", "").startswith("airflow.api_fastapi.core_api.security")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/", "/webhooks", "/webhooks/mlflow/x"])
def test_there_is_nothing_else_to_see(path: str) -> None:
    async def look() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app(Hints())), base_url="http://airflow") as client:
            return (await client.get(path)).status_code

    assert asyncio.run(look()) == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_the_door_opens_to_post_only(method: str) -> None:
    async def knock() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app(Hints())), base_url="http://airflow") as client:
            return (await client.request(method, URL)).status_code

    assert asyncio.run(knock()) == 405
