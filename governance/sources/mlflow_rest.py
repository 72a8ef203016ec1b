# SPDX-License-Identifier: Apache-2.0
"""Bounded HTTP to an MLflow tracking server: tries, time, bytes and pages all have an end, no redirect is followed.

Proxies of the environment are never used, for any host: an `HTTP_PROXY` that was set for package downloads would
otherwise see the inventory and, over plain HTTP, the login. A company's own CA works: OpenSSL reads SSL_CERT_FILE.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from governance.errors import SourceError, SourceUnavailableError
from governance.sources.mlflow_answer import NOT_MLFLOW, AnswerTooLargeError, BusyError, body, check, fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from governance.settings import Settings
    from governance.sources.mlflow_fields import Fields

TRIES = 3
MOST_BYTES_IN_ALL = 2 * 2**30
MOST_PAGES = 10_000
MOST_REQUESTS = 20_000
"""Of one sweep: some million versions."""

_API = "api/2.0/mlflow/"
API_3 = "api/3.0/mlflow/"
_VERSION = re.compile(r"\d[0-9A-Za-z.+-]{0,39}")
_SHRINK = 8


class Connection:
    """An open line to one server, and what went over it."""

    def __init__(self, client: httpx.Client, host: str, *, timeout: float, deadline: float) -> None:
        self.client = client
        self.host = host
        self.timeout = timeout
        self.deadline = deadline
        self.requests = 0
        self.received = 0
        self._sockets: list[socket.socket] = []

    def left(self) -> float:
        """Return the seconds left to the sweep.

        Raises:
            SourceUnavailableError: There are none.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise SourceUnavailableError(
                f"MLflow at {self.host} did not tell everything in time ({self.requests} requests).",
                hint="Is it overloaded? Otherwise raise GOVERNANCE_MLFLOW_SWEEP_SECONDS.",
            )
        return left

    def ask_again(self) -> None:
        """Count a request before it is made.

        Raises:
            SourceError: There were too many.
            SourceUnavailableError: There is no time left.
        """
        self.requests += 1
        if self.requests > MOST_REQUESTS:
            raise SourceError(f"MLflow at {self.host} wants more than {MOST_REQUESTS:,} requests.", hint=NOT_MLFLOW)
        self.left()

    def heed(self, received: int) -> None:
        """Count bytes as they come."""
        self.received += received
        if self.received > MOST_BYTES_IN_ALL:
            raise SourceError(f"MLflow at {self.host} sends without end.", hint=NOT_MLFLOW)
        self.left()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember each socket that httpx opens, so that it can be cut."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._sockets.append(info["return_value"].get_extra_info("socket"))

    def cut(self) -> None:
        """End every read that is still waiting."""
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def connect(settings: Settings) -> Iterator[Connection]:
    """Open a line that is cut when `mlflow_sweep_seconds` are over.

    httpx limits the wait for the next bytes only, so a server that drips headers could hold it for days.
    """
    url, host = _address(settings.mlflow_uri)
    deadline = time.monotonic() + settings.mlflow_sweep_seconds
    with _client(url, settings) as client:
        connection = Connection(client, host, timeout=settings.mlflow_timeout_seconds, deadline=deadline)
        with cut_after(connection, settings.mlflow_sweep_seconds):
            yield connection


@contextlib.contextmanager
def cut_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Cut a line once these seconds are over."""
    watch = threading.Timer(seconds, connection.cut)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def ask(connection: Connection, method: str, path: str, query: Mapping[str, Any], *, api: str = _API) -> Fields:
    """Ask once, or up to three times while the server is busy or away.

    Raises:
        SourceError: The answer is not what MLflow promises.
        SourceUnavailableError: There was none.
    """
    response, content = _patiently(connection, method, api + path, query)
    return fields(response, content, connection.host)


def tell(connection: Connection, method: str, path: str, content: Mapping[str, Any], *, api: str = _API) -> Fields:
    """Change something, once: an answer that got lost says nothing of whether it was done, so whoever asks looks first.

    Raises:
        SourceError: The server refuses, or its answer is not what MLflow promises.
        SourceUnavailableError: There was no answer.
    """
    response, told = _once(connection, method, api + path, content)
    return fields(response, told, connection.host)


def server_version(connection: Connection) -> str:
    """Return the server's version, which MLflow tells everybody."""
    _, content = _patiently(connection, "GET", "version", {})
    said = content.decode("ascii", "replace").strip()
    if not _VERSION.fullmatch(said):
        raise SourceError(f"What answers at {connection.host} does not tell an MLflow version.", hint=NOT_MLFLOW)
    return said


