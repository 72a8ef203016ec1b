# SPDX-License-Identifier: Apache-2.0
"""Where the marks of a picture stand, in percent of its width and height: templates draw them, nothing is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from governance.core.gate_pictures import Point
from governance.core.terms import Observation, Words
from governance.core.wording import figure
from governance.reports.style import tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from governance.core.gate_pictures import Forest, Histogram, Trend

_PAD: Final = 0.08
_WHOLE: Final = 100.0


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale with some room at both ends."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Percent from the left or the bottom; what lies beyond ends at the edge."""
        return round(min(_WHOLE, max(0.0, _WHOLE * (value - self.low) / (self.high - self.low))), 2)


def axis(values: Iterable[float | None]) -> Axis:
    """A scale that shows every finite value."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    room = _PAD * (high - low) or _PAD * abs(high) or 1.0
    return Axis(low - room, high + room)


@dataclass(frozen=True, slots=True)
class Bar:
    """A point with its interval."""

    seen: Observation
    x: float
    left: float
    right: float
    tone: str


@dataclass(frozen=True, slots=True)
class ForestChart:
    """Intervals in one scale, with the limit as a line through all of them."""

    bars: tuple[Bar, ...]
    limit: float
    keeps_right: bool
    """The side of the limit on which all is well."""
    low: str
    high: str


def forest(picture: Forest) -> ForestChart:
    """Place the intervals of a forest plot."""
    values = [value for seen in picture.bars for value in (seen.value, seen.low, seen.high)]
    scale = axis([*values, picture.limit])
    bars = tuple(_bar(seen, scale) for seen in picture.bars)
    ends = (figure(scale.low, 2), figure(scale.high, 2))
    return ForestChart(bars, scale.at(picture.limit), picture.comparison == ">=", *ends)


def _bar(seen: Observation, scale: Axis) -> Bar:
    value = seen.value if seen.value is not None else scale.low
    left = 0.0 if seen.low is None else scale.at(seen.low)
    right = _WHOLE if seen.high is None else scale.at(seen.high)
    return Bar(seen, scale.at(value), left, right, tone(seen.verdict))


@dataclass(frozen=True, slots=True)
class Column:
    """One cell of a histogram: its shares then and now, and how high both are drawn."""

    name: Words
    reference: float | None
    current: float
    reference_height: float
    current_height: float
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class HistogramChart:
    """Cells side by side."""

    columns: tuple[Column, ...]
    highest: float


def histogram(picture: Histogram) -> HistogramChart:
    """Place the cells of a distribution; each takes an equal part of the width."""
    highest = max([*picture.reference, *picture.current], default=0.0) or 1.0
    width = _WHOLE / (len(picture.cells) or 1)
    columns = tuple(
        Column(
            name,
            picture.reference[place] if picture.reference else None,
            picture.current[place],
            round(_WHOLE * (picture.reference[place] if picture.reference else 0.0) / highest, 2),
            round(_WHOLE * picture.current[place] / highest, 2),
            round(place * width, 2),
            round(width, 2),
        )
        for place, name in enumerate(picture.cells)
    )
    return HistogramChart(columns, highest)


@dataclass(frozen=True, slots=True)
class Dot:
    """One point of a course."""

    point: Point
    x: float
    y: float
    low: float | None
    high: float | None
    tone: str


@dataclass(frozen=True, slots=True)
class Line:
    """From one point to the next, in percent."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class TrendChart:
    """A course in time with its limit and baseline; heights from the top."""

    dots: tuple[Dot, ...]
    lines: tuple[Line, ...]
    limit: float | None
    baseline: float | None
    low: str
    high: str


def trend(picture: Trend) -> TrendChart:
    """Place the points of a course: evenly, in the order of time."""
    seen = [point.seen for point in picture.points]
    values = [value for one in seen for value in (one.value, one.low, one.high)]
    base = picture.baseline.seen.value if picture.baseline else None
    scale = axis([*values, picture.limit, base])
    dots = tuple(_dot(point, place, len(picture.points), scale) for place, point in enumerate(picture.points))
    return TrendChart(
        dots,
        _lines(dots),
        None if picture.limit is None else _from_top(scale, picture.limit),
        None if base is None else _from_top(scale, base),
        figure(scale.low, 2),
        figure(scale.high, 2),
    )


def _dot(point: Point, place: int, count: int, scale: Axis) -> Dot:
    seen = point.seen
    low = None if seen.low is None else _from_top(scale, seen.low)
    high = None if seen.high is None else _from_top(scale, seen.high)
    x = round(_WHOLE * (place + 0.5) / count, 2)
    value = seen.value if seen.value is not None else scale.low
    return Dot(point, x, _from_top(scale, value), low, high, tone(seen.verdict))


def _from_top(scale: Axis, value: float) -> float:
    return round(_WHOLE - scale.at(value), 2)


def _lines(dots: Sequence[Dot]) -> tuple[Line, ...]:
    return tuple(Line(a.x, a.y, b.x, b.y) for a, b in pairwise(dots))
