# SPDX-License-Identifier: Apache-2.0
"""Equal content has an equal digest, and every database stores and returns the plain form."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from governance.core.evidence import digest, plain
from governance.core.terms import VersionKey

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.datetimes(timezones=st.just(UTC)) | st.dates()
    | st.builds(VersionKey, st.text(st.characters()), st.integers()) | st.integers(2**52, 2**1100) | st.sampled_from([2**53, -(2**53), 1e16, 1e300, -0.0]),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Inner:
    colour: Colour
    at: datetime


def like_jsonb(value: Any) -> Any:
    """What PostgreSQL's jsonb gives back: a float without fraction may come as an integer."""
    if isinstance(value, dict):
        return {name: like_jsonb(item) for name, item in value.items()}
    if isinstance(value, list):
        return [like_jsonb(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@given(anything)
def test_the_plain_form_of_anything_is_json_that_reads_back_equal(value: Any) -> None:
    text = json.dumps(plain(value), allow_nan=False, ensure_ascii=False)
    assert json.loads(text) == plain(value)


@given(anything)
def test_the_plain_form_holds_nothing_that_postgresql_refuses(value: Any) -> None:
    text = json.dumps(plain(value), ensure_ascii=False)
    text.encode()  # no half of a surrogate pair
    assert "\\u0000" not in text
    assert "\0" not in text


@given(anything)
def test_the_plain_form_of_a_plain_form_is_itself(value: Any) -> None:
    assert plain(plain(value)) == plain(value)
    assert digest(plain(value)) == digest(value)


@given(anything)
def test_a_digest_survives_the_database(value: Any) -> None:
    kept = plain(value)
    assert digest(json.loads(json.dumps(kept))) == digest(value)
    assert digest(like_jsonb(kept)) == digest(value)


@given(st.dictionaries(st.text(), st.integers() | st.text()), st.randoms())
def test_the_order_of_a_mapping_does_not_change_the_digest(content: dict[str, Any], random: Any) -> None:
    names = list(content)
    random.shuffle(names)
    assert digest({name: content[name] for name in names}) == digest(content)


@given(st.datetimes(timezones=st.timezones()))
def test_a_moment_has_one_form_in_every_time_zone(moment: datetime) -> None:
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        return
    assert plain(moment) == plain(utc)
    assert datetime.fromisoformat(plain(moment)) == utc


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (2**53 - 1, 2**53 - 1),
        (2**53, "9007199254740992"),
        (-(2**53), "-9007199254740992"),
        (1e300, "1e+300"),
        (0.1, 0.1),
        (True, True),
        (Colour.RED, "red"),
        ("a\0b", "a\u2400b"),
        ("\ud800x", "?x"),
        ("与信", "与信"),
        (date(2026, 10, 31), "2026-10-31"),
        (datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=9))), "2026-10-31T15:00:00.000000+00:00"),
        (VersionKey("m", 2), {"model": "m", "version": 2}),
        ((1, [2]), [1, [2]]),
        ({2: "b", "a": 1}, {"2": "b", "a": 1}),
        (Inner(Colour.RED, datetime(2026, 1, 1, tzinfo=UTC)), {"colour": "red", "at": "2026-01-01T00:00:00.000000+00:00"}),
    ],
)  # fmt: skip
def test_each_kind_of_value_has_a_known_form(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


def test_an_integer_too_long_to_print_has_a_form() -> None:
    assert plain(10**6000) == hex(10**6000)
    assert digest(10**6000) != digest(10**6000 + 1)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", 1j], ids=["object", "set", "bytes", "complex"])
def test_what_has_no_order_or_no_json_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="has no plain form"):
        digest(value)


def test_a_digest_is_sha256_over_rfc_8785() -> None:
    assert rfc8785.dumps(plain({"b": 1.0, "a": "é"})) == b'{"a":"\xc3\xa9","b":1}'
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
