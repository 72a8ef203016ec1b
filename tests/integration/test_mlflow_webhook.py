# SPDX-License-Identifier: Apache-2.0
"""A real MLflow sends a real webhook, over HTTP, to the application that the plugin mounts."""

from __future__ import annotations

import base64
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from pydantic import SecretStr

from governance.web import hooks
from tests.integration.mlflow_server import mlflow_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

SECRET = "a secret that both sides know"  # noqa: S105 - of the test
EVENTS = [
    {"entity": "REGISTERED_MODEL", "action": "CREATED"},
    {"entity": "MODEL_VERSION", "action": "CREATED"},
    {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"},
]


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server that may send to this host over plain http, and does not remember who wanted to be told."""
    changes = {
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "0",
        "MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES": "3",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in changes.items():
            patch.setenv(name, value)
        home = tmp_path_factory.mktemp("mlflow-webhook")
        with mlflow_server(home) as uri, httpx.Client(base_url=f"{uri}/api/2.0/mlflow", trust_env=False) as client:
            yield client


class Seen(list[int]):
    """Hints given, and the answers that MLflow got; the first `failures` hints fail."""

    def __init__(self) -> None:
        super().__init__()
        self.hints = 0
        self.failures = 0

    def hint(self) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database is locked")
        self.hints += 1


def watched(app: FastAPI, seen: Seen) -> Any:
    """The application, with its answers noted."""

    async def note(scope: Any, receive: Any, send: Any) -> None:
        async def noting(message: Any) -> None:
            if message["type"] == "http.response.start":
                seen.append(message["status"])
            await send(message)

        await app(scope, receive, noting)

    return note


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: Any) -> str:
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_config=None))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        servers.append((server, thread))
        until(lambda: server.started)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/webhooks/mlflow"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join(10)


def until(look: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def subscribe(mlflow: httpx.Client, name: str, url: str, secret: str) -> str:
    body = {"name": name, "url": url, "events": EVENTS, "secret": secret, "status": "ACTIVE"}
    answer = mlflow.post("/webhooks", json=body)
    assert answer.is_success, answer.text
    return str(answer.json()["webhook"]["webhook_id"])


def post(mlflow: httpx.Client, path: str, **body: str) -> None:
    answer = mlflow.post(path, json=body)
    assert answer.is_success, answer.text


def change(mlflow: httpx.Client, name: str) -> None:
    """Register a model, a version, and move an alias: three events. The name is not ASCII on purpose."""
    post(mlflow, "/registered-models/create", name=name)
    post(mlflow, "/model-versions/create", name=name, source="s3://bucket/model")
    post(mlflow, "/registered-models/alias", name=name, alias="champion", version="1")


def test_what_mlflow_signs_is_accepted(mlflow: httpx.Client, serve: Callable[[Any], str]) -> None:
    seen = Seen()
    url = serve(watched(hooks.build(SecretStr(SECRET), seen.hint, at_most_every=0), seen))
    hook = subscribe(mlflow, "signed", url, SECRET)
    change(mlflow, "与信モデル")
    until(lambda: len(seen) >= 3)
    assert (list(seen), seen.hints) == ([202, 202, 202], 3)
    mlflow.delete(f"/webhooks/{hook}")


def test_what_mlflow_signs_with_another_secret_is_refused(mlflow: httpx.Client, serve: Callable[[Any], str]) -> None:
    seen = Seen()
    url = serve(watched(hooks.build(SecretStr(SECRET), seen.hint, at_most_every=0), seen))
    hook = subscribe(mlflow, "other", url, "another secret")
    change(mlflow, "other-secret")
    until(lambda: len(seen) >= 3)
    assert (set(seen), seen.hints) == ({401}, 0)
    mlflow.delete(f"/webhooks/{hook}")


def test_mlflow_asks_again_when_the_hint_could_not_be_given(mlflow: httpx.Client, serve: Callable[[Any], str]) -> None:
    seen = Seen()
    seen.failures = 1
    url = serve(watched(hooks.build(SecretStr(SECRET), seen.hint, at_most_every=0), seen))
    hook = subscribe(mlflow, "retry", url, SECRET)
    post(mlflow, "/registered-models/create", name="asked-again")
    until(lambda: len(seen) >= 2)
    assert (list(seen), seen.hints) == ([503, 202], 1)
    mlflow.delete(f"/webhooks/{hook}")
