# SPDX-License-Identifier: Apache-2.0
"""Give anything one canonical form, so that equal content has an equal digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from types import NoneType
from typing import Any, Final

import rfc8785

_EXACT: Final = 2**53
_LONGEST_DECIMAL: Final = 10_000
"""Bits; Python refuses to print much longer integers in decimal."""


def digest(value: Any) -> str:  # noqa: ANN401 - anything `plain` takes
    """SHA-256, in hex, of the canonical form of `value`."""
    return hashlib.sha256(canonical(value)).hexdigest()


def canonical(value: Any) -> bytes:  # noqa: ANN401 - anything `plain` takes
    """The one RFC 8785 form, UTF-8, of `plain(value)`."""
    return rfc8785.dumps(plain(value))


def commitment(row: bytes, salt: str) -> str:
    """Bind to a row without showing it: SHA-256, in hex, of the salt (hex) and the row's canonical form.

    The salt keeps short rows from being guessed; whoever erases row and salt leaves nothing to guess from.
    """
    return hashlib.sha256(bytes.fromhex(salt) + row).hexdigest()


def plain(value: Any) -> Any:  # noqa: ANN401 - anything in, JSON out
    """Reduce frozen types, enums, moments and hostile text to JSON that every database stores.

    Numbers that JSON lacks (NaN, infinities) or that databases give back as another (all beyond
    2^53: PostgreSQL makes an integer of 1e300) become text; NUL and lone surrogates, which
    PostgreSQL refuses, become a visible mark.

    Raises:
        TypeError: `value` is of a type that has no plain form.
    """
    for kind, reduce in _PLAIN:
        if isinstance(value, kind):
            return reduce(value)
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    raise TypeError(f"{type(value).__name__} has no plain form")


def _storable(text: str) -> str:
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\u2400").encode("utf-8", "replace").decode()


def _digits(value: int) -> str:
    return str(value) if value.bit_length() <= _LONGEST_DECIMAL else hex(value)


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise TypeError(f"naive datetime {value!r} has no plain form: say which time zone")
    return value


def _mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {_storable(str(key)): plain(value[key]) for key in sorted(value, key=str)}


_PLAIN: Final[tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...]] = (
    ((NoneType, bool), lambda value: value),
    (Enum, lambda value: plain(value.value)),
    (str, _storable),
    (int, lambda value: value if abs(value) < _EXACT else _digits(value)),
    (float, lambda value: value if abs(value) < _EXACT else str(value)),
    (datetime, lambda value: _aware(value).astimezone(UTC).isoformat(timespec="microseconds")),
    (date, date.isoformat),
    (Mapping, _mapping),
    ((list, tuple), lambda value: [plain(item) for item in value]),
)
