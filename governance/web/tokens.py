# SPDX-License-Identifier: Apache-2.0
"""What keeps other sites from sending our forms: a token of the user, the form and an hour, and where a post comes from.

The login's cookie is SameSite=Lax, and a form comes from our own origin. Each of the three would do alone.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from governance.core.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

LIFETIME: Final = 2 * 60 * 60
"""Seconds that somebody may take to fill a form in."""
_PARTS: Final = 3
_NONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Bound:
    """What a token is good for: one user, one form about one thing.

    Not the login's cookie: it is renewed while somebody types. Another user's token is worth nothing either way.
    """

    user: str
    form: str


def issue(key: bytes, bound: Bound, now: float) -> str:
    """A token for a form that is shown now."""
    until, nonce = str(int(now) + LIFETIME), secrets.token_hex(_NONCE // 2)
    return f"{until}.{nonce}.{_mac(key, bound, until, nonce)}"


def nonce(key: bytes, token: str, bound: Bound, now: float) -> str | None:
    """What names this one showing of the form; None if the token is forged, another's, or too old."""
    parts = token.split(".")
    if not key or len(parts) != _PARTS:
        return None
    until, one, mac = parts
    if not hmac.compare_digest(mac.encode(), _mac(key, bound, until, one).encode()):
        return None
    return one if now <= int(until) else None


def _mac(key: bytes, bound: Bound, until: str, nonce_: str) -> str:
    return hmac.new(key, canonical([bound.user, bound.form, until, nonce_]), hashlib.sha256).hexdigest()


def is_foreign(headers: Mapping[str, str], own: str) -> bool:
    """Whether a browser says that a post comes from another site; `own` is the address that people know us by.

    A program that sends neither header is no browser, and nobody can make it send.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc not in {headers.get("host", ""), urlsplit(own).netloc} - {""}
    except ValueError:
        return True
