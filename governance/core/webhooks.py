# SPDX-License-Identifier: Apache-2.0
"""Whether a message that claims to come from MLflow does, and whether its hint is worth a reading of MLflow now.

MLflow signs each delivery with HMAC-SHA256 over `{delivery_id}.{timestamp}.{body}` (`mlflow/webhooks/delivery.py`)
and sends the same three headers again when it retries. What a message says is never looked at: it may only be
the reason to read MLflow sooner.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

WINDOW_SECONDS: Final = 300
"""How far the sender's clock may be from ours, either way."""
MOST_REMEMBERED: Final = 10_000
"""Deliveries of one window; more of them are refused until the oldest expire."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")

Remembered = OrderedDict[str, int]
"""Delivery -> the second up to which it must not come again; oldest first."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived: three headers as they were sent, and the body to the byte."""

    id: str
    timestamp: str
    """Seconds since 1970, as text."""
    signature: str
    """`v1,` and the base64 of the HMAC."""
    body: bytes


def signature(secret: str, id_: str, timestamp: str, body: bytes) -> str:
    """What MLflow sends in `X-MLflow-Signature` for these parts."""
    signed = b".".join((id_.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()


def is_authentic(delivery: Delivery, secret: str, now: float) -> bool:
    """Whether whoever knows the secret sent exactly this, within the window around `now`.

    Id and timestamp hold no dot, so that what was signed can be read in one way only. The comparison takes the
    same time wherever the signatures differ.

    Args:
        delivery: what arrived.
        secret: shared with MLflow; an empty one authenticates nobody.
        now: seconds since 1970.
    """
    if not (secret and _ID.fullmatch(delivery.id) and _SECONDS.fullmatch(delivery.timestamp)):
        return False
    expected = signature(secret, delivery.id, delivery.timestamp, delivery.body)
    is_signed = hmac.compare_digest(expected.encode(), delivery.signature.encode("utf-8", "replace"))
    return is_signed and abs(now - int(delivery.timestamp)) <= WINDOW_SECONDS


def forget_expired(remembered: Remembered, now: float) -> None:
    """Drop what is too old to be accepted again anyway."""
    for id_ in [id_ for id_, until in remembered.items() if until < now]:
        del remembered[id_]


def is_replay(remembered: Remembered, delivery: Delivery) -> bool:
    """Whether an authentic delivery was accepted before."""
    return delivery.id in remembered


def remember(remembered: Remembered, delivery: Delivery) -> bool:
    """Keep an authentic delivery until its timestamp leaves the window; False when there is no room."""
    if len(remembered) >= MOST_REMEMBERED:
        return False
    remembered[delivery.id] = int(delivery.timestamp) + WINDOW_SECONDS
    return True


def plan_hint(planned: float | None, now: float, at_most_every: float) -> float | None:
    """When the next hint has to go out, or None if one is still to come, which serves for this change as well.

    A change right after a hint is not lost: the reading that the hint led to may have missed it, so it gets a
    hint of its own when the interval is over.

    Args:
        planned: when the last hint went out or is to go out; None if there was none.
        now: on the same clock, in seconds, which never goes back.
        at_most_every: seconds between two hints.
    """
    if planned is None:
        return now
    return None if planned > now else max(now, planned + at_most_every)
