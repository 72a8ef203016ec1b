# SPDX-License-Identifier: Apache-2.0
"""Taking typed fields out of MLflow's JSON; whatever has another shape is a `SourceError` naming the field.

protobuf leaves empty fields out and null means the same, so absent is empty everywhere but where a field is a key.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from governance.errors import SourceError

LONGEST_TEXT = 20_000
LONGEST_KEY = 5_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_DIGITS = 18


class Fields:
    """A JSON object that knows its place in the answer, for example `runs[3].data`."""

    __slots__ = ("_data", "_where")

    def __init__(self, data: Any, where: str = "") -> None:  # noqa: ANN401 - JSON, whose shape is what we ask
        if not isinstance(data, dict):
            raise _wrong(where or "the answer", "an object", data)
        self._data = data
        self._where = where

    def text(self, name: str) -> str:
        """Return a text, cut where it is longer than anybody reads."""
        text = self._text(name)
        if len(text) <= LONGEST_TEXT:
            return text
        return f"{text[:LONGEST_TEXT]}… [cut: {len(text):,} characters]"

    def key(self, name: str) -> str:
        """Return a text that names something: never empty, and unlike every other also when it is cut."""
        text = self._text(name)
        if not text:
            raise _wrong(self._path(name), "a name", self._data.get(name))
        if len(text) <= LONGEST_KEY:
            return text
        return f"{text[:LONGEST_KEY]}… sha256:{hashlib.sha256(text.encode()).hexdigest()}"

    def token(self, name: str) -> str:
        """Return a text that goes back as it came, or an empty one."""
        return self._text(name)

    def flag(self, name: str) -> bool:
        """Return a truth value; absent is false."""
        value = self._data.get(name)
        if not isinstance(value, bool | None):
            raise _wrong(self._path(name), "true or false", value)
        return bool(value)

    def number(self, name: str) -> float:
        """Return a float. MLflow tells NaN and the infinities as texts."""
        value = self._data.get(name)
        if isinstance(value, bool) or (isinstance(value, str) and value not in {"NaN", "Infinity", "-Infinity"}):
            raise _wrong(self._path(name), "a number", value)
        try:
            return float(0.0 if value is None else value)
        except (TypeError, ValueError, OverflowError) as error:
            raise _wrong(self._path(name), "a number", value) from error

    def count(self, name: str) -> int:
        """Return a whole number of zero or more, told as such or in ASCII digits."""
        value = self._data.get(name)
        digits = "0" if value is None else "" if isinstance(value, bool) else str(value)
        if not (isinstance(value, str | int | None) and digits.isascii() and digits.isdigit()):
            raise _wrong(self._path(name), "a whole number", value)
        if len(digits) > _MOST_DIGITS:
            raise _wrong(self._path(name), f"a number of at most {_MOST_DIGITS} digits", value)
        return int(digits)

    def version(self, name: str) -> int:
        """Return a version's number, which starts at one."""
        number = self.count(name)
        if number < 1:
            raise _wrong(self._path(name), "a version number", self._data.get(name))
        return number

    def moment(self, name: str) -> datetime | None:
        """Return milliseconds since 1970 as an aware UTC time."""
        milliseconds = self.count(name)
        try:
            return _EPOCH + timedelta(milliseconds=milliseconds) if milliseconds else None
        except OverflowError as error:
            raise _wrong(self._path(name), "a time", milliseconds) from error

    def inner(self, name: str) -> Fields:
        """Return an object inside this one."""
        value = self._data.get(name)
        return Fields({} if value is None else value, self._path(name))

    def each(self, name: str) -> list[Fields]:
        """Return a list of objects."""
        value = self._data.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise _wrong(self._path(name), "a list", value)
        return [Fields(item, f"{self._path(name)}[{index}]") for index, item in enumerate(value)]

    def pairs(self, name: str) -> dict[str, str]:
        """Return a list of `{"key", "value"}` as a mapping in the order of its keys."""
        return dict(sorted((pair.key("key"), pair.text("value")) for pair in self.each(name)))

    def _text(self, name: str) -> str:
        value = self._data.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise _wrong(self._path(name), "a text", value)
        if not _is_unicode(value):
            raise _wrong(self._path(name), "Unicode text", "half a surrogate pair")
        # MLflow on SQLite accepts NUL, also in names. PostgreSQL does not: one such tag would stop every sync.
        return value.replace("\0", "␀")

    def _path(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name


def loads(text: str) -> Any:  # noqa: ANN401 - JSON
    """Read JSON as RFC 8259 means it: a key counts once, NaN is no number, and depth has an end.

    Raises:
        ValueError: It is something else.
    """
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def location(source: str) -> str:
    """Return where a dataset lies. MLflow stores `{"uri": ...}` for most kinds of source, and other things besides."""
    try:
        told = loads(source)
    except ValueError:
        return source
    places = (told.get(name) for name in ("uri", "url", "path")) if isinstance(told, dict) else ()
    return next((place for place in places if isinstance(place, str) and place), source)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("the same key twice in one object")
    return data


def _refuse(constant: str) -> Any:  # noqa: ANN401 - the type of json's hook
    raise ValueError(f"{constant} is no JSON")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wrong(where: str, wanted: str, got: object) -> SourceError:
    # str(int) refuses beyond 4,300 digits, and nobody reads that many.
    shown = f"{got:.3g}" if isinstance(got, float) else ascii(got)[:60] if isinstance(got, str) else type(got).__name__
    return SourceError(
        f"MLflow answered with {where}: {shown}, where {wanted} belongs.",
        hint="Is something between us and MLflow changing its answers, or is MLflow older than 3.0?",
    )
