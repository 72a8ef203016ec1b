# SPDX-License-Identifier: Apache-2.0
"""The one door without Airflow's login: MLflow knocks, signed, and the inventory is read sooner.

Nothing that a message says is used. A forged, late, repeated or oversized one changes nothing, and a lost one
is made up for by the next reading on schedule.

What was accepted is remembered by this process alone. With several api-server processes a recorded delivery
could be played once to each of them within the window; all it can do is have MLflow read once more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, HTTPException, Request, status
from fastapi.concurrency import run_in_threadpool

from governance.core import webhooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    Hint = Callable[[], None]

MOST_BYTES: Final = 1024 * 1024
HINT_SECONDS: Final = 10.0
"""At most one hint in as many seconds, however many deliveries arrive."""
_BODY_SECONDS: Final = 10.0
_log: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class _Memory:
    """What one process knows of the past: deliveries, and when the last hint goes or went out."""

    deliveries: webhooks.Remembered = field(default_factory=webhooks.Remembered)
    planned: float | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    """Hints to come; held here, because the event loop holds them weakly."""


def build(secret: SecretStr | None, hint: Hint, *, at_most_every: float = HINT_SECONDS) -> FastAPI:
    """The application to mount.

    Args:
        secret: shared with MLflow; None or empty: nothing is accepted.
        hint: asks for a reading of MLflow; may block, and raises if it could not ask.
        at_most_every: seconds between two hints.
    """
    app = FastAPI(title="governance", docs_url=None, redoc_url=None, openapi_url=None)
    key, memory = secret.get_secret_value() if secret else "", _Memory()

    @app.post("/webhooks/mlflow", status_code=status.HTTP_202_ACCEPTED)
    async def mlflow(request: Request) -> dict[str, str]:
        if not key:
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "GOVERNANCE_MLFLOW_WEBHOOK_SECRET is not set")
        delivery = await _delivery(request)
        _admit(memory, delivery, key)
        try:
            await _hint_soon(memory, hint, at_most_every)
        except Exception as error:
            # MLflow tries again under the same id: what was not acted on must not count as a replay then.
            memory.deliveries.pop(delivery.id, None)
            _log.exception("a change in MLflow was announced, but the reading could not be asked for")
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "not now") from error
        return {"status": "accepted"}

    return app


async def _delivery(request: Request) -> webhooks.Delivery:
    headers = request.headers
    return webhooks.Delivery(
        headers.get("x-mlflow-delivery-id", ""),
        headers.get("x-mlflow-timestamp", ""),
        headers.get("x-mlflow-signature", ""),
        await body(request, MOST_BYTES),
    )


async def body(request: Request, most: int) -> bytes:
    """Read as much as may come, and no more: the header that tells the length is the sender's.

    Raises:
        HTTPException: it is more, or it does not arrive in time.
    """
    read = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                read += chunk
                if len(read) > most:
                    raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, f"more than {most} bytes")
    except TimeoutError as error:
        raise HTTPException(status.HTTP_408_REQUEST_TIMEOUT, "the body did not arrive in time") from error
    return bytes(read)


def _admit(memory: _Memory, delivery: webhooks.Delivery, secret: str) -> None:
    """Refuse what is forged, late or repeated. Only what is authentic is remembered: nobody else fills the memory."""
    now = time.time()
    if not webhooks.is_authentic(delivery, secret, now):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "not signed by MLflow within the last five minutes")
    webhooks.forget_expired(memory.deliveries, now)
    if webhooks.is_replay(memory.deliveries, delivery):
        raise HTTPException(status.HTTP_409_CONFLICT, "this delivery was accepted before")
    if not webhooks.remember(memory.deliveries, delivery):
        raise HTTPException(status.HTTP_429_TOO_MANY_REQUESTS, "too many deliveries; the inventory is read anyway")


async def _hint_soon(memory: _Memory, hint: Hint, at_most_every: float) -> None:
    """Give the hint at once, or when the interval since the last one is over."""
    now, before = time.monotonic(), memory.planned
    at = webhooks.plan_hint(before, now, at_most_every)
    if at is None:
        return
    memory.planned = at
    if at > now:
        task = asyncio.create_task(_hint_later(hint, at - now))
        memory.tasks.add(task)
        task.add_done_callback(memory.tasks.discard)
        return
    try:
        await run_in_threadpool(hint)
    except BaseException:
        memory.planned = before
        raise


async def _hint_later(hint: Hint, seconds: float) -> None:
    await asyncio.sleep(seconds)
    try:
        await run_in_threadpool(hint)
    except Exception:  # noqa: BLE001 - a task of its own has nobody else to tell
        _log.exception("changes in MLflow were announced; they wait for the next reading on schedule")
