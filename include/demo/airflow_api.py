# SPDX-License-Identifier: Apache-2.0
"""The few calls that the demo makes to Airflow's public API."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from include.demo.errors import DemoError

Json = dict[str, Any]
FINISHED = frozenset({"success", "failed"})
_PAGE = 100  # Airflow caps `limit` at this without saying so


@contextmanager
def connect(
    url: str, user: str, password: str, *, transport: httpx.BaseTransport | None = None
) -> Generator[httpx.Client]:
    """Log in and lend a client that carries the token.

    Raises:
        DemoError: Airflow refused.
    """
    with httpx.Client(base_url=url, timeout=30, trust_env=False, transport=transport) as client:
        answer = client.post("/auth/token", json={"username": user, "password": password})
        client.headers["authorization"] = f"Bearer {_read(answer)['access_token']}"
        yield client


def dags(client: httpx.Client) -> list[Json]:
    """List the DAGs that parsed."""
    return list(_pages(client, "/dags", "dags"))


def import_errors(client: httpx.Client) -> list[Json]:
    """List the DAG files that did not parse."""
    return list(_pages(client, "/importErrors", "import_errors"))


def unpause(client: httpx.Client, dag_id: str) -> None:
    """Let a DAG run."""
    _read(client.patch(f"/api/v2/dags/{quote(dag_id)}", json={"is_paused": False}))


def trigger(client: httpx.Client, dag_id: str, conf: Mapping[str, object] | None = None) -> str:
    """Start a run now, for no particular date; `conf` overrides the DAG's params. Return the run id."""
    body = {"logical_date": None, "conf": dict(conf or {})}
    return str(_read(client.post(f"/api/v2/dags/{quote(dag_id)}/dagRuns", json=body))["dag_run_id"])


def runs(client: httpx.Client, dag_id: str = "~") -> list[Json]:
    """List the runs of one DAG, or of all, oldest first."""
    found = _pages(client, f"/dags/{quote(dag_id)}/dagRuns", "dag_runs", order_by="id")
    return list(found)


def task_instances(client: httpx.Client, dag_id: str, run_id: str) -> list[Json]:
    """List the task instances of a run."""
    return list(_pages(client, f"{_run(dag_id, run_id)}/taskInstances", "task_instances"))


def upstream_events(client: httpx.Client, dag_id: str, run_id: str) -> list[Json]:
    """List the asset events that brought a run about; none for a run that somebody or a clock started."""
    answer = _read(client.get(f"/api/v2{_run(dag_id, run_id)}/upstreamAssetEvents"))
    events: list[Json] = answer["asset_events"]
    return events


def wait_until(
    look: Callable[[], bool], *, seconds: float, pause: float = 0.5, between: Callable[[], None] = lambda: None
) -> bool:
    """Look until it holds or time is up; an API that is busy for a moment counts as not yet.

    Args:
        look: The predicate.
        seconds: When to give up.
        pause: Between two looks.
        between: Called after each look in vain; may raise to end the wait.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if look():
                return True
        except httpx.TransportError:
            pass
        between()
        time.sleep(pause)
    return False


def _run(dag_id: str, run_id: str) -> str:
    return f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _pages(client: httpx.Client, path: str, key: str, **params: str) -> Iterator[Json]:
    offset = 0
    while True:
        answer = _read(client.get(f"/api/v2{path}", params={"limit": _PAGE, "offset": offset, **params}))
        page: list[Json] = answer[key]
        yield from page
        offset += len(page)
        if not page or offset >= int(answer["total_entries"]):
            return


def _read(answer: httpx.Response) -> Json:
    if answer.is_server_error:
        raise httpx.ReadError(f"{answer.status_code}: {answer.text[:500]}", request=answer.request)
    if answer.is_error:
        raise DemoError(f"Airflow answered {answer.status_code} to {answer.request.url.path}", detail=answer.text[:500])
    body: Json = answer.json()
    return body
