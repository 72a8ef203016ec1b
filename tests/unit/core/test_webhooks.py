# SPDX-License-Identifier: Apache-2.0
"""Only what MLflow signed, just now and for the first time, is a hint; whoever lacks the secret changes nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from governance.core import webhooks
from governance.core.webhooks import Delivery, Remembered

SECRET = "a secret that both sides know"  # noqa: S105 - of the test
NOW = 1_793_000_000
IDS = st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True)
TEXT = st.text(max_size=200)
BODIES = st.binary(max_size=500)


def delivery(id_: str = "d-1", at: int = NOW, body: bytes = b"{}", secret: str = SECRET) -> Delivery:
    return Delivery(id_, str(at), webhooks.signature(secret, id_, str(at), body), body)


def is_authentic(arrived: Delivery, now: float = NOW) -> bool:
    return webhooks.is_authentic(arrived, SECRET, now)


def test_the_signature_is_the_one_that_mlflow_documents() -> None:
    signed = hmac.new(b"s", b'id.1.{"a": "\xe4\xba\xba"}', hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(signed).decode()
    assert webhooks.signature("s", "id", "1", '{"a": "人"}'.encode()) == expected


@given(id_=IDS, body=BODIES, off=st.integers(-webhooks.WINDOW_SECONDS, webhooks.WINDOW_SECONDS))
def test_what_was_signed_within_the_window_is_authentic(id_: str, body: bytes, off: int) -> None:
    assert is_authentic(delivery(id_, NOW + off, body))


@given(body=BODIES, other=BODIES)
def test_another_body_is_refused(body: bytes, other: bytes) -> None:
    assume(body != other)
    assert not is_authentic(replace(delivery(body=body), body=other))


@given(other=TEXT)
def test_another_id_is_refused(other: str) -> None:
    assume(other != "d-1")
    assert not is_authentic(replace(delivery(), id=other))


@given(other=TEXT | st.integers(NOW - 400, NOW + 400).map(str))
def test_another_timestamp_is_refused(other: str) -> None:
    assume(other != str(NOW))
    assert not is_authentic(replace(delivery(), timestamp=other))


@given(other=TEXT | TEXT.map("v1,".__add__))
def test_another_signature_is_refused(other: str) -> None:
    assume(other != delivery().signature)
    assert not is_authentic(replace(delivery(), signature=other))


@given(at=st.integers(1, len(delivery().signature) - 1))
def test_a_part_of_the_signature_is_refused(at: int) -> None:
    arrived = delivery()
    assert not is_authentic(replace(arrived, signature=arrived.signature[:at]))
    assert not is_authentic(replace(arrived, signature=arrived.signature + " " + arrived.signature))


@given(secret=st.text(max_size=40))
def test_another_secret_is_refused(secret: str) -> None:
    assume(secret != SECRET)
    assert not is_authentic(delivery(secret=secret))


def test_no_secret_authenticates_nobody() -> None:
    assert not webhooks.is_authentic(delivery(secret=""), "", NOW)


@given(id_=TEXT, timestamp=TEXT, body=BODIES)
def test_what_was_signed_cannot_be_cut_into_other_parts(id_: str, timestamp: str, body: bytes) -> None:
    # The same signed bytes, with the dots elsewhere.
    signed = f"{id_}.{timestamp}.".encode() + body
    real = webhooks.signature(SECRET, id_, timestamp, body)
    parts = signed.split(b".")
    for first in range(1, len(parts) - 1):
        head, seconds = b".".join(parts[:first]).decode(errors="replace"), parts[first].decode(errors="replace")
        again = Delivery(head, seconds, real, b".".join(parts[first + 1 :]))
        assert not is_authentic(again) or (head, seconds) == (id_, timestamp)


@pytest.mark.parametrize("off", [-301, 301, -86_400, 86_400])
def test_a_clock_too_far_off_is_refused_either_way(off: int) -> None:
    assert not is_authentic(delivery(at=NOW + off))


@pytest.mark.parametrize("timestamp", ["", "-1", "+1793000000", "1793000000.0", "1_793_000_000", "１７９３", "9" * 400])
def test_a_timestamp_is_plain_digits_even_if_signed(timestamp: str) -> None:
    signed = webhooks.signature(SECRET, "d", timestamp, b"")
    assert not is_authentic(Delivery("d", timestamp, signed, b""))


def test_a_delivery_is_a_replay_until_its_timestamp_leaves_the_window() -> None:
    known, arrived = Remembered(), delivery(at=NOW + 100)
    assert not webhooks.is_replay(known, arrived)
    assert webhooks.remember(known, arrived)
    for later in (0, 300, 400):
        webhooks.forget_expired(known, NOW + later)
        assert webhooks.is_replay(known, arrived)
    webhooks.forget_expired(known, NOW + 401)
    assert not known
    assert not is_authentic(arrived, NOW + 401)


def test_memory_has_an_end_and_nothing_unexpired_is_pushed_out() -> None:
    known = Remembered()
    assert all(webhooks.remember(known, delivery(str(n))) for n in range(webhooks.MOST_REMEMBERED))
    assert not webhooks.remember(known, delivery("one too many"))
    assert len(known) == webhooks.MOST_REMEMBERED
    assert webhooks.is_replay(known, delivery("0"))
    webhooks.forget_expired(known, NOW + 301)
    assert webhooks.remember(known, delivery("one too many"))


@given(gaps=st.lists(st.floats(0, 30), max_size=40), every=st.floats(1, 20))
def test_hints_keep_their_distance_and_every_change_has_one_after_it(gaps: list[float], every: float) -> None:
    now, planned, hints, changes = 0.0, None, [], []
    for gap in gaps:
        now += gap
        changes.append(now)
        at = webhooks.plan_hint(planned, now, every)
        if at is not None:
            planned = at
            hints.append(at)
    assert all(later - earlier >= every * 0.999 for earlier, later in pairwise(hints))
    assert all(any(change <= hint <= change + every for hint in hints) for change in changes)
