# SPDX-License-Identifier: Apache-2.0
"""What an HTTP answer of MLflow means, and its body within bounds."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from governance.errors import SourceError, SourceUnavailableError
from governance.sources.mlflow_fields import Fields, loads

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

MOST_BYTES = 64 * 2**20
"""Of one answer, unpacked."""
LONGEST_PAUSE = 5

NOT_MLFLOW = "Is GOVERNANCE_MLFLOW_URI the address of a tracking server, or does a login page answer in its place?"
_LOGIN = (
    "Set GOVERNANCE_MLFLOW_USERNAME and GOVERNANCE_MLFLOW_PASSWORD, or GOVERNANCE_MLFLOW_TOKEN, of an account that may "
    "read every model. MLflow also answers 403 to host names missing from its own `--allowed-hosts`."
)
_OK, _REDIRECTS, _NOT_FOUND, _TOO_MANY, _BROKEN = 200, range(300, 400), 404, 429, 500


class NotThereError(SourceError):
    """The server knows no such path or thing."""


class AnswerTooLargeError(SourceError):
    """More bytes than an answer may have; a smaller page may do."""


class BusyError(SourceUnavailableError):
    """Another try may help, after `pause` seconds if the server named them."""

    pause: float | None = None


def check(response: httpx.Response, host: str) -> None:
    """Let nothing but 200 pass.

    Raises:
        BusyError: The server is overloaded or broken.
        SourceError: It refuses, redirects or does not know what we ask.
    """
    status = response.status_code
    if status == _OK:
        return
    if status == _TOO_MANY or status >= _BROKEN:
        busy = BusyError(f"MLflow at {host} answered HTTP {status}.", hint="Its own log tells why.")
        busy.pause = _pause(response.headers.get("retry-after", ""))
        raise busy
    if status in _REDIRECTS:
        raise SourceError(f"MLflow at {host} redirects to {_target(response)}; we do not follow.", hint=NOT_MLFLOW)
    if status in {401, 403}:
        raise SourceError(f"MLflow at {host} refuses us with HTTP {status}.", hint=_LOGIN)
    error = NotThereError if status == _NOT_FOUND else SourceError
    raise error(f"MLflow at {host} answered HTTP {status}{_why(response, host)}", hint=NOT_MLFLOW)


def body(response: httpx.Response, host: str, heed: Callable[[int], None]) -> bytes:
    """Read and unpack an answer, telling `heed` the bytes of each chunk as it comes.

    The raw stream, because httpx would unpack a bomb before anyone could count its bytes.
    """
    packed = _is_packed(response, host)
    unpacker = zlib.decompressobj(wbits=31)
    whole = bytearray()
    for chunk in response.iter_raw():
        heed(len(chunk))
        whole += _unpack(unpacker, chunk, MOST_BYTES + 1 - len(whole), host) if packed else chunk
        if len(whole) > MOST_BYTES:
            raise AnswerTooLargeError(
                f"One answer of MLflow at {host} has more than {MOST_BYTES:,} bytes.",
                hint="Which model or run carries texts of that size? Shorten its tags, parameters or dataset profiles.",
            )
    if packed and not unpacker.eof:
        raise BusyError(f"An answer of MLflow at {host} broke off.", hint="Does a proxy between cut long answers?")
    return bytes(whole)


def fields(response: httpx.Response, content: bytes, host: str) -> Fields:
    """Read the JSON object in an answer."""
    kind = response.headers.get("content-type", "no content type")
    try:
        data = loads(content.decode())
    except ValueError as error:
        # Of the reason only its first words: a JSONDecodeError carries the whole document, but does not print it.
        raise SourceError(
            f"MLflow at {host} answered with {ascii(kind)[1:-1][:60]} in place of JSON ({ascii(str(error))[1:-1][:80]}).",
            hint=NOT_MLFLOW,
        ) from None
    return Fields(data)


def _pause(retry_after: str) -> float | None:
    """Honour a short wish. A long one would let the server park us."""
    short = {str(seconds): float(seconds) for seconds in range(LONGEST_PAUSE + 1)}
    return short.get(retry_after.strip())


def _target(response: httpx.Response) -> str:
    """Name the host alone: the rest of a redirect may carry a login token."""
    try:
        host = urlsplit(response.headers.get("location", "")).hostname
    except ValueError:
        host = None
    return ascii(host)[1:-1][:100] if host else "another of its pages"


def _why(response: httpx.Response, host: str) -> str:
    try:
        reason = fields(response, body(response, host, lambda _: None), host).text("message")
    except SourceError:
        return "."
    return f": {ascii(reason)[1:-1][:200]}"


def _is_packed(response: httpx.Response, host: str) -> bool:
    encoding: str = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise SourceError(f"MLflow at {host} packs its answers in a way we did not ask for.", hint=NOT_MLFLOW)
    return encoding == "gzip"


def _unpack(unpacker: zlib._Decompress, chunk: bytes, most: int, host: str) -> bytes:
    try:
        return unpacker.decompress(chunk, most)
    except zlib.error as error:
        raise SourceError(f"MLflow at {host} answered with broken gzip.", hint=NOT_MLFLOW) from error
