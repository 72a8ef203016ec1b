# SPDX-License-Identifier: Apache-2.0
"""Arguments of expectations that SQL and pandas are sure to read alike; all others are left to Great Expectations."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Mapping

Answer = dict[str, Any]
"""`success` and `result`, as Great Expectations' `to_json_dict` has them."""
Column = sa.ColumnElement[Any]

_EXACT: Final = 2**53
_SAFE_PATTERN: Final = re.compile(
    # Letters, digits and a few signs; escaped punctuation; sets of those; groups, alternatives, repetitions, anchors.
    r"(?:[A-Za-z0-9_ @,:;/<>=!%&~#'\"-]|\\[.\-+*?()\[\]{}|^$/\\]|\[\^?[A-Za-z0-9_ @.,:;+*-]+\]|[()|^$]|[*+?]|\{\d+(?:,\d*)?\})*"
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a number has to lie between; a bound that is None does not bind."""

    low: Any
    high: Any
    strict_low: bool
    strict_high: bool


def bounds_of(kwargs: Mapping[str, Any]) -> Bounds | None:
    """Both bounds, at least one of them a number; None if anything about them is odd."""
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    strict = [kwargs.get(name) or False for name in ("strict_min", "strict_max")]
    given = [bound for bound in (low, high) if bound is not None]
    if not given or not all(is_number(bound) for bound in given) or not all(isinstance(one, bool) for one in strict):
        return None
    if low is not None and high is not None and low > high:
        return None
    return Bounds(low, high, *strict)


def within(value: Column, bounds: Bounds) -> Column:
    """Whether a value keeps both bounds."""
    parts = []
    if bounds.low is not None:
        parts.append(value > number(bounds.low) if bounds.strict_low else value >= number(bounds.low))
    if bounds.high is not None:
        parts.append(value < number(bounds.high) if bounds.strict_high else value <= number(bounds.high))
    return sa.and_(*parts)


def observed(value: Any, bounds: Bounds) -> Answer:  # noqa: ANN401 - a number of the database
    """The answer of an expectation on one number; there may be none."""
    if value is None or math.isnan(value):
        return {"success": False, "result": {"observed_value": None}}
    above = bounds.low is None or (value > bounds.low if bounds.strict_low else value >= bounds.low)
    below = bounds.high is None or (value < bounds.high if bounds.strict_high else value <= bounds.high)
    return {"success": above and below, "result": {"observed_value": value}}


def number(value: float) -> Column:
    """A number as SQL writes it, so that a whole one is compared as whole."""
    return sa.literal(value, sa.BigInteger if isinstance(value, int) else sa.Double)


def mostly_of(kwargs: Mapping[str, Any]) -> float:
    """The share that has to be as expected; negative if it is no number."""
    value = kwargs.get("mostly", 1)
    return float(value) if is_number(value) else -1.0


def is_number(value: object) -> bool:
    """Whether it is a number that integers and floats write alike."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _EXACT


def are_whole(*values: object) -> bool:
    """Whether all that is given are integers."""
    return all(value is None or (isinstance(value, int) and not isinstance(value, bool)) for value in values)


def fits(value: object, kind: str) -> bool:
    """Whether a value can be in a column of that kind."""
    return isinstance(value, str) if kind == "text" else is_number(value)


def is_shared(pattern: str) -> bool:
    """Whether Python and RE2 read the pattern alike."""
    if not _SAFE_PATTERN.fullmatch(pattern) or "(?" in pattern:
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    # Repeated repetitions (a possessive a*+, a lazy a*?) and bare braces are read differently.
    return re.search(r"(?<!\\)[*+?}][*+?{]", pattern) is None


def ended(pattern: str) -> str:
    """Python's $ also stands before a line feed at the end; RE2's does not."""
    return re.sub(r"(\\.|\[[^\]]*\])|\$", lambda found: found[1] or r"(?:\n?\z)", pattern)
