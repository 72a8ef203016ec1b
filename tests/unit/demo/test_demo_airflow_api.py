# SPDX-License-Identifier: Apache-2.0
"""The client speaks to Airflow as Airflow expects it."""

import json
from collections.abc import Callable

import httpx
import pytest

from include.demo import airflow_api as api
from include.demo.errors import DemoError

Answer = Callable[[httpx.Request], httpx.Response]


def airflow(answer: Answer) -> httpx.MockTransport:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "abc"})
        assert request.headers["authorization"] == "Bearer abc"
        return answer(request)

    return httpx.MockTransport(respond)


def test_all_pages_are_read() -> None:
    everything = [{"task_id": str(number)} for number in range(250)]

    def page(request: httpx.Request) -> httpx.Response:
        start, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
        assert limit <= 100
        return httpx.Response(200, json={"task_instances": everything[start : start + limit], "total_entries": 250})

    with api.connect("http://airflow", "admin", "pw", transport=airflow(page)) as client:
        assert api.task_instances(client, "model_gate", "manual__1+00:00") == everything


def test_a_run_is_triggered_for_no_date_with_its_conf() -> None:
    sent: list[httpx.Request] = []

    def accept(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"dag_run_id": "manual__1"})

    with api.connect("http://airflow", "admin", "pw", transport=airflow(accept)) as client:
        assert api.trigger(client, "committee_pack", {"period": "2026-11"}) == "manual__1"
    assert sent[0].url.path == "/api/v2/dags/committee_pack/dagRuns"
    assert json.loads(sent[0].content) == {"logical_date": None, "conf": {"period": "2026-11"}}


def test_a_run_id_is_quoted_in_the_address() -> None:
    def events(request: httpx.Request) -> httpx.Response:
        assert b"/dagRuns/manual__1%2B00%3A00/upstreamAssetEvents" in request.url.raw_path
        return httpx.Response(200, json={"asset_events": [], "total_entries": 0})

    with api.connect("http://airflow", "admin", "pw", transport=airflow(events)) as client:
        assert api.upstream_events(client, "kpi_metrics", "manual__1+00:00") == []


def test_a_refusal_is_an_error_with_its_text() -> None:
    refused = airflow(lambda _: httpx.Response(409, text="already there"))
    with (
        api.connect("http://airflow", "admin", "pw", transport=refused) as client,
        pytest.raises(DemoError, match="409") as raised,
    ):
        api.unpause(client, "model_gate")
    assert raised.value.detail == "already there"


def test_a_busy_server_counts_as_not_yet() -> None:
    answers = iter(
        [httpx.Response(500, text="database is locked"), httpx.Response(200, json={"dags": [], "total_entries": 0})]
    )
    with api.connect("http://airflow", "admin", "pw", transport=airflow(lambda _: next(answers))) as client:
        assert api.wait_until(lambda: api.dags(client) == [], seconds=5, pause=0)


def test_waiting_ends_when_time_is_up() -> None:
    assert not api.wait_until(lambda: False, seconds=0.01, pause=0)


def test_a_death_between_two_looks_ends_the_wait() -> None:
    def died() -> None:
        raise DemoError("scheduler died")

    with pytest.raises(DemoError, match="scheduler died"):
        api.wait_until(lambda: False, seconds=5, between=died)
