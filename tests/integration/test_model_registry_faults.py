# SPDX-License-Identifier: Apache-2.0
"""Whatever answers in MLflow's place: a named error within a bounded time, or the truth."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from governance.errors import SourceError, SourceUnavailableError
from governance.settings import Settings
from governance.sources.model_registry import ping, read, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GOOD: dict[str, Any] = {
    "registered-models/search": {"registered_models": [{"name": "m", "aliases": [{"alias": "a", "version": "1"}]}]},
    "model-versions/search": {"model_versions": [{"name": "m", "version": "1", "run_id": "r1"}]},
    "experiments/search": {"experiments": [{"experiment_id": "0"}]},
    "runs/search": {"runs": [{"info": {"run_id": "r1"}, "data": {"metrics": [{"key": "auc", "value": 0.5}]}}]},
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Fake

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.answer()

    def answer(self) -> None:
        self.server.seen.append(f"{self.path} {self.headers.get('authorization', '')}")
        try:
            self.server.script(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    @property
    def what(self) -> str:
        return self.path.split("?")[0].removeprefix("/api/2.0/mlflow/")

    def send(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in (
            {"content_type": "application/json", "content_length": str(len(content))} | headers
        ).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def good(self) -> None:
        self.send(200, json.dumps(GOOD[self.what]).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class Fake(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, script: Callable[[Handler], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.seen: list[str] = []
        self.over = threading.Event()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def fake(script: Callable[[Handler], None]) -> Iterator[Fake]:
    server = Fake(script)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def settings(uri: str, **more: Any) -> Settings:
    return Settings(mlflow_uri=uri, **{"mlflow_timeout_seconds": 0.5, "mlflow_sweep_seconds": 15.0, **more})


def fails(
    script: Callable[[Handler], None], match: str, *, within: float, kind: type[SourceError] = SourceError, **more: Any
) -> Fake:
    with fake(script) as server:
        started = time.monotonic()
        with pytest.raises(SourceError, match=match) as caught:
            read(settings(server.uri, **more))
        assert time.monotonic() - started < within
        assert issubclass(caught.type, SourceUnavailableError) is (kind is SourceUnavailableError)
        assert caught.value.hint
    return server


def status(code: int, **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.send(code, b"{}", **headers)


def says(body: bytes | str, **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.send(200, body.encode() if isinstance(body, str) else body, **headers)


def models(entry: str) -> Callable[[Handler], None]:
    return says(f'{{"registered_models": [{entry}]}}')


def once(first: Callable[[Handler], None]) -> Callable[[Handler], None]:
    turns = itertools.count()
    return lambda handler: first(handler) if next(turns) == 0 else handler.good()


def test_a_good_answer_is_read() -> None:
    with fake(Handler.good) as server:
        (model,) = read(settings(server.uri))
    assert model.versions[0].metrics == {"auc": 0.5}


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_server_that_stays_busy_is_given_up_after_three_tries(code: int) -> None:
    server = fails(status(code), f"HTTP {code}", within=3, kind=SourceUnavailableError)
    assert len(server.seen) == 3


def test_a_server_that_stumbles_once_is_read_whole() -> None:
    with fake(once(status(500))) as server:
        assert len(read(settings(server.uri))) == 1


@pytest.mark.parametrize("wish", ["3600", "-1", "soon", "9" * 5_000, "²"])
def test_a_server_cannot_park_us_with_retry_after(wish: str) -> None:
    header = wish.encode().decode("latin-1")
    fails(status(503, retry_after=header), "HTTP 503", within=3, kind=SourceUnavailableError)


def test_a_short_wish_to_wait_is_honoured() -> None:
    with fake(once(status(429, retry_after="1"))) as server:
        started = time.monotonic()
        read(settings(server.uri))
    assert time.monotonic() - started >= 1


def test_no_redirect_is_followed_and_only_its_host_is_named() -> None:
    with fake(Handler.good) as other:
        location = f"http://user:hunter2@localhost:{other.server_address[1]}/latest/meta-data?token=hunter2"
        server = fails(status(302, location=location), "redirects to localhost; we do not follow", within=2)
    assert (len(server.seen), other.seen) == (1, [])


def test_a_login_page_is_told_from_an_answer() -> None:
    fails(says("<html>Login</html>", content_type="text/html; charset=utf-8"), r"text/html.*\n.*login page", within=2)


@pytest.mark.parametrize("code", [401, 403])
def test_a_refusal_names_the_settings_and_no_secret(code: int) -> None:
    with (
        fake(status(code)) as server,
        pytest.raises(SourceError, match=r"GOVERNANCE_MLFLOW_TOKEN.*allowed-hosts") as caught,
    ):
        read(settings(server.uri, mlflow_token=SecretStr("hunter2")))
    assert server.seen[0].endswith("Bearer hunter2")
    assert "hunter2" not in repr(caught.value) + str(caught.value)


def test_the_login_goes_with_every_request() -> None:
    with fake(Handler.good) as server:
        read(settings(server.uri, mlflow_username="a", mlflow_password=SecretStr("b")))
    assert all(line.endswith("Basic YTpi") for line in server.seen)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake(Handler.good) as proxy, fake(Handler.good) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.uri)
        read(settings(server.uri))
    assert proxy.seen == []


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    def script(handler: Handler) -> None:
        handler.send(200, b'{"registered_models": [', content_length="500")
        handler.close_connection = True

    fails(script, "did not answer", within=4, kind=SourceUnavailableError)


def test_packed_answers_are_read_and_broken_off_ones_are_not() -> None:
    def packed(handler: Handler) -> None:
        handler.send(200, gzip.compress(json.dumps(GOOD[handler.what]).encode()), content_encoding="gzip")

    with fake(packed) as server:
        assert len(read(settings(server.uri))) == 1
    half = gzip.compress(b"{}" * 500)[:-9]
    fails(says(half, content_encoding="gzip"), "broke off", within=4, kind=SourceUnavailableError)
    fails(says(b"no gzip", content_encoding="gzip"), "broken gzip", within=2)
    fails(says(b"{}", content_encoding="br"), "did not ask for", within=2)


def test_a_gzip_bomb_stays_small() -> None:
    bomb = gzip.compress(b" " * 400_000_000, compresslevel=1)
    fails(says(bomb, content_encoding="gzip"), "more than 67,108,864 bytes", within=10)


def test_a_description_of_200_megabytes_is_not_read_to_its_end() -> None:
    def script(handler: Handler) -> None:
        handler.send(200, b'{"registered_models": [{"name": "m", "description": "', content_length="200000000")
        for _ in range(199):
            handler.wfile.write(b"A" * 1_000_000)

    fails(script, "more than 67,108,864 bytes", within=14)


def test_a_page_that_is_too_large_is_asked_again_in_smaller_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.sources.mlflow_answer.MOST_BYTES", 10_000)

    def script(handler: Handler) -> None:
        heavy = handler.what == "registered-models/search" and "max_results=1000" in handler.path
        handler.send(200, b" " * 20_000) if heavy else handler.good()

    with fake(script) as server:
        assert len(read(settings(server.uri))) == 1
    assert any("max_results=125" in line for line in server.seen)


def test_pages_that_lead_in_a_circle_end() -> None:
    server = fails(says('{"next_page_token": "1"}'), "no end", within=2)
    assert len(server.seen) == 2


def test_pages_without_end_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.sources.mlflow_rest.MOST_PAGES", 20)
    numbers = itertools.count()

    def script(handler: Handler) -> None:
        says(f'{{"next_page_token": "{next(numbers)}"}}')(handler)

    fails(script, "no end", within=3)


def test_a_server_that_hangs_is_given_up() -> None:
    def script(handler: Handler) -> None:
        handler.server.over.wait(30)

    fails(script, "no answer in time", within=5, kind=SourceUnavailableError)


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: "])
def test_a_drip_of_body_or_headers_ends_with_the_sweep(begin: bytes) -> None:
    def drip(handler: Handler) -> None:
        handler.wfile.write(begin)
        while not handler.server.over.wait(0.05):
            handler.wfile.write(b" ")

    fails(drip, "in time", within=2.5, kind=SourceUnavailableError, mlflow_sweep_seconds=1)


def test_a_refused_connection_may_be_tried_again_later() -> None:
    with fake(Handler.good) as server:
        uri = server.uri
    with pytest.raises(SourceUnavailableError, match="ConnectError"):
        read(settings(uri))


WRONG = {
    "[]": "the answer: list, where an object belongs",
    "{": "in place of JSON",
    "[" * 100_000: "nested too deeply",
    '{"a":' * 100_000: "nested too deeply",
    '{"next_page_token": "", "next_page_token": "1"}': "the same key twice",
    '{"x": NaN}': "NaN is no JSON",
    f'{{"x": {"9" * 5_000}}}': "in place of JSON",
    '{"registered_models": {}}': "registered_models: dict, where a list belongs",
    '{"registered_models": [1]}': r"registered_models\[0\]: int, where an object belongs",
    '{"next_page_token": 1}': "next_page_token: int, where a text belongs",
    '{"registered_models": [{}]}': r"registered_models\[0\].name: NoneType, where a name belongs",
    r'{"registered_models": [{"name": "\ud800"}]}': "half a surrogate pair",
}


@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
def test_json_of_a_wrong_shape_is_refused_by_field(body: str) -> None:
    fails(says(body), WRONG[body], within=3)


@pytest.mark.parametrize("version", ["abc", "1.5", "", "0", "-1", "１", "9" * 19, True, None, [], 1e300])
def test_a_version_that_is_no_number_is_refused(version: Any) -> None:
    entry = json.dumps({"name": "m", "aliases": [{"alias": "a", "version": version}]})
    fails(models(entry), r"registered_models\[0\].aliases\[0\].version", within=3)


@pytest.mark.parametrize("moment", [10**17, "soon", -5])
def test_a_moment_outside_of_time_is_refused(moment: Any) -> None:
    entry = json.dumps({"name": "m", "latest_versions": [{"name": "m", "version": 1, "creation_timestamp": moment}]})
    fails(models(entry), "latest_versions.0..creation_timestamp", within=3)


def metrics_of(value: str) -> Callable[[Handler], None]:
    def script(handler: Handler) -> None:
        runs = (
            f'{{"runs": [{{"info": {{"run_id": "r1"}}, "data": {{"metrics": [{{"key": "auc", "value": {value}}}]}}}}]}}'
        )
        says(runs)(handler) if handler.what == "runs/search" else handler.good()

    return script


@pytest.mark.parametrize(("told", "value"), [('"Infinity"', math.inf), ('"-Infinity"', -math.inf), ("1e999", math.inf)])
def test_infinite_metrics_are_floats(told: str, value: float) -> None:
    with fake(metrics_of(told)) as server:
        assert read(settings(server.uri))[0].versions[0].metrics == {"auc": value}


@pytest.mark.parametrize("told", ['"1"', "true", "[]", "{}", "9" * 400])
def test_a_metric_that_is_no_number_is_refused(told: str) -> None:
    fails(metrics_of(told), "metrics.0..value", within=3)


def test_versions_of_models_that_nobody_listed_are_read_again_and_then_left_out() -> None:
    def script(handler: Handler) -> None:
        stray = {"model_versions": [*GOOD["model-versions/search"]["model_versions"], {"name": "new", "version": 1}]}
        says(json.dumps(stray))(handler) if handler.what == "model-versions/search" else handler.good()

    with fake(script) as server:
        told = sweep(settings(server.uri))
    assert [model.name for model in told.models] == ["m"]
    assert told.ignored == 1
    assert sum("registered-models" in line for line in server.seen) == 4


@pytest.mark.parametrize("run_id", ["') OR 1=1 --", "r1' OR 'x", "x" * 300, "../r"])
def test_a_run_id_that_is_none_never_reaches_a_filter(run_id: str) -> None:
    def script(handler: Handler) -> None:
        told = {"model_versions": [{"name": "m", "version": 1, "run_id": run_id}]}
        says(json.dumps(told))(handler) if handler.what == "model-versions/search" else handler.good()

    with fake(script) as server:
        assert read(settings(server.uri))[0].versions[0].run_id == run_id
    assert not any("runs/search" in line for line in server.seen)


def test_an_old_server_without_an_endpoint_is_refused_with_its_own_words() -> None:
    fails(lambda handler: handler.send(404, b'{"message": "no such\\u001b[31m"}'), r"HTTP 404: no such\\x1b", within=2)


@pytest.mark.parametrize("version", ["<html>login</html>", "", "3.1 beta", "9" * 99])
def test_ping_refuses_what_is_no_version(version: str) -> None:
    with fake(says(version)) as server, pytest.raises(SourceError, match="does not tell an MLflow version"):
        ping(settings(server.uri))