def pages(connection: Connection, method: str, path: str, query: Mapping[str, Any], size: int) -> Iterator[Fields]:
    """Yield every page. A page too large for its `size` is asked again with fewer entries.

    Raises:
        SourceError: The pages have no end.
    """
    token, seen = "", set[bytes]()
    while True:
        page, size = _page(connection, method, path, {**query, "page_token": token} if token else query, size)
        yield page
        token = page.token("next_page_token")
        if not token:
            return
        mark = hashlib.sha256(token.encode()).digest()
        if mark in seen or len(seen) >= MOST_PAGES:
            raise SourceError(f"The pages of {path} at {connection.host} have no end.", hint=NOT_MLFLOW)
        seen.add(mark)


def _page(connection: Connection, method: str, path: str, query: Mapping[str, Any], size: int) -> tuple[Fields, int]:
    while True:
        try:
            return ask(connection, method, path, {**query, "max_results": size}), size
        except AnswerTooLargeError:
            if size == 1:
                raise
            size = max(1, size // _SHRINK)


def _patiently(
    connection: Connection, method: str, path: str, query: Mapping[str, Any]
) -> tuple[httpx.Response, bytes]:
    for attempt in range(1, TRIES):
        try:
            return _once(connection, method, path, query)
        except BusyError as error:
            pause = 0.5 * attempt if error.pause is None else error.pause
            # To wait past the deadline helps nobody, and this error says more than "too late".
            if pause >= connection.left():
                raise
            time.sleep(pause)
    return _once(connection, method, path, query)


def _once(connection: Connection, method: str, path: str, query: Mapping[str, Any]) -> tuple[httpx.Response, bytes]:
    # None, not {}: an empty dict would still send a body or a bare question mark.
    told: dict[str, Any] = {"params": query or None} if method == "GET" else {"json": query}
    told["timeout"] = min(connection.timeout, connection.left())
    told["extensions"] = {"trace": connection.trace}
    connection.ask_again()
    with _errors(connection), connection.client.stream(method, path, **told) as response:
        check(response, connection.host)
        return response, body(response, connection.host, connection.heed)


@contextlib.contextmanager
def _errors(connection: Connection) -> Iterator[None]:
    import httpx

    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        connection.left()  # where the deadline cut the line, that is the reason
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise SourceError(
                f"The certificate of {connection.host} is not trusted.", hint="Name the company's CA in SSL_CERT_FILE."
            ) from error
        what = "no answer in time" if isinstance(error, httpx.TimeoutException) else type(error).__name__
        raise BusyError(
            f"MLflow at {connection.host} did not answer: {what}.",
            hint="Is it up, and GOVERNANCE_MLFLOW_URI right? GOVERNANCE_MLFLOW_TIMEOUT_SECONDS is our patience.",
        ) from error


def _client(url: str, settings: Settings) -> httpx.Client:
    import httpx

    return httpx.Client(
        base_url=url,
        headers={"accept": "application/json", "accept-encoding": "gzip", **_bearer(settings)},
        auth=_basic(settings),
        verify=ssl.create_default_context(),
        trust_env=False,
        follow_redirects=False,
    )


def _address(uri: str) -> tuple[str, str]:
    """Return the URL and its host with port, as messages name it."""
    try:
        url = urlsplit(uri)
        host, port = url.hostname, url.port
    except ValueError:
        host = None
    if not host or url.scheme not in {"http", "https"} or url.username or url.password or url.query:
        raise SourceError(
            "GOVERNANCE_MLFLOW_URI is no plain http:// or https:// address of a tracking server.",
            hint="A login belongs in GOVERNANCE_MLFLOW_USERNAME and GOVERNANCE_MLFLOW_PASSWORD, where it is kept secret.",
        )
    return uri, f"{host}:{port}" if port else host


def _basic(settings: Settings) -> tuple[str, str] | None:
    name, password = settings.mlflow_username, settings.mlflow_password
    if bool(name) != bool(password):
        raise SourceError(
            "One of GOVERNANCE_MLFLOW_USERNAME and GOVERNANCE_MLFLOW_PASSWORD is not set.", hint="Set both."
        )
    return (name, password.get_secret_value()) if name and password else None


def _bearer(settings: Settings) -> dict[str, str]:
    """Return the token's header. h11 prints a header that it refuses, so no bad one may get there."""
    token = settings.mlflow_token.get_secret_value().strip() if settings.mlflow_token else ""
    if not (token.isascii() and token.isprintable()):
        raise SourceError("GOVERNANCE_MLFLOW_TOKEN is not one line of ASCII.", hint="Was a whole file taken for it?")
    return {"authorization": f"Bearer {token}"} if token else {}
